-- One row per code (prefix systems: first characters of a code) that may bring a row of the table into scope.
create or replace temp table scope as
with
listed as (
    select
        system,
        concept,
        match = 'prefix' as is_prefix,
        case
            when match = 'prefix' then match_code
            when system in (select system from prefix_systems) then upper(replace(code, '.', ''))
            else upper(code)
        end as match_text
    from pack_codes
    where list_contains($families, split_part(concept, '_', 1))
)

select
    system,
    case when system in (select system from prefix_systems) then left(match_text, 3) else match_text end as key,
    list(distinct match_text) filter (where is_prefix) as prefixes,
    list(distinct match_text) filter (where not is_prefix) as whole_codes,
    min(concept) as concept
from listed
group by all;
