-- One row per link of the crosswalk: an identifier of a namespace, and the person it means.
-- `is_contested`: the same identifier is linked to another person as well.
create table if not exists work.links (
    namespace varchar not null,
    patient_id varchar not null,
    person_id varchar not null,
    is_contested boolean not null
);
