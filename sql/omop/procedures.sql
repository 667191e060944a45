-- One row per procedure and thing of the lists that it says.
select
    coalesce(people.patient_id, 'person_id ' || whole(performed.person_id)) as patient_id,
    coded.code_system,
    coded.code,
    coalesce(coded.source_name, coded.standard_name, coded.source_value) as name,
    whole(performed.procedure_occurrence_id) as procedure_id,
    day_of(coalesce(nullif(trim(performed.procedure_date), ''), performed.procedure_datetime)) as performed_on
from procedure_occurrence as performed
left join people on people.person_id = whole(performed.person_id)
left join coded
    on
        coded.concept_id is not distinct from concept_of(performed.procedure_concept_id)
        and coded.source_concept_id is not distinct from concept_of(performed.procedure_source_concept_id)
        and coded.source_value is not distinct from tidy(performed.procedure_source_value)
