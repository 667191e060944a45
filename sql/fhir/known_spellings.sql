-- One number, of nothing: the spellings of our code systems become known to the connection.
-- FHIR names a system by a URI; of other names only the site's own are listened to.
set variable known_spellings = (
    select coalesce(list(lower(replace(replace(spelling, '-', ''), '_', '')) order by spelling), [])
    from spelling
    where contains(spelling, ':') or spelling in (select squeezed(spelling) from site_code_systems)
);
