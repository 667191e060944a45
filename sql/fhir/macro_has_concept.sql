-- One flag: a concept has a text, or a coding with a code or a display.
create or replace temp macro has_concept(concept) as
    -- A chain of cases stops at the first that holds; `or` would look at every list.
    case
        when concept.text is not null then true
        when concept.coding[1].code is not null then true
        when concept.coding is null then false
        else len(list_filter(concept.coding, lambda one: one.code is not null or one.display is not null)) > 0
    end;
