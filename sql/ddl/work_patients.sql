-- One row per delivered patient row in scope; of a person who opted out, an empty row that only counts.
-- `patient_id` is filled only where the person is not known (otherwise see people);
-- `_raw` only where typing failed.
create table if not exists work.patients (
    source varchar,
    part_no integer,
    patient_no integer,
    patient_id varchar,
    birth_date date,
    sex varchar,
    clinic_id varchar,
    registered_on date,
    deregistered_on date,
    deceased_on date,
    ethnicity varchar,
    is_sex_unreadable boolean,
    birth_date_raw varchar,
    registered_on_raw varchar,
    deregistered_on_raw varchar,
    deceased_on_raw varchar,
    content_hash uhugeint,
    key_hash uhugeint,
    is_opted_out boolean
);
