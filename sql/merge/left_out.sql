-- One row per valid version of the table that is not in force.
create or replace temp table left_out as
select row_no
from work.selected
where table_name = '{table}' and state <> 'in_force';
