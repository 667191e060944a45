-- One row per drug whose ingredients the vocabulary knows: their names, and which it is where it is only one.
create or replace temp table ingredients as
with
held as (
    select
        used.concept_id,
        used.concept_id as ingredient_id
    from used
    union all
    select
        ancestry.concept_id,
        ancestry.ancestor_id as ingredient_id
    from ancestry
)

select
    held.concept_id,
    string_agg(concepts.concept_name, '; ' order by concepts.concept_name) as names,
    case when count(*) = 1 then min(held.ingredient_id) end as only_id
from held
inner join concepts on concepts.concept_id = held.ingredient_id
where concepts.concept_class_id = 'Ingredient' and starts_with(concepts.vocabulary_id, 'RxNorm')
group by held.concept_id;
