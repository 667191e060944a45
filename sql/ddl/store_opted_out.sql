-- One row per person who opted out, without the identifier.
-- An increment tells an opt-out once: it holds until a row says no.
create table if not exists store.opted_out (
    source varchar not null,
    person_hash uhugeint not null
);
