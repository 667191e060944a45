-- One row per distinct valid row of tonight.
create or replace temp view tonight_{table} as
select
    staged.* exclude (patient_id, part_no, is_opted_out),
    people.patient_id,
    people.person_bucket
from distinct_{table} as staged
inner join work.people on people.patient_no = staged.patient_no
where
    not exists (
        from work.refused
        where refused.table_name = '{table}' and refused.row_no = staged.row_no
    );
