-- One number as text: a duration in days, null where its unit is none of hours, days, weeks, months and years.
create or replace temp macro days_of(duration) as
    written(
        try_cast(duration.value as double)
        * getvariable('days_per_unit')[coalesce(duration.code, lower(duration.unit), 'd')]
    );
