-- One row per concept that a row of the tables names.
create or replace temp table used as
select distinct concept_id
from (
    select concept_of(gender_concept_id) as concept_id from person
    union all
    select concept_of(race_concept_id) from person
    union all
    select concept_of(ethnicity_concept_id) from person
    union all
    select distinct concept_of(measurement_concept_id) from measurement
    union all
    select distinct concept_of(measurement_source_concept_id) from measurement
    union all
    select distinct concept_of(value_as_concept_id) from measurement
    union all
    select distinct concept_of(unit_concept_id) from measurement
    union all
    select distinct concept_of(drug_concept_id) from drug_exposure
    union all
    select distinct concept_of(drug_source_concept_id) from drug_exposure
    union all
    select distinct concept_of(drug_type_concept_id) from drug_exposure
    union all
    select distinct concept_of(route_concept_id) from drug_exposure
    union all
    select distinct concept_of(condition_concept_id) from condition_occurrence
    union all
    select distinct concept_of(condition_source_concept_id) from condition_occurrence
    union all
    select distinct concept_of(condition_status_concept_id) from condition_occurrence
    union all
    select distinct concept_of(procedure_concept_id) from procedure_occurrence
    union all
    select distinct concept_of(procedure_source_concept_id) from procedure_occurrence
    union all
    select distinct concept_of(observation_concept_id) from observation
    union all
    select distinct concept_of(observation_source_concept_id) from observation
    union all
    select distinct concept_of(value_as_concept_id) from observation
) as named
where concept_id is not null;
