-- One row per medicine that others refer to.
create or replace temp table drugs as
select distinct on (id)
    id,
    case
        when has_concept(code) then code
        when len(ingredient) = 1 then ingredient[1].itemcodeableconcept
    end as concept
from resources
where resourcetype = 'Medication' and id is not null
order by id;
