-- One row per refused row of the table.
insert into work.refused
select
    '{table}' as table_name,
    row_no,
    reasons
from given_refused;
