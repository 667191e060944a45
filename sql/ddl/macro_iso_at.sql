-- One local instant of an ISO date (its end) or date-time; null where it is neither, such as 31 February.
create or replace temp macro iso_at(reported, zone) as
    case
        -- The usual shape, without a pattern.
        -- A cast alone would also take blanks for digits and years before Christ.
        when
            reported like '____-__-__T__:__:__'
            and left(reported, 1) between '0' and '9'
            and right(reported, 1) between '0' and '9'
            and not contains(reported, ' ')
            then try_cast(reported as timestamp)
        when length(reported) = 10
            then case
                when regexp_full_match(reported, '\d{4}-\d{2}-\d{2}')
                    then try_cast(reported as date) + time '23:59:59.999999'
            end
        when regexp_full_match(reported, '\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?')
            then try_cast(left(reported, 26) as timestamp)
        when regexp_full_match(
            reported, '\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)? ?(?:[Zz]|[+-][01]\d(?::?[0-5]\d)?)'
        )
            then offset_at(reported, zone)
    end;
