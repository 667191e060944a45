-- One row per person delivered tonight, or stored of an increment source, who did not opt out.
insert into work.people
with
named as (
    select distinct source, patient_id
    from patients_reported
    where patient_id is not null
    union
    select stored.source, stored.patient_id
    from store.patients as stored
    inner join work.sources on sources.source = stored.source and sources.mode = 'increment'
    where stored.absent_since_run is null
)

select
    cast(row_number() over (order by source, patient_id) as integer) as patient_no,
    source,
    patient_id,
    bucket(patient_id) as person_bucket
from named
where not exists (
    from work.opted_out
    where opted_out.person_hash = person_hash(named.source, named.patient_id)
);
