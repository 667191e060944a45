-- One row per person in force.
copy (
    select
        persons.person_key,
        people.patient_id,
        versions.source,
        people.person_bucket,
        md5(versions.source || chr(31) || people.patient_id) as person_hash,
        versions.birth_date,
        versions.sex,
        coalesce(versions.clinic_id, '_unassigned') as clinic_id,
        versions.registered_on,
        versions.deregistered_on,
        versions.deceased_on,
        versions.ethnicity,
        versions.clinic_id is null as is_clinic_unassigned,
        versions.is_sex_unreadable
    from versions_patients as versions
    inner join work.selected
        on selected.row_no = versions.row_no and selected.table_name = 'patients' and selected.state = 'in_force'
    inner join work.persons on persons.patient_no = versions.patient_no
    inner join work.people on people.patient_no = versions.patient_no
) to $path (format parquet, compression {compression});
