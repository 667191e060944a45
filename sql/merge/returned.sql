-- One row per stored version that was absent and came back tonight: it stands again.
update store.{table} as stored
set absent_since_run = null
where
    stored.absent_since_run is not null
    and stored.content_hash in (select content_hash from fresh);
