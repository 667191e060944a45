-- One row per identifier known tonight (delivered, stored or linked) of who did not opt out.
-- `person_no`: the person it means; `is_linked`: other identifiers mean the same person. `person_name` is the same
-- every night. `is_contested`: the crosswalk links it to several persons.
create table if not exists work.people (
    patient_no integer not null,
    source varchar not null,
    patient_id varchar not null,
    person_bucket utinyint not null,
    person_no integer not null,
    person_name varchar not null,
    is_linked boolean not null,
    is_contested boolean not null
);
