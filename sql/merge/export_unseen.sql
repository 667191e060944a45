-- One row per refused row of a valid person: what the rules could not see of them.
-- `concept` is known for laboratory rows only. What nobody knew at the as-of date is not asked for.
copy (
    select
        persons.person_key,
        persons.person_bucket,
        unseen.table_name,
        unseen.concept,
        unseen.reasons
    from (
        select refused.table_name, staged.patient_no, staged.concept, refused.reasons
        from work.refused
        inner join work.labs as staged on cast(staged.rowid as ubigint) = refused.row_no
        where
            refused.table_name = 'labs'
            and coalesce(staged.collected_at <= $as_of_end, true)
            and coalesce(staged.received_at <= $as_of_end, true)
        union all
        select refused.table_name, staged.patient_no, null as concept, refused.reasons
        from work.refused
        inner join work.medications as staged on cast(staged.rowid as ubigint) = refused.row_no
        where
            refused.table_name = 'medications'
            and coalesce(staged.start_on <= $as_of_end, true)
            and coalesce(staged.received_at <= $as_of_end, true)
        union all
        select refused.table_name, staged.patient_no, null as concept, refused.reasons
        from work.refused
        inner join work.conditions as staged on cast(staged.rowid as ubigint) = refused.row_no
        where
            refused.table_name = 'conditions'
            and coalesce(coalesce(staged.recorded_on, staged.onset_on) <= $as_of_end, true)
            and coalesce(staged.received_at <= $as_of_end, true)
        union all
        select refused.table_name, staged.patient_no, null as concept, refused.reasons
        from work.refused
        inner join work.procedures as staged on cast(staged.rowid as ubigint) = refused.row_no
        where
            refused.table_name = 'procedures'
            and coalesce(staged.performed_on <= $as_of_end, true)
            and coalesce(staged.received_at <= $as_of_end, true)
        union all
        select refused.table_name, staged.patient_no, null as concept, refused.reasons
        from work.refused
        inner join work.orders as staged on cast(staged.rowid as ubigint) = refused.row_no
        where
            refused.table_name = 'orders'
            and coalesce(staged.ordered_on <= $as_of_end, true)
            and coalesce(staged.received_at <= $as_of_end, true)
    ) as unseen
    inner join work.persons on persons.patient_no = unseen.patient_no
    order by persons.person_key, unseen.table_name, unseen.concept, unseen.reasons
) to $path (format parquet, compression {compression});
