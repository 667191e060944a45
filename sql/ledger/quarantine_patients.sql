-- One row per refused patient row: why, where it stands, and its columns as text.
-- Of a malformed line only where it stands.
with
why as (
    select
        row_no,
        list_sort(list_distinct(flatten(list(reasons)))) as reasons
    from work.refused
    where table_name = 'patients'
    group by row_no
),

refused as (
    select
        array_to_string(why.reasons, '; ') as reasons,
        staged.source,
        parts.name as file,
        cast(null as ubigint) as line,
        coalesce(people.patient_id, staged.patient_id) as patient_id,
        coalesce(staged.birth_date_raw, cast(staged.birth_date as varchar)) as birth_date,
        staged.sex,
        staged.clinic_id,
        coalesce(staged.registered_on_raw, cast(staged.registered_on as varchar)) as registered_on,
        coalesce(staged.deregistered_on_raw, cast(staged.deregistered_on as varchar)) as deregistered_on,
        coalesce(staged.deceased_on_raw, cast(staged.deceased_on as varchar)) as deceased_on,
        staged.ethnicity,
        cast(null as varchar) as opted_out
    from why
    inner join work.patients as staged on staged.rowid = why.row_no
    inner join work.parts on parts.part_no = staged.part_no
    left join work.people on people.patient_no = staged.patient_no
),

malformed as (
    select
        'malformed_line' as reasons,
        parts.source,
        parts.name as file,
        malformed.line
    from work.malformed
    inner join work.parts on parts.part_no = malformed.part_no
    where parts.table_name = 'patients'
)

select *
from (
    select * from refused
    union all by name
    select * from malformed
) as refusals
order by all;
