-- One row per laboratory result in force.
copy (
    select
        persons.person_key,
        persons.person_bucket,
        versions.row_no,
        evidence_id(versions.result_id, versions.content_hash) as evidence_id,
        versions.source,
        versions.concept,
        versions.collected_at,
        versions.is_date_only,
        versions.received_at,
        versions.value,
        versions.unit,
        versions.status,
        versions.sample_id,
        versions.reference_low,
        versions.reference_high,
        versions.decimal_comma,
        versions.code
    from versions_labs as versions
    inner join work.persons on persons.patient_no = versions.patient_no
    where versions.row_no not in (select row_no from left_out)
) to $path (format parquet, compression {compression});
