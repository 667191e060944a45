-- One row per run.
insert into store.runs by name
select
    coalesce($run_no, (select coalesce(max(run_no), 0) + 1 from store.runs)) as run_no,
    $run_id as run_id,
    cast($as_of as date) as as_of,
    $state as state,
    $pack as pack,
    $code_version as code_version,
    cast($recognised_b12_rows as bigint) as recognised_b12_rows,
    cast($counts as json) as counts;
