-- One row per source and table that is read from a watermark on: how far the committed nights have read.
create table if not exists store.watermarks (
    source varchar not null,
    table_name varchar not null,
    watermark varchar not null,
    run_id varchar not null
);
