-- No row: encounters are not asked.
create or replace temp table visited (person_id varchar, clinic_id varchar);
