-- One row per delivered medication in scope; of a person who opted out, an empty row that only counts.
-- `patient_id` is filled only where the person is not known (otherwise see people);
-- `_raw` only where typing failed.
create table if not exists work.medications (
    source varchar,
    part_no integer,
    patient_no integer,
    patient_id varchar,
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
    start_on_raw varchar,
    end_on_raw varchar,
    received_at_raw varchar,
    days_supply_raw varchar,
    dose_quantity_raw varchar,
    doses_per_day_raw varchar,
    content_hash uhugeint,
    key_hash uhugeint,
    is_opted_out boolean
);
