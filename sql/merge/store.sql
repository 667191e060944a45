-- One row per distinct version of a valid row: tonight's are added, those that came back stand again.
merge into store.{table} as stored
using (
    select
        valid.* exclude (patient_no, row_no, {raw_columns}),
        people.patient_id,
        people.person_bucket,
        $run_id as first_seen_run,
        cast(null as varchar) as absent_since_run
    from tonight_{table} as valid
    inner join work.people on people.patient_no = valid.patient_no
    where valid.row_no in (select row_no from fresh)
) as tonight
on stored.content_hash = tonight.content_hash
when matched and stored.absent_since_run is not null then update set absent_since_run = null
when not matched then insert by name;
