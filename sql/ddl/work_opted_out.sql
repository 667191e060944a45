-- One row per identifier of a person who opted out, without the identifier.
-- `is_linked`: another identifier of the same person says so.
create table if not exists work.opted_out (
    source varchar not null,
    person_hash uhugeint not null,
    is_linked boolean not null
);
