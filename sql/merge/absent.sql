-- One row per stored version of a snapshot source that tonight's snapshot no longer has.
update store.{table} as stored
set absent_since_run = $run_id
where
    stored.absent_since_run is null
    and stored.source in (select source from work.sources where mode = 'snapshot')
    and not exists (
        from work.{table} as delivered
        where
            delivered.content_hash = stored.content_hash
            and delivered.rowid not in (select row_no from work.refused where table_name = '{table}')
    );
