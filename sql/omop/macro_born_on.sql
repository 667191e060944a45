-- One text of a birth date; of what is not known of it, the earliest day it can have been.
create or replace temp macro born_on(written_at, year, month, day) as
    coalesce(
        day_of(written_at),
        whole(year)
        || '-' || lpad(coalesce(whole(month), '1'), 2, '0')
        || '-' || lpad(coalesce(case when whole(month) is not null then whole(day) end, '1'), 2, '0')
    );
