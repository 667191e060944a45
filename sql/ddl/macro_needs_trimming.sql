-- One flag: a field of the row begins or ends with white space, or may do so.
-- The fields are joined by unit separators.
create or replace temp macro needs_trimming(row_text) as
    case
        when strlen(row_text) <> length(row_text)
            then regexp_matches(row_text, '(?:^|\x1F) | (?:\x1F|$)|[\t\n\x0B\f\r\x{00A0}\x{202F}\x{FEFF}]')
        else
            -- Plain searches take less than half the time of the pattern.
            contains(row_text, ' ' || chr(31))
            or contains(row_text, chr(31) || ' ')
            or contains(row_text, chr(9))
            or contains(row_text, chr(10))
            or contains(row_text, chr(13))
            or starts_with(row_text, ' ')
            or ends_with(row_text, ' ')
    end;
