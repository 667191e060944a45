-- One row per concept in use and concept above it, with the fewest steps between them.
create or replace temp table ancestry as
select
    used.concept_id,
    whole(concept_ancestor.ancestor_concept_id) as ancestor_id,
    min(coalesce(try_cast(whole(concept_ancestor.min_levels_of_separation) as integer), 1)) as levels
from concept_ancestor
inner join used on used.concept_id = whole(concept_ancestor.descendant_concept_id)
where whole(concept_ancestor.ancestor_concept_id) <> used.concept_id
group by all;
