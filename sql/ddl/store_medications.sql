-- One row per distinct version of a valid medication that was ever seen.
-- `absent_since_run`: the first run whose snapshot no longer had it; null while it stands.
create table if not exists store.medications (
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    code_key varchar,
    start_on date,
    end_on date,
    days_supply integer,
    dose_quantity double,
    dose_unit varchar,
    doses_per_day double,
    kind varchar,
    route varchar,
    status varchar,
    received_at timestamp,
    code_system varchar,
    code varchar,
    drug_name varchar,
    medication_id varchar,
    content_hash uhugeint not null,
    key_hash uhugeint not null,
    first_seen_run varchar not null,
    absent_since_run varchar
);
