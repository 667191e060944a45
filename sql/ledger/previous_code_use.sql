-- One row per source, table and code of a list in the latest run of an earlier day that counted.
with
previous as (
    select runs.run_id
    from store.runs
    where
        runs.state = 'published'
        and runs.as_of < cast($as_of as date)
        and runs.run_id in (select code_use.run_id from store.code_use)
    order by runs.as_of desc, runs.run_no desc
    limit 1
)

select
    source,
    table_name,
    code_system,
    code,
    name,
    rows
from store.code_use
where run_id in (select previous.run_id from previous)
order by all;
