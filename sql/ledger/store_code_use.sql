-- One row per run, source, table and code of a list, with its rows; a row without a code stands under its name.
insert into store.code_use by name
select
    $run_id as run_id,
    source,
    table_name,
    code_system,
    code,
    case when code = '' then name else '' end as name,
    sum(rows) as rows
from work.code_use
where is_listed
group by all;
