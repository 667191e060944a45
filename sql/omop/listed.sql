-- One row per code that a list of these families holds, with its concept.
create or replace temp table listed as
select distinct
    pack_codes.system,
    pack_codes.concept,
    pack_codes.breadth,
    pack_codes.match = 'prefix' as is_beginning,
    case
        when prefix_systems.system is not null then replace(upper(pack_codes.code), '.', '')
        else upper(pack_codes.code)
    end as match_text,
    case
        when prefix_systems.system is not null then left(replace(upper(pack_codes.code), '.', ''), 3)
        else upper(pack_codes.code)
    end as scope_key
from pack_codes
left join prefix_systems on prefix_systems.system = pack_codes.system
where list_contains({families}, split_part(pack_codes.concept, '_', 1)); -- noqa: LT01
