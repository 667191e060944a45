-- One row per person whose patient row is valid; `patient_row_no` is the row in force.
create table if not exists work.persons (
    patient_no integer not null,
    person_key uinteger not null,
    person_bucket utinyint not null,
    patient_row_no ubigint not null,
    birth_date date not null,
    deceased_on date
);
