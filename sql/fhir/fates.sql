-- One row per fate of the lines of a landed file: how many.
select
    fate,
    count(*) as lines
from {landed}
group by fate
order by fate;
