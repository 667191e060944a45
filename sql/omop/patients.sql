-- One row per row of person.
with
deaths as (
    select
        whole(person_id) as person_id,
        min(day_of(coalesce(death_date, death_datetime))) as deceased_on
    from death
    group by all
),

periods as (
    select
        whole(person_id) as person_id,
        arg_max(
            day_of(observation_period_start_date), coalesce(day_of(observation_period_end_date), '9999-12-31')
        ) as registered_on,
        nullif(max(coalesce(day_of(observation_period_end_date), '9999-12-31')), '9999-12-31') as deregistered_on
    from observation_period
    where getvariable('has_registration')
    group by all
),

sites as (
    select
        whole(care_site_id) as care_site_id,
        min(tidy(care_site_source_value)) as care_site_source_value,
        min(tidy(care_site_name)) as care_site_name
    from care_site
    group by all
),

places as (
    select
        whole(location_id) as location_id,
        min(tidy(location_source_value)) as location_source_value
    from location
    group by all
)

select
    people.patient_id,
    born_on(person.birth_datetime, person.year_of_birth, person.month_of_birth, person.day_of_birth) as birth_date,
    case concept_of(person.gender_concept_id)
        when '8507' then 'male'
        when '8532' then 'female'
        when '8521' then 'other'
        else coalesce(
            case when concept_of(person.gender_concept_id) is null then tidy(person.gender_source_value) end, 'unknown'
        )
    end as sex,
    coalesce(
        case getvariable('clinic')
            when 'care_site_source_value' then sites.care_site_source_value
            when 'care_site_name' then sites.care_site_name
            when 'location_source_value' then places.location_source_value
        end,
        whole(person.care_site_id)
    ) as clinic_id,
    periods.registered_on,
    periods.deregistered_on,
    deaths.deceased_on,
    coalesce(
        race.concept_name, tidy(person.race_source_value), ethnicity.concept_name, tidy(person.ethnicity_source_value)
    ) as ethnicity
from person
left join people on people.person_id = whole(person.person_id)
left join deaths on deaths.person_id = people.person_id
left join periods on periods.person_id = people.person_id
left join sites on sites.care_site_id = whole(person.care_site_id)
left join places on places.location_id = whole(person.location_id)
left join concepts as race on race.concept_id = concept_of(person.race_concept_id)
left join concepts as ethnicity on ethnicity.concept_id = concept_of(person.ethnicity_concept_id)
