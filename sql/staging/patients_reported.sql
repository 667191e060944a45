-- One row per delivered patient row, in memory only: people who opted out have not been taken out yet.
create or replace temp table patients_reported as
select
    *,
    cast(null as boolean) as is_opted_in
from work.patients
limit 0;
