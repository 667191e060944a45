-- One row per run, clinical status and worklist (empty: on none): how many people.
create or replace view v_funnel as
select
    runs.run_no,
    decisions.run_id,
    runs.as_of,
    decisions.clinical_status,
    coalesce(listed.list, '') as list,
    count(*) as people
from decisions
inner join runs on runs.run_id = decisions.run_id
left join lateral (select unnest(decisions.lists) as list) as listed on true
group by all;
