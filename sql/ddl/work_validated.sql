-- One row per table whose contract was checked tonight.
create table if not exists work.validated (
    table_name varchar not null
);
