-- One row per row of a landed file that is one of its table.
select * exclude (fate, line_no)
from {landed}
where fate in ('row', 'component');
