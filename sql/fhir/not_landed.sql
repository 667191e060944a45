-- One row per line of a file that could not be read.
select distinct
    line_no,
    fate
from {landed}
where fate in ('broken', 'unreadable')
order by line_no;
