-- One number, of nothing: the spellings of our code systems become known to the connection.
set variable known_spellings = (
    select coalesce(list(lower(replace(replace(spelling, '-', ''), '_', '')) order by spelling), []) from spelling
);
