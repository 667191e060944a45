-- One row per way in which rows of a table say what they are about.
create or replace temp table keys as
select
    row_number() over () as key_no,
    *
from (
    select distinct
        concept_of({concept}) as concept_id, -- noqa: LT01
        concept_of({source_concept}) as source_concept_id,
        tidy({source_value}) as source_value
    from {table}
) as said;
