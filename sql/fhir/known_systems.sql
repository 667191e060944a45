-- One number, of nothing: what each of these spellings stands for becomes known to the connection.
set variable known_systems = (
    select coalesce(list(system order by spelling), [])
    from spelling
    where contains(spelling, ':') or spelling in (select squeezed(spelling) from site_code_systems)
);
