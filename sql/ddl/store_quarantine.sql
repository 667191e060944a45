-- One row per run and refused row: its reasons, where it stands, and whose it is.
-- `patient_id` is null where none was readable.
create table if not exists store.quarantine (
    run_id varchar not null,
    table_name varchar not null,
    reasons varchar not null,
    source varchar not null,
    file varchar not null,
    line ubigint,
    patient_id varchar
);
