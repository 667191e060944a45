-- One row per delivered procedure in scope; of a person who opted out, an empty row that only counts.
-- `patient_id` is filled only where the person is not known (otherwise see people);
-- `_raw` only where typing failed.
create table if not exists work.procedures (
    source varchar,
    part_no integer,
    patient_no integer,
    patient_id varchar,
    code_key varchar,
    performed_on date,
    length_cm double,
    status varchar,
    received_at timestamp,
    code_system varchar,
    code varchar,
    name varchar,
    procedure_id varchar,
    performed_on_raw varchar,
    received_at_raw varchar,
    length_cm_raw varchar,
    content_hash uhugeint,
    key_hash uhugeint,
    is_opted_out boolean
);
