-- One row per distinct version of a valid row that the store has never held.
insert into store.{table} by name
select
    valid.* exclude (patient_no, row_no, {raw_columns}),
    people.patient_id,
    people.person_bucket,
    $run_id as first_seen_run,
    cast(null as varchar) as absent_since_run
from tonight_{table} as valid
inner join work.people on people.patient_no = valid.patient_no
where valid.row_no in (
    select row_no from fresh
    where content_hash not in (select content_hash from store.{table})
);
