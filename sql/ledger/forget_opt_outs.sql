-- One row per opt-out of tonight's sources: what the night found takes their place.
delete from store.opted_out
where source in (select source from work.sources);
