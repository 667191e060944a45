-- One number: a limit of the reference range as written, where it is in the unit of the result.
create or replace temp macro limit_of(bound, quantity) as
    case
        when
            coalesce(bound.code, bound.unit) is null
            or bound.code in (quantity.code, quantity.unit)
            or bound.unit in (quantity.code, quantity.unit)
            then bound.value
    end;
