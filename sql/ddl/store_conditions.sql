-- One row per distinct version of a valid condition that was ever seen.
-- `absent_since_run`: the first run whose snapshot no longer had it; null while it stands.
create table if not exists store.conditions (
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    code_key varchar,
    onset_on date,
    recorded_on date,
    resolved_on date,
    status varchar,
    is_family_history boolean,
    received_at timestamp,
    code_system varchar,
    code varchar,
    name varchar,
    condition_id varchar,
    content_hash uhugeint not null,
    key_hash uhugeint not null,
    first_seen_run varchar not null,
    absent_since_run varchar
);
