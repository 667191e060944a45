-- One row per delivered patient row, in memory only: people who opted out have not been taken out yet.
create or replace temp table patients_reported as
from work.patients
limit 0;
