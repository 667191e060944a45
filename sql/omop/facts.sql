-- One row per observation that states a thing: without a value, or with yes, or the thing of a family history.
-- Other values are answers to questions, which the contract of conditions has no place for.
create or replace temp view facts as
with
told as (
    select
        observation.*,
        coalesce(lower(asked.concept_name) like 'family history%', false)
        and concept_of(observation.value_as_concept_id) is not null as is_family_history
    from observation
    left join concepts as asked on asked.concept_id = concept_of(observation.observation_concept_id)
)

select
    observation_id,
    person_id,
    observation_date,
    observation_datetime,
    is_family_history,
    case when is_family_history then value_as_concept_id else observation_concept_id end as observation_concept_id,
    case when not is_family_history then observation_source_concept_id end as observation_source_concept_id,
    case when not is_family_history then observation_source_value end as observation_source_value
from told
where
    is_family_history
    or (
        nullif(trim(value_as_number), '') is null
        and nullif(trim(value_as_string), '') is null
        and coalesce(concept_of(value_as_concept_id), '4188539') in ('4188539', '45877994')
    );
