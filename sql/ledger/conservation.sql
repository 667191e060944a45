-- One row: where every delivered row of the table went. Rows that stand from an earlier night are not among them.
with
delivered as (
    select
        coalesce(sum(rows_parsed), 0) as parsed,
        coalesce(sum((select count(*) from work.malformed where malformed.part_no = parts.part_no)), 0) as malformed
    from work.parts
    where table_name = '{table}'
),

staged as (
    select
        count(*) as kept,
        count(*) filter (where is_opted_out) as opted_out
    from work.{table}
),

again as (
    select count(*) as duplicate
    from work.duplicates
    where table_name = '{table}'
),

refused as (
    select distinct row_no
    from work.refused
    where table_name = '{table}' and row_no < $stored_rows
),

states as (
    select
        count(*) filter (where selected.state = 'in_force') as in_force,
        count(*) filter (where selected.state = 'superseded') as superseded,
        count(*) filter (where selected.state = 'not_yet_known') as not_yet_known
    from work.selected
    where
        selected.table_name = '{table}'
        and selected.row_no < $stored_rows
        and selected.row_no not in (select row_no from refused)
)

select
    '{table}' as table_name,
    cast(delivered.parsed + delivered.malformed as bigint) as rows_in,
    states.in_force,
    again.duplicate + states.superseded as duplicate_or_superseded,
    states.not_yet_known,
    cast(delivered.parsed - staged.kept as bigint) as out_of_scope,
    staged.opted_out,
    cast(delivered.malformed + (select count(*) from refused) as bigint) as quarantined,
    again.duplicate,
    states.superseded,
    cast(delivered.malformed as bigint) as malformed
from delivered, staged, again, states;
