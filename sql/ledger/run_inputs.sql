-- One row per run and delivered file.
insert into store.run_inputs by name
select
    $run_id as run_id,
    source,
    table_name,
    name,
    rows_counted as rows,
    sha256,
    size
from work.parts;
