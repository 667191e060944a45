-- One row per published row of a person who opted out: none is left.
delete from store.{table}
where exists (
    from work.sources
    inner join work.opted_out on opted_out.person_hash = person_hash(sources.source, {table}.patient_id)
);
