-- One row per table: how many distinct rows the night rests on, and sums of their hashes that no order can change.
select
    '{table}' as table_name,
    count(*) as rows,
    coalesce(sum(cast(content_hash >> 64 as ubigint)), 0) as upper_sum,
    coalesce(sum(cast(content_hash & 18446744073709551615 as ubigint)), 0) as lower_sum
from (
    select content_hash
    from distinct_{table} -- noqa: LT01
    union
    select older.content_hash -- noqa: RF01
    from store.{table} as older
    inner join work.sources on sources.source = older.source and sources.mode = 'increment'
    where
        older.absent_since_run is null
        and person_hash(older.source, older.patient_id) not in (select person_hash from work.opted_out)
) as content;
