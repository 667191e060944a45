-- One row per configured source of the night.
-- `namespace`: whose identifiers it uses, its own or shared ones. `home_rank`: the lower, the sooner it is the home.
create table if not exists work.sources (
    source varchar not null,
    mode varchar not null,
    namespace varchar not null,
    home_rank integer not null
);
