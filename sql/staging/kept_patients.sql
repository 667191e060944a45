-- One row per delivered patient row; of a person who opted out, a blank row that only counts.
insert into work.patients by name
with
marked as (
    select
        reported.* exclude (is_opted_out, is_opted_in, patient_no),
        people.patient_no,
        coalesce(reported.is_opted_out, false) or opted_out.person_hash is not null as is_opted_out
    from patients_reported as reported
    left join work.people on people.source = reported.source and people.patient_id = reported.patient_id
    left join work.opted_out
        on opted_out.person_hash = case when reported.patient_id is not null then reported.key_hash end
)

select * exclude (patient_id), null as patient_id
from marked
where not is_opted_out
union all by name
select source, part_no, true as is_opted_out
from marked
where is_opted_out;
