-- One row per spelling of a code system in this source.
-- As written by us, and squeezed; the site's own words come first.
create or replace temp table spelling as
with
site as (
    select
        squeezed(given.spelling) as spelling,
        coalesce(aliases.system, given.system) as system
    from site_code_systems as given
    left join aliases on aliases.alias = squeezed(given.system)
),

known as (
    select spelling, system from site
    union all
    select alias, system from aliases
    where alias not in (select spelling from site)
    union all
    select distinct
        system as spelling,
        system
    from aliases
    where squeezed(system) not in (select spelling from site)
)

select distinct on (spelling)
    spelling,
    system,
    system in (select system from prefix_systems) as is_prefix
from known
order by spelling, system;
