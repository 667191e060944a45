-- One row per distinct version of a valid order that was ever seen.
-- `absent_since_run`: the first run whose snapshot no longer had it; null while it stands.
create table if not exists store.orders (
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    concept varchar,
    ordered_on date,
    status varchar,
    received_at timestamp,
    code_system varchar,
    code varchar,
    test_name varchar,
    content_hash uhugeint not null,
    key_hash uhugeint not null,
    first_seen_run varchar not null,
    absent_since_run varchar
);
