-- One row per distinct version of a valid laboratory result that was ever seen.
-- `absent_since_run`: the first run whose snapshot no longer had it; null while it stands.
create table if not exists store.labs (
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    concept varchar,
    value varchar,
    unit varchar,
    collected_at timestamp,
    is_date_only boolean,
    received_at timestamp,
    code_system varchar,
    code varchar,
    test_name varchar,
    result_id varchar,
    sample_id varchar,
    status varchar,
    reference_low varchar,
    reference_high varchar,
    performing_lab varchar,
    decimal_comma boolean,
    content_hash uhugeint not null,
    key_hash uhugeint not null,
    first_seen_run varchar not null,
    absent_since_run varchar
);
