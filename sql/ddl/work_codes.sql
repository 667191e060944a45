-- One row per distinct reported code or drug name and concept it belongs to.
create table if not exists work.codes (
    code_id uinteger not null,
    code_key varchar not null,
    concept varchar not null,
    breadth varchar not null,
    matched_by varchar not null
);
