-- One row per table and quarantine reason: how many rows it refused. A row with two reasons counts under both.
select
    table_name,
    reason,
    count(*) as rows
from (
    select distinct
        table_name,
        row_no,
        unnest(reasons) as reason
    from work.refused
    union all
    select
        parts.table_name,
        row_number() over () as row_no,
        'malformed_line' as reason
    from work.malformed
    inner join work.parts on parts.part_no = malformed.part_no
) as refusals
group by table_name, reason
order by table_name, reason;
