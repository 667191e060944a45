-- One row per staged row that broke its contract, with every reason.
create table if not exists work.refused (
    table_name varchar not null,
    row_no ubigint not null,
    reasons varchar[] not null
);
