-- One row: the number of a run that is written again.
select run_no
from store.runs
where run_id = $run_id;
