-- One number as text, a whole one without a fraction.
create or replace temp macro written(number) as
    regexp_replace(cast(number as varchar), '\.0$', '');
