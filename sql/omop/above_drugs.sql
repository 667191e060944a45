-- One row per drug of one ingredient and concept that may stand for it: the ingredient, or a substance of ATC.
create or replace temp view above as
select
    ingredients.concept_id,
    ingredients.only_id as ancestor_id,
    1 as levels
from ingredients
where ingredients.only_id is not null
union all
select
    ancestry.concept_id,
    ancestry.ancestor_id,
    ancestry.levels + 2 as levels
from ancestry
inner join ingredients on ingredients.concept_id = ancestry.concept_id and ingredients.only_id is not null
inner join concepts on concepts.concept_id = ancestry.ancestor_id
where concepts.concept_class_id = 'ATC 5th';
