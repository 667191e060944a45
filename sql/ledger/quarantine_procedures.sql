-- One row per refused procedure row: why, where it stands, and its columns as text.
-- Of a malformed line only where it stands.
with
why as (
    select
        row_no,
        list_sort(list_distinct(flatten(list(reasons)))) as reasons
    from work.refused
    where table_name = 'procedures'
    group by row_no
),

refused as (
    select
        array_to_string(why.reasons, '; ') as reasons,
        staged.source,
        parts.name as file,
        cast(null as ubigint) as line,
        coalesce(people.patient_id, staged.patient_id) as patient_id,
        staged.code_system,
        staged.code,
        staged.name,
        staged.procedure_id,
        coalesce(staged.performed_on_raw, cast(staged.performed_on as varchar)) as performed_on,
        coalesce(staged.length_cm_raw, cast(staged.length_cm as varchar)) as length_cm,
        staged.status,
        coalesce(staged.received_at_raw, cast(staged.received_at as varchar)) as received_at
    from why
    inner join work.procedures as staged on staged.rowid = why.row_no
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
    where parts.table_name = 'procedures'
)

select *
from (
    select * from refused
    union all by name
    select * from malformed
) as refusals
order by all;
