-- One row per further identifier of a linked person, with the identifier that the person is published under.
copy (
    select
        people.source,
        people.patient_id,
        homes.source as published_source,
        homes.patient_id as published_patient_id
    from work.persons
    inner join work.people on people.patient_no = persons.patient_no and people.is_linked
    inner join work.persons as home on home.person_key = persons.person_key and home.is_home
    inner join work.people as homes on homes.patient_no = home.patient_no
    where people.patient_id <> homes.patient_id
    order by all
) to $path (format parquet, compression {compression});
