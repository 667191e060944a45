-- One row per distinct patient row, with what its contract needs.
with
persons as (
    select patient_no, count(*) as versions
    from distinct_patients
    where patient_no is not null
    group by patient_no
),

linked as (
    select
        people.person_no,
        staged.birth_date,
        (
            persons.versions > 1
            or staged.registered_on_raw is not null
            or staged.deregistered_on_raw is not null
            or staged.deceased_on_raw is not null
        ) as is_unusable
    from distinct_patients as staged
    inner join work.people on people.patient_no = staged.patient_no and people.is_linked
    inner join persons on persons.patient_no = staged.patient_no
    union all
    select people.person_no, older.birth_date, false as is_unusable
    from store.patients as older
    inner join work.sources on sources.source = older.source and sources.mode = 'increment'
    inner join work.people
        on people.source = older.source and people.patient_id = older.patient_id and people.is_linked
    where
        older.absent_since_run is null
        and people.patient_no not in (select patient_no from persons)
),

known as (
    select
        person_no,
        min(birth_date) as birth_date,
        count(distinct birth_date) > 1 or bool_or(is_unusable) as is_at_odds
    from linked
    group by person_no
),

misfits as (
    select patient_no
    from work.people
    where is_contested or person_no in (select person_no from known where is_at_odds)
)

select
    staged.row_no,
    staged.patient_no is not null as has_patient_id,
    coalesce(persons.versions, 1) as versions,
    misfits.patient_no is not null as is_link_conflicting,
    coalesce(staged.birth_date, known.birth_date) as birth_date,
    -- Of a linked person another record says it.
    staged.birth_date_raw is not null and known.birth_date is null as is_birth_date_unreadable,
    staged.sex,
    (
        staged.registered_on_raw is not null
        or staged.deregistered_on_raw is not null
        or staged.deceased_on_raw is not null
    ) as has_unreadable_date
from distinct_patients as staged
left join persons on persons.patient_no = staged.patient_no
left join misfits on misfits.patient_no = staged.patient_no
left join work.people on people.patient_no = staged.patient_no
left join known on known.person_no = people.person_no
order by staged.row_no;
