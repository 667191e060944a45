-- One row per run, source, table and code of a list: the rows of the extract that bore it.
-- A row without a code is known by its name, a code by itself.
create table if not exists store.code_use (
    run_id varchar not null,
    source varchar not null,
    table_name varchar not null,
    code_system varchar not null,
    code varchar not null,
    name varchar not null,
    rows bigint not null
);
