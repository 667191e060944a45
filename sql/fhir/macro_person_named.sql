-- One identifier: the person of a row, by the identifier the site chose or by resource id.
-- Identifiers of one kind must not be taken for those of the other.
create or replace temp macro person_named(known_as, resource_id, subject) as
    coalesce(
        known_as,
        case when getvariable('identifier_system') is null then resource_id else 'Patient/' || resource_id end,
        case when subject.identifier.system = getvariable('identifier_system') then subject.identifier.value end
    );
