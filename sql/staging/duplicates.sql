-- One row per staged row that repeats another one word for word; the first file's row stays.
insert into work.duplicates
with
contested as ( -- noqa: ST03
    select content_hash
    from work.{table}
    where not is_opted_out
    group by content_hash
    having count(*) > 1
),

ranked as (
    select
        staged.rowid as row_no,
        row_number() over (partition by staged.content_hash order by staged.part_no, staged.rowid) as place
    from work.{table} as staged
    inner join contested on contested.content_hash = staged.content_hash
    where not staged.is_opted_out
)

select
    '{table}' as table_name,
    row_no
from ranked
where place > 1;
