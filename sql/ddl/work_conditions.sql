-- One row per delivered condition in scope; of a person who opted out, an empty row that only counts.
-- `patient_id` is filled only where the person is not known (otherwise see people);
-- `_raw` only where typing failed.
create table if not exists work.conditions (
    source varchar,
    part_no integer,
    patient_no integer,
    patient_id varchar,
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
    onset_on_raw varchar,
    recorded_on_raw varchar,
    resolved_on_raw varchar,
    received_at_raw varchar,
    content_hash uhugeint,
    key_hash uhugeint,
    is_opted_out boolean
);
