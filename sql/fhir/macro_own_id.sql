-- One identifier: of a resource; with its type where it is a bare number, which other types may count as well.
create or replace temp macro own_id(type, id) as
    case when regexp_full_match(id, '\d+') then type || '/' || id else id end;
