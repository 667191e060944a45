-- One row per staged row that repeats another one word for word.
create table if not exists work.duplicates (
    table_name varchar not null,
    row_no ubigint not null
);
