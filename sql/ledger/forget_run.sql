-- No row of this run is left: it is written anew.
delete from store.{table}
where run_id = $run_id;
