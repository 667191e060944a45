-- One row per delivered laboratory result in scope; of a person who opted out, an empty row that only counts.
-- `patient_id` is filled only where the person is not known (otherwise see people);
-- `_raw` only where typing failed.
create table if not exists work.labs (
    source varchar,
    part_no integer,
    patient_no integer,
    patient_id varchar,
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
    collected_at_raw varchar,
    received_at_raw varchar,
    content_hash uhugeint,
    key_hash uhugeint,
    is_opted_out boolean
);
