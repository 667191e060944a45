-- One date or date-time as text: of a year or a month alone its last day, or `as_of` where that is earlier.
create or replace temp macro whole_on(reported) as
    case
        when length(reported) = 4 and regexp_full_match(reported, '\d{4}')
            then cast(least(try_cast(reported || '-12-31' as date), getvariable('as_of')) as varchar)
        when length(reported) = 7 and regexp_full_match(reported, '\d{4}-\d{2}')
            then coalesce(
                cast(least(last_day(try_cast(reported || '-01' as date)), getvariable('as_of')) as varchar),
                reported
            )
        else reported
    end;
