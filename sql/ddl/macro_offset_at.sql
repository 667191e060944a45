-- One local instant of an ISO date-time that ends in an offset: a cast would drop the offset without a word.
create or replace temp macro offset_at(reported, zone) as
    timezone(
        zone,
        timezone(
            'UTC',
            try_cast(regexp_extract(reported, '^(.*?) ?(?:[Zz]|[+-]\d{2}:?\d{0,2})$', 1) as timestamp)
            - to_minutes(
                (case when regexp_extract(reported, '([+-])\d{2}:?\d{0,2}$', 1) = '-' then -1 else 1 end)
                * (
                    60 * coalesce(try_cast(regexp_extract(reported, '[+-](\d{2}):?\d{0,2}$', 1) as integer), 0)
                    + coalesce(try_cast(regexp_extract(reported, '[+-]\d{2}:?(\d{2})$', 1) as integer), 0)
                )
            )
        )
    );
