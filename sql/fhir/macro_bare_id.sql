-- One identifier: what a reference names, without server, type and version; null where it names a contained resource.
create or replace temp macro bare_id(reference) as
    case
        when starts_with(reference, '#') then null
        when starts_with(reference, 'urn:') then nullif(split_part(reference, ':', -1), '')
        when contains(reference, '/_history/') then split_part(split_part(reference, '/_history/', 1), '/', -1)
        else nullif(split_part(reference, '/', -1), '')
    end;
