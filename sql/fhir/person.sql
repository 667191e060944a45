-- One row per person whose record holds the identifier that the site chose.
create or replace temp table people as
select
    id,
    min(list_filter(identifier, lambda one: one.system = getvariable('identifier_system'))[1].value) as known_as
from resources
where resourcetype = 'Patient' and id is not null
group by id
having known_as is not null;
