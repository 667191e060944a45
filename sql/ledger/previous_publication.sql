-- One row: the latest published run before this one, with the B12 results it recognised.
select
    run_id,
    as_of,
    recognised_b12_rows
from store.runs
where state = 'published' and run_id <> $run_id
order by run_no desc
limit 1;
