-- One row per refused medication row: why, where it stands, and its columns as text.
-- Of a malformed line only where it stands.
with
why as (
    select
        row_no,
        list_sort(list_distinct(flatten(list(reasons)))) as reasons
    from work.refused
    where table_name = 'medications'
    group by row_no
),

refused as (
    select
        array_to_string(why.reasons, '; ') as reasons,
        staged.source,
        parts.name as file,
        cast(null as ubigint) as line,
        coalesce(people.patient_id, staged.patient_id) as patient_id,
        coalesce(staged.start_on_raw, cast(staged.start_on as varchar)) as start_on,
        staged.code_system,
        staged.code,
        staged.drug_name,
        staged.medication_id,
        staged.kind,
        staged.route,
        coalesce(staged.dose_quantity_raw, cast(staged.dose_quantity as varchar)) as dose_quantity,
        staged.dose_unit,
        coalesce(staged.doses_per_day_raw, cast(staged.doses_per_day as varchar)) as doses_per_day,
        coalesce(staged.days_supply_raw, cast(staged.days_supply as varchar)) as days_supply,
        coalesce(staged.end_on_raw, cast(staged.end_on as varchar)) as end_on,
        staged.status,
        coalesce(staged.received_at_raw, cast(staged.received_at as varchar)) as received_at
    from why
    inner join work.medications as staged on staged.rowid = why.row_no
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
    where parts.table_name = 'medications'
)

select *
from (
    select * from refused
    union all by name
    select * from malformed
) as refusals
order by all;
