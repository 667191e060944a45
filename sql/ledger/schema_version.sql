-- One row: the layout of this file.
insert into store.schema_version
select $version
where not exists (from store.schema_version);
