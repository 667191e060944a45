-- One number per person of a source, the same every night.
-- It stands for the identifier where that must not be kept.
create or replace temp macro person_hash(source, patient_id) as
    md5_number(source || chr(31) || patient_id);
