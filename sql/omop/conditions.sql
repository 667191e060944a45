-- One row per condition and thing of the lists that it says.
select
    coalesce(people.patient_id, 'person_id ' || whole(condition.person_id)) as patient_id,
    coded.code_system,
    coded.code,
    coalesce(coded.source_name, coded.standard_name, coded.source_value) as name,
    whole(condition.condition_occurrence_id) as condition_id,
    day_of(coalesce(nullif(trim(condition.condition_start_date), ''), condition.condition_start_datetime)) as onset_on,
    case
        when getvariable('has_ends')
            then day_of(coalesce(nullif(trim(condition.condition_end_date), ''), condition.condition_end_datetime))
    end as resolved_on,
    case when regexp_matches(lower(state.concept_name), 'ruled out|refuted') then 'refuted' end as status
from condition_occurrence as condition
left join people on people.person_id = whole(condition.person_id)
left join concepts as state on state.concept_id = concept_of(condition.condition_status_concept_id)
left join coded
    on
        coded.concept_id is not distinct from concept_of(condition.condition_concept_id)
        and coded.source_concept_id is not distinct from concept_of(condition.condition_source_concept_id)
        and coded.source_value is not distinct from tidy(condition.condition_source_value)
