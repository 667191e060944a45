-- One row per concept in use and concept above it that may stand for it.
create or replace temp view above as
select
    concept_id,
    ancestor_id,
    levels
from ancestry;
