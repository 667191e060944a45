-- One row per identifier of a person with a valid patient row. `patient_row_no`: its own valid row, if it has one.
-- `is_home`: the row in force for the person is this identifier's.
create table if not exists work.persons (
    patient_no integer not null,
    person_key uinteger not null,
    person_bucket utinyint not null,
    patient_row_no ubigint,
    birth_date date not null,
    deceased_on date,
    is_home boolean not null
);
