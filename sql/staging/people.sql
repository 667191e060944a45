-- One row per identifier of a person who did not opt out and of whom there is a patient row.
insert into work.people
with
remaining as (
    select *
    from identities
    where person_hash not in (select opted_out.person_hash from work.opted_out)
),

numbered as (
    select
        cast(row_number() over (order by source, patient_id) as integer) as patient_no,
        source,
        patient_id,
        person_name,
        is_contested
    from remaining
    where has_row or person_name in (select known.person_name from remaining as known where known.has_row)
),

linked as (
    select person_name, min(patient_no) as person_no
    from numbered
    group by person_name
    having count(*) > 1
)

select
    numbered.patient_no,
    numbered.source,
    numbered.patient_id,
    bucket(numbered.patient_id) as person_bucket,
    coalesce(linked.person_no, numbered.patient_no) as person_no,
    numbered.person_name,
    linked.person_no is not null as is_linked,
    numbered.is_contested
from numbered
left join linked on linked.person_name = numbered.person_name;
