-- One row per person who opted out, without the identifier.
create table if not exists work.opted_out (
    source varchar not null,
    person_hash uhugeint not null
);
