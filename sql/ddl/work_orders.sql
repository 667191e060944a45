-- One row per delivered order in scope; of a person who opted out, an empty row that only counts.
-- `patient_id` is filled only where the person is not known (otherwise see people);
-- `_raw` only where typing failed.
create table if not exists work.orders (
    source varchar,
    part_no integer,
    patient_no integer,
    patient_id varchar,
    concept varchar,
    ordered_on date,
    status varchar,
    received_at timestamp,
    code_system varchar,
    code varchar,
    test_name varchar,
    ordered_on_raw varchar,
    received_at_raw varchar,
    content_hash uhugeint,
    key_hash uhugeint,
    is_opted_out boolean
);
