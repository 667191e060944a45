-- One row per measurement.
with
read as (
    select
        *,
        tidy(value_source_value) as value_written,
        nullif(trim(value_as_number), '') as number_written,
        try_cast(trim(value_as_number) as double) as number,
        try_cast(regexp_extract(tidy(value_source_value), '^(?:[<>]=?)?\s*([0-9.]+)$', 1) as double) as number_reported,
        regexp_extract(tidy(value_source_value), '^([<>]=?)', 1) as sign_reported
    from measurement
),

valued as (
    select
        *,
        coalesce(number_reported = number, false) as is_as_reported,
        coalesce(number_reported <> number, false) as is_converted,
        case concept_of(operator_concept_id)
            when '4171754' then '<='
            when '4171756' then '<'
            when '4172704' then '>'
            when '4171755' then '>='
        end as sign
    from read
)

select
    coalesce(people.patient_id, 'person_id ' || whole(valued.person_id)) as patient_id,
    coalesce(
        case when valued.is_converted and unit.concept_code is null then valued.value_written end,
        coalesce(valued.sign, case when valued.is_as_reported then valued.sign_reported end, '')
        || valued.number_written,
        answer.concept_name,
        valued.value_written,
        'OMOP ' || concept_of(valued.value_as_concept_id)
    ) as value,
    case
        -- What the source reported is a pair of number and unit, and so is what the store says: they are not mixed.
        when valued.is_converted then coalesce(unit.concept_code, tidy(valued.unit_source_value))
        else coalesce(tidy(valued.unit_source_value), unit.concept_code)
    end as unit,
    moment_of(coalesce(nullif(trim(valued.measurement_datetime), ''), valued.measurement_date)) as collected_at,
    coded.code_system,
    coded.code,
    case
        when local_name.reported_name is not null then coded.source_value
        else coalesce(coded.source_name, coded.standard_name, coded.source_value)
    end as test_name,
    whole(valued.measurement_id) as result_id,
    nullif(trim(valued.range_low), '') as reference_low,
    nullif(trim(valued.range_high), '') as reference_high
from valued
left join people on people.person_id = whole(valued.person_id)
left join concepts as unit on unit.concept_id = concept_of(valued.unit_concept_id)
left join concepts as answer on answer.concept_id = concept_of(valued.value_as_concept_id)
left join coded
    on
        coded.concept_id is not distinct from concept_of(valued.measurement_concept_id)
        and coded.source_concept_id is not distinct from concept_of(valued.measurement_source_concept_id)
        and coded.source_value is not distinct from tidy(valued.measurement_source_value)
left join site_names as local_name on local_name.reported_name = lower(coded.source_value)
