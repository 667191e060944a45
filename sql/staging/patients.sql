-- One row per patient row of the extract, typed; opted-out people are still among them (see kept_patients).
insert into patients_reported by name
with
reported as (
    select
        *,
        case
            when needs_trimming(concat_ws(
                chr(31),
                patient_id, birth_date, sex, clinic_id, registered_on, deregistered_on, deceased_on, ethnicity,
                opted_out
            )) then 1
            else 0
        end as treatment
    from extract
),

trimmed as (
    select
        $first_part + part_index as part_no,
        treated(patient_id, treatment) as patient_id,
        treated(birth_date, treatment) as birth_date,
        treated(sex, treatment) as sex,
        treated(clinic_id, treatment) as clinic_id,
        treated(registered_on, treatment) as registered_on,
        treated(deregistered_on, treatment) as deregistered_on,
        treated(deceased_on, treatment) as deceased_on,
        treated(ethnicity, treatment) as ethnicity,
        lower(treated(opted_out, treatment)) as opted_out
    from reported
),

typed as (
    select
        *,
        read_at(birth_date, $zone, $date_formats, $instant_formats) as birth_at,
        read_at(registered_on, $zone, $date_formats, $instant_formats) as registered_at,
        read_at(deregistered_on, $zone, $date_formats, $instant_formats) as deregistered_at,
        read_at(deceased_on, $zone, $date_formats, $instant_formats) as deceased_at,
        case lower(sex)
            when 'f' then 'female'
            when 'm' then 'male'
            when 'female' then 'female'
            when 'male' then 'male'
            when 'other' then 'other'
            when 'unknown' then 'unknown'
        end as known_sex,
        md5_number(concat_ws(
            chr(31),
            $source,
            coalesce(patient_id, ''),
            coalesce(birth_date, ''),
            coalesce(sex, ''),
            coalesce(clinic_id, ''),
            coalesce(registered_on, ''),
            coalesce(deregistered_on, ''),
            coalesce(deceased_on, ''),
            coalesce(ethnicity, ''),
            coalesce(opted_out, '')
        )) as content_hash
    from trimmed
)

select
    $source as source,
    part_no,
    patient_id,
    cast(birth_at as date) as birth_date,
    coalesce(known_sex, 'unknown') as sex,
    clinic_id,
    cast(registered_at as date) as registered_on,
    cast(deregistered_at as date) as deregistered_on,
    cast(deceased_at as date) as deceased_on,
    ethnicity,
    known_sex is null as is_sex_unreadable,
    case when birth_at is null then birth_date end as birth_date_raw,
    case when registered_at is null then registered_on end as registered_on_raw,
    case when deregistered_at is null then deregistered_on end as deregistered_on_raw,
    case when deceased_at is null then deceased_on end as deceased_on_raw,
    content_hash,
    person_hash($source, coalesce(patient_id, '')) as key_hash,
    opted_out is not null and opted_out not in ('false', 'no', 'n', '0', 'f') as is_opted_out,
    coalesce(opted_out in ('false', 'no', 'n', '0', 'f'), false) as is_opted_in
from typed;
