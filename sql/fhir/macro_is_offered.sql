-- One flag: a list of the table, or the site's own words, hold a coding.
-- Codes are looked for first: few match, and only of those the system has to be told.
create or replace temp macro is_offered(coding) as
    case
        when coding.code is null then false
        when
            case
                when list_contains(getvariable('offered_codes'), upper(coding.code))
                    then list_contains(
                        getvariable('offered_pairs'), upper(coding.code) || '|' || system_of(coding.system)
                    )
            end
            then true
        when list_contains(getvariable('offered_keys'), upper(left(coding.code, 3)))
            then len(list_filter(
                getvariable('offered_beginnings'),
                lambda beginning:
                beginning.system = system_of(coding.system)
                and case
                    when beginning.is_whole then replace(upper(coding.code), '.', '') = beginning.code
                    else starts_with(replace(upper(coding.code), '.', ''), beginning.code)
                end
            )) > 0
        else list_contains(getvariable('local_codes'), upper(coding.code))
    end;
