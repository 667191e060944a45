-- One row per observation that states a thing, and thing of the lists that it says.
select
    coalesce(people.patient_id, 'person_id ' || whole(facts.person_id)) as patient_id,
    coded.code_system,
    coded.code,
    coalesce(coded.source_name, coded.standard_name, coded.source_value) as name,
    'observation ' || whole(facts.observation_id) as condition_id,
    day_of(coalesce(nullif(trim(facts.observation_date), ''), facts.observation_datetime)) as onset_on,
    case when facts.is_family_history then 'true' end as is_family_history
from facts
left join people on people.person_id = whole(facts.person_id)
left join coded
    on
        coded.concept_id is not distinct from concept_of(facts.observation_concept_id)
        and coded.source_concept_id is not distinct from concept_of(facts.observation_source_concept_id)
        and coded.source_value is not distinct from tidy(facts.observation_source_value)
