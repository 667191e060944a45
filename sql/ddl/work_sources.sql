-- One row per configured source of the night.
create table if not exists work.sources (
    source varchar not null,
    mode varchar not null
);
