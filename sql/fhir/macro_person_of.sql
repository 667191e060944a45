-- One identifier: the resource id of the person a reference names, null where it has none.
create or replace temp macro person_of(subject) as
    case when not starts_with(subject.reference, 'Group/') then bare_id(subject.reference) end;
