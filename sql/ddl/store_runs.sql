-- One row per run. `recognised_b12_rows`: B12 results in force, for the comparison with the next night.
create table if not exists store.runs (
    run_no bigint not null,
    run_id varchar not null,
    as_of date not null,
    state varchar not null,
    pack varchar not null,
    code_version varchar not null,
    recognised_b12_rows bigint not null,
    counts json not null
);
