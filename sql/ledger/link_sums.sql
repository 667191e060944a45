-- One row: how many identifiers are linked or contested, and sums of hashes of what they mean that no order can change.
select
    count(*) as identifiers,
    coalesce(sum(cast(name_hash >> 64 as ubigint)), 0) as upper_sum,
    coalesce(sum(cast(name_hash & 18446744073709551615 as ubigint)), 0) as lower_sum
from (
    select md5_number(concat_ws(chr(31), source, patient_id, person_name, is_contested)) as name_hash
    from work.people
    where is_linked or is_contested
) as linked;
