-- One identifier: the organisation a reference names; null where it names a person or the role of one.
create or replace temp macro clinic_of(referred) as
    case
        when contains(referred.reference, 'Practitioner') or starts_with(referred.type, 'Practitioner') then null
        else coalesce(bare_id(referred.reference), referred.identifier.value)
    end;
