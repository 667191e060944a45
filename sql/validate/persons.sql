-- One row per valid person, numbered by source and patient id.
-- Of an increment source the stored row counts where none came tonight.
insert into work.persons
with
tonight as (
    select
        staged.patient_no,
        staged.row_no,
        staged.birth_date,
        staged.deceased_on
    from distinct_patients as staged
    where
        staged.patient_no is not null
        and staged.row_no not in (select row_no from work.refused where table_name = 'patients')
),

stored as (
    select
        people.patient_no,
        $stored_rows + older.rowid as row_no,
        older.birth_date,
        older.deceased_on
    from store.patients as older
    inner join work.sources on sources.source = older.source and sources.mode = 'increment'
    inner join work.people on people.source = older.source and people.patient_id = older.patient_id
    left join store.runs as first_run on first_run.run_id = older.first_seen_run
    where
        older.absent_since_run is null
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
    select * from tonight
    union all
    select * from stored
)

select
    valid.patient_no,
    cast(row_number() over (order by people.source, people.patient_id) - 1 as uinteger) as person_key,
    people.person_bucket,
    valid.row_no as patient_row_no,
    valid.birth_date,
    valid.deceased_on
from valid
inner join work.people on people.patient_no = valid.patient_no;
