-- One row per person known tonight (delivered, or stored of an increment source) who did not opt out.
create table if not exists work.people (
    patient_no integer not null,
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null
);
