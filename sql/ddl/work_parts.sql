-- One row per delivered file: `rows_in` records, of which `rows_parsed` could be told apart into columns.
create table if not exists work.parts (
    part_no integer not null,
    source varchar not null,
    table_name varchar not null,
    name varchar not null,
    format varchar not null,
    rows_counted bigint not null,
    rows_parsed bigint,
    sha256 varchar not null,
    size bigint not null
);
