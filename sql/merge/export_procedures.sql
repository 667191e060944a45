-- One row per procedure in force.
copy (
    select
        persons.person_key,
        persons.person_bucket,
        versions.row_no,
        evidence_id(versions.procedure_id, versions.content_hash) as evidence_id,
        codes.code_id,
        versions.performed_on,
        versions.length_cm,
        versions.status
    from versions_procedures as versions
    inner join work.persons on persons.patient_no = versions.patient_no
    inner join (select distinct code_id, code_key from work.codes) as codes on codes.code_key = versions.code_key
    where versions.row_no not in (select row_no from left_out)
) to $path (format parquet, compression {compression});
