-- One number as text, a whole one without a fraction.
create or replace temp macro written(number) as
    case
        when number = try_cast(number as bigint) then cast(try_cast(number as bigint) as varchar)
        else cast(number as varchar)
    end;
