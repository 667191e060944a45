-- One name of a code system as it is compared: lower case without white space, dashes and underscores.
create or replace temp macro squeezed(reported) as
    lower(regexp_replace(reported, '[\s\x{00A0}_-]', '', 'g'));
