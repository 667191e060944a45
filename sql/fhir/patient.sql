-- One row per person.
with
told_of as (
    select
        *,
        list_filter(
            list_transform(generalpractitioner, lambda one: clinic_of(one)), lambda one: one is not null
        )[1] as practice_id,
        clinic_of(managingorganization) as manager_id,
        list_transform(
            list_filter(extension, lambda one: one.url = getvariable('opt_out')),
            lambda one: coalesce(told(one), 'not told')
        ) as opted_out_by,
        list_concat(
            list_transform(meta.tag, lambda one: one.code), list_transform(meta.security, lambda one: one.code)
        ) as labels
    from resources
)

select
    case
        when getvariable('identifier_system') is null then told_of.id
        else coalesce(
            list_filter(identifier, lambda one: one.system = getvariable('identifier_system'))[1].value,
            'Patient/' || told_of.id
        )
    end as patient_id,
    birthdate as birth_date,
    gender as sex,
    coalesce(
        case getvariable('clinic_from')
            when 'managingOrganization' then manager_id
            when 'encounter' then visited.clinic_id
        end,
        practice_id,
        manager_id
    ) as clinic_id,
    case
        when deceaseddatetime is not null then whole_on(deceaseddatetime)
        when deceasedboolean = 'true'
            then cast(
                least(try_cast(split_part(meta.lastupdated, 'T', 1) as date), getvariable('as_of')) as varchar
            )
    end as deceased_on,
    nullif(
        array_to_string(
            list_transform(
                list_filter(extension, lambda one: list_contains(getvariable('ethnicity_extensions'), one.url)),
                lambda one: coalesce(
                    list_filter(one.extension, lambda part: part.url = 'text')[1].valuestring,
                    told(one)
                )
            ),
            '; '
        ),
        ''
    ) as ethnicity,
    case
        -- Of several, one that does not say no decides.
        when len(opted_out_by) > 0
            then coalesce(list_filter(opted_out_by, lambda said: said <> 'false')[1], 'false')
        when list_contains(labels, getvariable('opt_out')) then 'yes'
    end as opted_out,
    fate(resourcetype, 'Patient', true) as fate,
    line_no
from told_of
left join visited on visited.person_id = told_of.id;
