-- One row per refused laboratory row: why, where it stands, and its columns as text.
-- Of a malformed line only where it stands.
with
why as (
    select
        row_no,
        list_sort(list_distinct(flatten(list(reasons)))) as reasons
    from work.refused
    where table_name = 'labs'
    group by row_no
),

refused as (
    select
        array_to_string(why.reasons, '; ') as reasons,
        staged.source,
        parts.name as file,
        cast(null as ubigint) as line,
        coalesce(people.patient_id, staged.patient_id) as patient_id,
        staged.value,
        staged.unit,
        coalesce(staged.collected_at_raw, cast(staged.collected_at as varchar)) as collected_at,
        staged.code_system,
        staged.code,
        staged.test_name,
        staged.result_id,
        staged.sample_id,
        coalesce(staged.received_at_raw, cast(staged.received_at as varchar)) as received_at,
        staged.status,
        staged.reference_low,
        staged.reference_high,
        staged.performing_lab
    from why
    inner join work.labs as staged on staged.rowid = why.row_no
    inner join work.parts on parts.part_no = staged.part_no
    left join work.people on people.patient_no = staged.patient_no
),

stored as (
    select
        array_to_string(why.reasons, '; ') as reasons,
        older.source,
        'an earlier night' as file,
        older.patient_id,
        older.value,
        older.unit,
        cast(older.collected_at as varchar) as collected_at,
        older.code_system,
        older.code,
        older.test_name,
        older.result_id,
        older.sample_id,
        cast(older.received_at as varchar) as received_at,
        older.status,
        older.reference_low,
        older.reference_high,
        older.performing_lab
    from why
    inner join store.labs as older on $stored_rows + older.rowid = why.row_no
),

malformed as (
    select
        'malformed_line' as reasons,
        parts.source,
        parts.name as file,
        malformed.line
    from work.malformed
    inner join work.parts on parts.part_no = malformed.part_no
    where parts.table_name = 'labs'
)

select *
from (
    select * from refused
    union all by name
    select * from stored
    union all by name
    select * from malformed
) as refusals
order by all;
