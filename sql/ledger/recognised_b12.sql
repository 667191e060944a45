-- One number: B12 results in force and readable tonight.
select count(*)
from versions_labs as versions
inner join work.selected
    on selected.row_no = versions.row_no and selected.table_name = 'labs' and selected.state = 'in_force'
where starts_with(versions.concept, 'lab_b12_');
