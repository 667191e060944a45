-- One row per drug exposure.
with
typed as (
    select
        *,
        case
            when
                concept_of(drug_type_concept_id) in ('32818', '38000179', '38000180')
                or lower(type_concept.concept_name) like '%administ%'
                then 'administration'
            when
                concept_of(drug_type_concept_id) in ('32865', '44787730')
                or lower(type_concept.concept_name) like '%self-report%'
                or lower(type_concept.concept_name) like '%medication list%'
                then 'statement'
            when drug_type_concept_id is not null then 'prescription'
        end as kind
    from drug_exposure
    left join concepts as type_concept on type_concept.concept_id = concept_of(drug_type_concept_id)
)

select
    coalesce(people.patient_id, 'person_id ' || whole(typed.person_id)) as patient_id,
    day_of(coalesce(nullif(trim(typed.drug_exposure_start_date), ''), typed.drug_exposure_start_datetime)) as start_on,
    coded.code_system,
    coded.code,
    case
        when coded.is_listed then coalesce(coded.source_name, coded.standard_name, coded.source_value)
        -- A name that is searched: every ingredient in it, and as a combination where there are several.
        else coalesce(
            ingredients.names, replace(coded.standard_name, ' / ', '; '), coded.source_name, coded.source_value
        )
    end as drug_name,
    whole(typed.drug_exposure_id) as medication_id,
    typed.kind,
    coalesce(
        route.concept_name,
        tidy(typed.route_source_value),
        -- The form is the last part of a product's name.
        nullif(
            regexp_extract(
                lower(coded.standard_name), '(injectable|injection|sublingual|nasal|oral)[a-z ]*(?:\[[^\]]*\])?$', 1
            ),
            ''
        )
    ) as route,
    case when typed.kind = 'administration' then nullif(trim(typed.quantity), '') end as dose_quantity,
    case when typed.kind = 'administration' then tidy(typed.dose_unit_source_value) end as dose_unit,
    whole(typed.days_supply) as days_supply,
    day_of(
        coalesce(
            nullif(trim(typed.verbatim_end_date), ''),
            nullif(trim(typed.drug_exposure_end_date), ''),
            typed.drug_exposure_end_datetime
        )
    ) as end_on,
    case when tidy(typed.stop_reason) is not null then 'stopped' end as status
from typed
left join people on people.person_id = whole(typed.person_id)
left join concepts as route on route.concept_id = concept_of(typed.route_concept_id)
left join coded
    on
        coded.concept_id is not distinct from concept_of(typed.drug_concept_id)
        and coded.source_concept_id is not distinct from concept_of(typed.drug_source_concept_id)
        and coded.source_value is not distinct from tidy(typed.drug_source_value)
left join ingredients on ingredients.concept_id = coded.concept_id
