-- One row per person in force. Of a linked person, sex and ethnicity are what the records agree on or one alone says.
copy (
    with
    agreed as (
        select
            persons.person_key,
            min(nullif(versions.sex, 'unknown')) as lowest_sex,
            max(nullif(versions.sex, 'unknown')) as highest_sex,
            min(versions.ethnicity) as ethnicity
        from versions_patients as versions
        inner join work.persons on persons.patient_row_no = versions.row_no
        inner join work.people on people.patient_no = persons.patient_no and people.is_linked
        group by persons.person_key
    ),

    told as (
        select
            *,
            case when lowest_sex = highest_sex then lowest_sex else 'unknown' end as sex,
            coalesce(lowest_sex <> highest_sex, false) as is_sex_disputed
        from agreed
    )

    select
        persons.person_key,
        people.patient_id,
        versions.source,
        persons.person_bucket,
        md5(people.person_name) as person_hash,
        persons.birth_date,
        coalesce(told.sex, versions.sex) as sex,
        coalesce(versions.clinic_id, '_unassigned') as clinic_id,
        versions.registered_on,
        versions.deregistered_on,
        persons.deceased_on,
        coalesce(versions.ethnicity, told.ethnicity) as ethnicity,
        versions.clinic_id is null as is_clinic_unassigned,
        coalesce(told.is_sex_disputed, versions.is_sex_unreadable) as is_sex_unreadable
    from versions_patients as versions
    inner join work.persons on persons.patient_row_no = versions.row_no and persons.is_home
    inner join work.people on people.patient_no = persons.patient_no
    left join told on told.person_key = persons.person_key
) to $path (format parquet, compression {compression});
