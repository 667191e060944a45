-- One coded word: what becomes of a line: `row`, `broken`, `unreadable`, or whose turn it is: another type, or `other`.
create or replace temp macro fate(found, wanted, is_readable) as
    case
        when found = wanted then case when is_readable then 'row' else 'unreadable' end
        when list_contains(getvariable('types_read'), found) then found
        when regexp_full_match(found, '[A-Z][A-Za-z]+') then 'other'
        else 'broken'
    end;
