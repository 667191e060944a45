-- One row per valid row of tonight or of the store: in_force, superseded or not_yet_known at the as-of date.
create table if not exists work.selected (
    table_name varchar not null,
    row_no ubigint not null,
    state varchar not null
);
