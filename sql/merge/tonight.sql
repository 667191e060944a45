-- One row per distinct valid row of tonight.
create or replace temp view tonight_{table} as
select
    staged.* exclude (patient_id, part_no, is_opted_out)
from distinct_{table} as staged
where staged.row_no not in (select row_no from work.refused where table_name = '{table}');
