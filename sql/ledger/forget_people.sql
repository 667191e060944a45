-- One row per published or quarantined row of a person who opted out: none is left.
delete from store.{table}
where person_hash(source, patient_id) in (select person_hash from work.opted_out);
