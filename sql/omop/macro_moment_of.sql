-- One text of an instant; of a midnight only its day, because that is how a day without a time is written.
create or replace temp macro moment_of(written) as
    case
        when
            regexp_full_match(
                trim(written),
                '\d{4}-\d{2}-\d{2}[Tt ]00:00(?::00(?:\.0+)?)?(?: ?(?:[Zz]|[+-]00(?::?00)?))?'
            )
            then left(trim(written), 10)
        when regexp_matches(trim(written), '^\d{4}-\d{2}-\d{2} \d{2}:')
            then replace(left(trim(written), 11), ' ', 'T') || substr(trim(written), 12)
        else nullif(trim(written), '')
    end;
