-- One row per distinct patient row, with what its contract needs.
with
persons as (
    select patient_no, count(*) as versions
    from distinct_patients
    where patient_no is not null
    group by patient_no
),

at_odds as (
    select people.person_no
    from distinct_patients as staged
    inner join work.people on people.patient_no = staged.patient_no and people.is_linked
    group by people.person_no
    having count(distinct staged.birth_date) > 1
),

misfits as (
    select patient_no
    from work.people
    where is_contested or person_no in (select person_no from at_odds)
)

select
    staged.row_no,
    staged.patient_no is not null as has_patient_id,
    coalesce(persons.versions, 1) as versions,
    misfits.patient_no is not null as is_link_conflicting,
    staged.birth_date,
    staged.birth_date_raw is not null as is_birth_date_unreadable,
    staged.sex,
    (
        staged.registered_on_raw is not null
        or staged.deregistered_on_raw is not null
        or staged.deceased_on_raw is not null
    ) as has_unreadable_date
from distinct_patients as staged
left join persons on persons.patient_no = staged.patient_no
left join misfits on misfits.patient_no = staged.patient_no
order by staged.row_no;
