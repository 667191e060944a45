-- One row: how many people opted out, and sums of their hashes that no order can change.
select
    count(*) as people,
    coalesce(sum(cast(person_hash >> 64 as ubigint)), 0) as upper_sum,
    coalesce(sum(cast(person_hash & 18446744073709551615 as ubigint)), 0) as lower_sum
from (select distinct person_hash from work.opted_out) as people;
