-- One finite number, not negative; null where the text is not one.
-- A comma is a decimal mark only where the site says so.
create or replace temp macro read_number(reported, decimal_comma) as
    case
        when regexp_full_match(
            case when decimal_comma then replace(reported, ',', '.') else reported end,
            '[+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?'
        )
            then try_cast(case when decimal_comma then replace(reported, ',', '.') else reported end as double)
    end;
