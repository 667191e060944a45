-- One row per laboratory concept: its rows in scope, those that repeat another, and those refused.
select
    staged.concept,
    count(*) as rows_in_scope,
    count(again.row_no) as duplicate,
    count(refused.row_no) as refused
from work.labs as staged
left join work.duplicates as again on again.table_name = 'labs' and again.row_no = staged.rowid
left join (
    select distinct row_no from work.refused where table_name = 'labs'
) as refused on refused.row_no = staged.rowid
where not staged.is_opted_out
group by staged.concept
order by staged.concept;
