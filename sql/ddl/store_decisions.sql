-- One row per run and person who could be decided on.
create table if not exists store.decisions (
    run_id varchar not null,
    source varchar,
    patient_id varchar not null,
    person_bucket utinyint,
    clinic_id varchar,
    clinical_status varchar,
    rule_id varchar,
    decision_key varchar,
    lists varchar[],
    priority varchar,
    reason varchar,
    index_class varchar,
    replacement varchar,
    mma varchar,
    neuro varchar,
    cause varchar,
    regimen_id varchar
);
