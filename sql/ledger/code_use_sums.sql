-- One row: how many codes and names were counted, and sums of their hashes that no order can change.
select
    count(*) as codes,
    coalesce(sum(cast(row_hash >> 64 as ubigint)), 0) as upper_sum,
    coalesce(sum(cast(row_hash & 18446744073709551615 as ubigint)), 0) as lower_sum
from (
    select
        md5_number(concat_ws(chr(31), source, table_name, code_system, code, name, is_listed, rows)) as row_hash
    from work.code_use
) as counted;
