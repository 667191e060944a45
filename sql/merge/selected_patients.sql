-- One row per valid patient row: in force for its person, or superseded by the row of the person's home.
insert into work.selected
select
    'patients' as table_name,
    patient_row_no as row_no,
    case when is_home then 'in_force' else 'superseded' end as state
from work.persons
where patient_row_no is not null;
