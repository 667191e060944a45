-- One number, of nothing: what each spelling of a code system stands for becomes known to the connection.
set variable known_systems = (
    select coalesce(list(system order by spelling), []) from spelling
);
