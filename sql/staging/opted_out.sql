-- One row per person of whom any row says, or may say, that they opted out.
insert into work.opted_out
select distinct key_hash
from patients_reported
where is_opted_out and patient_id is not null;
