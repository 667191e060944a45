-- One row: the layout of this file, checked whenever it is opened.
create table if not exists store.schema_version (
    version integer not null
);
