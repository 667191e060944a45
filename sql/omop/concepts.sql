-- One row per concept in use, or above one in use, that the vocabulary describes.
create or replace temp table concepts as
with
wanted as (
    select concept_id from used
    union
    select ancestor_id from ancestry
)

select
    whole(concept.concept_id) as concept_id,
    min(tidy(concept.concept_name)) as concept_name,
    min(tidy(concept.vocabulary_id)) as vocabulary_id,
    min(tidy(concept.concept_code)) as concept_code,
    min(tidy(concept.concept_class_id)) as concept_class_id
from concept
inner join wanted on wanted.concept_id = whole(concept.concept_id)
group by all;
