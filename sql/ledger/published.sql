-- One row per row of a published table, in the columns that the warehouse keeps.
insert into store.{table} by name
select
    $run_id as run_id,
    {columns}
from read_parquet($files, union_by_name = true);
