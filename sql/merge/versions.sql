-- One row per distinct valid version: of tonight, and for an increment source of the store.
create or replace temp view versions_{table} as
select * from tonight_{table}
union all by name
select
    older.* exclude (patient_id, person_bucket, first_seen_run, absent_since_run),
    people.patient_no,
    cast({stored_rows} + older.rowid as ubigint) as row_no
from store.{table} as older
inner join work.sources on sources.source = older.source and sources.mode = 'increment'
inner join work.people on people.source = older.source and people.patient_id = older.patient_id
inner join work.persons on persons.patient_no = people.patient_no
where
    older.absent_since_run is null
    and not exists (
        from work.{table} as again
        where again.content_hash = older.content_hash
    );
