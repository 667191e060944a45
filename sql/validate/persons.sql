-- One row per identifier of a valid person, the persons numbered by the source and identifier of their home.
-- Of an increment source the stored row counts where none came tonight. Of several rows of a linked person the one
-- of who is responsible at the as-of date is in force: registered, with a clinic, of the source that ranks first,
-- registered last. A death that any row tells counts.
insert into work.persons
with
tonight as (
    select
        staged.patient_no,
        staged.row_no,
        staged.birth_date,
        staged.deceased_on,
        staged.clinic_id,
        staged.registered_on,
        staged.deregistered_on
    from distinct_patients as staged
    where
        staged.patient_no is not null
        and staged.row_no not in (select row_no from work.refused where table_name = 'patients')
),

at_odds as (
    select people.person_no
    from work.refused
    inner join work.patients as delivered on cast(delivered.rowid as ubigint) = refused.row_no
    inner join work.people on people.patient_no = delivered.patient_no
    where refused.table_name = 'patients' and list_contains(refused.reasons, 'link_conflicting')
),

stored as (
    select
        people.patient_no,
        $stored_rows + older.rowid as row_no,
        older.birth_date,
        older.deceased_on,
        older.clinic_id,
        older.registered_on,
        older.deregistered_on
    from store.patients as older
    inner join work.sources on sources.source = older.source and sources.mode = 'increment'
    inner join work.people on people.source = older.source and people.patient_id = older.patient_id
    left join store.runs as first_run on first_run.run_id = older.first_seen_run
    where
        older.absent_since_run is null
        and not people.is_contested
        and people.person_no not in (select at_odds.person_no from at_odds)
        and people.patient_no not in (
            select delivered.patient_no from work.patients as delivered where delivered.patient_no is not null
        )
    qualify
        row_number() over (
            partition by people.patient_no
            order by first_run.run_no desc nulls last, older.content_hash desc
        ) = 1
),

valid as (
    select
        rows_of_people.*,
        people.source,
        people.patient_id,
        people.person_no,
        people.is_linked
    from (
        select * from tonight
        union all
        select * from stored
    ) as rows_of_people
    inner join work.people on people.patient_no = rows_of_people.patient_no
),

ranked as (
    select
        valid.*,
        min(valid.deceased_on) over (partition by valid.person_no) as person_deceased_on,
        min(valid.birth_date) over (partition by valid.person_no) as person_birth_date,
        row_number() over (
            partition by valid.person_no
            order by
                coalesce(valid.registered_on <= $as_of, true)
                and coalesce(valid.deregistered_on > $as_of, true) desc,
                valid.clinic_id is not null desc,
                sources.home_rank,
                valid.registered_on desc nulls last,
                valid.source,
                valid.patient_id
        ) as place
    from valid
    inner join work.sources on sources.source = valid.source
    where valid.is_linked
),

homes as (
    select patient_no, person_no, source, patient_id, birth_date, deceased_on
    from valid
    where not is_linked
    union all
    select
        patient_no,
        person_no,
        source,
        patient_id,
        person_birth_date as birth_date,
        person_deceased_on as deceased_on
    from ranked
    where place = 1
),

numbered as (
    select
        *,
        cast(row_number() over (order by source, patient_id) - 1 as uinteger) as person_key
    from homes
)

select
    people.patient_no,
    numbered.person_key,
    bucket(case when people.is_linked then people.person_name else people.patient_id end) as person_bucket,
    valid.row_no as patient_row_no,
    numbered.birth_date,
    numbered.deceased_on,
    people.patient_no = numbered.patient_no as is_home
from numbered
inner join work.people on people.person_no = numbered.person_no
left join valid on valid.patient_no = people.patient_no;
