-- One row per distinct valid row of tonight.
create or replace temp view tonight_{table} as
select
    staged.* exclude (patient_id, part_no, is_opted_out)
from distinct_{table} as staged
where
    not exists (
        from work.refused
        where refused.table_name = '{table}' and refused.row_no = staged.row_no
    );
