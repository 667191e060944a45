-- One row per table with malformed lines: how many.
select
    parts.table_name,
    count(*) as malformed
from work.malformed
inner join work.parts on parts.part_no = malformed.part_no
group by parts.table_name
order by parts.table_name;
