-- One row per run and delivered file, with the rows counted in it and the hash of its bytes.
create table if not exists store.run_inputs (
    run_id varchar not null,
    source varchar not null,
    table_name varchar not null,
    name varchar not null,
    rows bigint not null,
    sha256 varchar not null,
    size bigint not null
);
