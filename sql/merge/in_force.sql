-- One row per version that stands.
-- Of a record, the latest received, then the highest standing; none if it was withdrawn.
create or replace temp table standing as
with
records as (
    select
        key_hash,
        count(*) as versions,
        any_value(row_no) as row_no
    from known
    where is_seen
    group by key_hash
    having not bool_or(is_withdrawn)
),

contested as (
    select
        known.row_no,
        rank() over (
            partition by known.key_hash
            order by
                known.received_at desc nulls last,
                known.standing desc,
                case when not known.keeps_ties then known.content_hash end desc
        ) as place
    from known
    inner join records on records.key_hash = known.key_hash and records.versions > 1
    where known.is_seen
)

select row_no
from records
where versions = 1
union all
select row_no
from contested
where place = 1;
