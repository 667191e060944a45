-- One row per valid patient row: in force for its person.
insert into work.selected
select
    'patients' as table_name,
    patient_row_no as row_no,
    'in_force' as state
from work.persons;
