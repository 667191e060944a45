-- One row per order in force.
copy (
    select
        persons.person_key,
        persons.person_bucket,
        versions.row_no,
        evidence_id(null, versions.content_hash) as evidence_id,
        versions.concept,
        versions.ordered_on,
        versions.status
    from versions_orders as versions
    inner join work.persons on persons.patient_no = versions.patient_no
    where versions.row_no not in (select row_no from left_out)
) to $path (format parquet, compression {compression});
