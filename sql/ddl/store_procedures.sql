-- One row per distinct version of a valid procedure that was ever seen.
-- `absent_since_run`: the first run whose snapshot no longer had it; null while it stands.
create table if not exists store.procedures (
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    code_key varchar,
    performed_on date,
    length_cm double,
    status varchar,
    received_at timestamp,
    code_system varchar,
    code varchar,
    name varchar,
    procedure_id varchar,
    content_hash uhugeint not null,
    key_hash uhugeint not null,
    first_seen_run varchar not null,
    absent_since_run varchar
);
