-- One row per distinct code and name of a group of files; none yet.
create or replace temp table code_uses (
    source varchar,
    table_name varchar,
    code_system varchar,
    code varchar,
    name varchar,
    is_listed boolean,
    rows bigint,
    first_person integer,
    last_person integer
);
