-- One row per code that a list of the table holds, or that begins such codes.
create or replace temp table offered as
select distinct
    pack_codes.system,
    prefix_systems.system is not null as is_prefix,
    pack_codes.match <> 'prefix' as is_whole,
    case
        when prefix_systems.system is not null then replace(upper(pack_codes.code), '.', '')
        else upper(pack_codes.code)
    end as code
from pack_codes
left join prefix_systems on prefix_systems.system = pack_codes.system
where list_contains(getvariable('families'), split_part(pack_codes.concept, '_', 1));
