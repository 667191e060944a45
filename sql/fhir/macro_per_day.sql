-- One number as text: how often a day, where the timing says how often in how long.
create or replace temp macro per_day(repeat) as
    written(
        coalesce(try_cast(repeat.frequency as double), 1)
        / nullif(
            coalesce(try_cast(repeat.period as double), 1)
            * getvariable('days_per_unit')[repeat.periodunit],
            0
        )
    );
