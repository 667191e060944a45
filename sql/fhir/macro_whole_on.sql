-- One text: a date or date-time; of a year or a month alone its last day, or `as_of` where that is earlier.
create or replace temp macro whole_on(reported) as
    case
        when reported like '____' and try_cast(reported || '-12-31' as date) is not null
            then cast(least(cast(reported || '-12-31' as date), getvariable('as_of')) as varchar)
        when reported like '____-__' and try_cast(reported || '-01' as date) is not null
            then cast(least(last_day(cast(reported || '-01' as date)), getvariable('as_of')) as varchar)
        else reported
    end;
