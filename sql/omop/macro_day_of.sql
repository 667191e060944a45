-- One text of a day, without the time of day that some exports give it.
create or replace temp macro day_of(written) as
    case
        when regexp_matches(trim(written), '^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:') then left(trim(written), 10)
        else nullif(trim(written), '')
    end;
