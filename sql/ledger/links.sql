-- One row: links of the crosswalk that name a source of tonight, identifiers that share a person, and contested ones.
select
    (
        select count(*)
        from work.links
        where links.namespace in (select sources.namespace from work.sources)
    ) as links,
    count(*) filter (where is_linked) as linked_identifiers,
    count(distinct person_no) filter (where is_linked) as linked_persons,
    count(*) filter (where is_contested) as contested_identifiers
from work.people;
