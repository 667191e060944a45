-- One row per refused order row: why, where it stands, and its columns as text.
-- Of a malformed line only where it stands.
with
why as (
    select
        row_no,
        list_sort(list_distinct(flatten(list(reasons)))) as reasons
    from work.refused
    where table_name = 'orders'
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
        staged.test_name,
        coalesce(staged.ordered_on_raw, cast(staged.ordered_on as varchar)) as ordered_on,
        staged.status,
        coalesce(staged.received_at_raw, cast(staged.received_at as varchar)) as received_at
    from why
    inner join work.orders as staged on staged.rowid = why.row_no
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
    where parts.table_name = 'orders'
)

select *
from (
    select * from refused
    union all by name
    select * from malformed
) as refusals
order by all;
