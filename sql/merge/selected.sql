-- One row per valid version of the table: in_force, superseded, or not_yet_known at the as-of date.
insert into work.selected
select
    '{table}' as table_name,
    known.row_no,
    case
        when not known.is_seen then 'not_yet_known'
        when standing.row_no is not null and same_sample.row_no is null then 'in_force'
        else 'superseded'
    end as state
from known
left join standing on standing.row_no = known.row_no
left join same_sample on same_sample.row_no = known.row_no;
