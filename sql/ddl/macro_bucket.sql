-- One bucket (0 to 255) per patient identifier: the first byte of its MD5.
create or replace temp macro bucket(patient_id) as
    cast(md5_number(patient_id) & 255 as utinyint);
