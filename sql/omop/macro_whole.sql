-- One text of a number that stands for a thing, without the decimals that some exports give it; null where empty.
create or replace temp macro whole(written) as
    nullif(regexp_replace(trim(written), '\.0+$', ''), '');
