-- One row per source and table of tonight with a watermark: it takes the place of the one before.
merge into store.watermarks as stored
using given_watermarks as given
    on stored.source = given.source and stored.table_name = given.table_name
when matched then update set watermark = given.watermark, run_id = $run_id
when not matched then insert (source, table_name, watermark, run_id)
    values (given.source, given.table_name, given.watermark, $run_id);
