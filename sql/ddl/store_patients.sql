-- One row per distinct version of a valid patient row that was ever seen.
-- `absent_since_run`: the first run whose snapshot no longer had it; null while it stands.
create table if not exists store.patients (
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    birth_date date,
    sex varchar,
    clinic_id varchar,
    registered_on date,
    deregistered_on date,
    deceased_on date,
    ethnicity varchar,
    is_sex_unreadable boolean,
    content_hash uhugeint not null,
    key_hash uhugeint not null,
    first_seen_run varchar not null,
    absent_since_run varchar
);
