-- One flag: the text holds white space that is not the plain space (tab, line end, no-break space, byte order mark).
create or replace temp macro is_exotic(reported) as
    regexp_matches(reported, '[\t\n\x0B\f\r\x{00A0}\x{202F}\x{FEFF}]');
