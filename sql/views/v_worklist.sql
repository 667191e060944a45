-- One row per person and worklist of the latest published run.
create or replace view v_worklist as
select items.*
from worklist_items as items
inner join (
    select run_id
    from runs
    where state = 'published'
    order by run_no desc
    limit 1
) as latest on latest.run_id = items.run_id;
