-- One row per source, table, code system, code and name as reported tonight, with its rows.
-- Those with few rows, or of one person alone, are not here: a rare name may be somebody's.
create table if not exists work.code_use (
    source varchar not null,
    table_name varchar not null,
    code_system varchar not null,
    code varchar not null,
    name varchar not null,
    is_listed boolean not null,
    rows bigint not null
);
