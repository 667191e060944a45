-- One row per worklist item of a person who opted out: those whose decision is gone.
-- A list names no source: of two people with one identifier the clinic tells them apart.
delete from store.worklist_items as items
where
    items.patient_id in (
        select decided.patient_id
        from store.decisions as decided
        where person_hash(decided.source, decided.patient_id) in (select person_hash from work.opted_out)
    )
    and not exists (
        from store.decisions as stays
        where
            stays.run_id = items.run_id
            and stays.patient_id = items.patient_id
            and stays.clinic_id = items.clinic_id
            and person_hash(stays.source, stays.patient_id) not in (select person_hash from work.opted_out)
    );
