-- One number: a limit of the reference range as written, where it is in the unit of the result.
create or replace temp macro limit_of(bound, quantity) as
    case
        when bound.value is null then null
        when bound.unit = quantity.unit then bound.value
        when bound.code = quantity.code then bound.value
        when bound.unit is null and bound.code is null then bound.value
        when bound.unit = quantity.code or bound.code = quantity.unit then bound.value
    end;
