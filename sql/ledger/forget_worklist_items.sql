-- One row per worklist item under the identifier of a person who opted out.
-- A list names no source: where another person bears the same identifier in the same run, that one's items go too.
-- Better a gap in another's history than one result of somebody who asked to be forgotten.
delete from store.worklist_items as items
where exists (
    from store.decisions as decided
    where
        decided.run_id = items.run_id
        and decided.patient_id = items.patient_id
        and person_hash(decided.source, decided.patient_id) in (select person_hash from work.opted_out)
);
