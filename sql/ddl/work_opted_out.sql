-- One row per person who opted out, without the identifier.
create table if not exists work.opted_out (
    person_hash uhugeint not null
);
