-- One flag: a field of the row (fields joined by unit separators) begins or ends with a space, or holds other white space.
create or replace temp macro needs_trimming(row_text) as
    regexp_matches(row_text, '(?:^|\x1F) | (?:\x1F|$)|[\t\n\x0B\f\r\x{00A0}\x{202F}\x{FEFF}]');
