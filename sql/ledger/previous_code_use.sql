-- One row per source, table and code of a list in the latest run before this one that counted, as of no later day.
with
own as (
    select coalesce(
        (select run_no from store.runs where run_id = $run_id),
        (select coalesce(max(run_no), 0) + 1 from store.runs)
    ) as run_no
),

previous as (
    select runs.run_id
    from store.runs
    where
        runs.state = 'published'
        and runs.as_of <= cast($as_of as date)
        and runs.run_no < (select own.run_no from own)
        and runs.run_id in (select code_use.run_id from store.code_use)
    order by runs.run_no desc
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
