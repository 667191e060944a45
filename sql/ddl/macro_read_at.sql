-- One local instant as reported: ISO, then the site's formats of dates (their end) and of date-times.
-- A text without a digit is none: `infinity` and `epoch` would be read as instants.
create or replace temp macro read_at(reported, zone, date_formats, instant_formats) as
    coalesce(
        iso_at(reported, zone),
        case
            when regexp_matches(reported, '[0-9]')
                then coalesce(
                    cast(try_strptime(reported, date_formats) as date) + time '23:59:59.999999',
                    try_strptime(reported, instant_formats)
                )
        end
    );
