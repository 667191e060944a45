-- One row per line that could not be told apart into columns: where it stands, nothing of what it says.
create table if not exists work.malformed (
    part_no integer not null,
    line ubigint not null
);
