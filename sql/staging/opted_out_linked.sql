-- One row per further identifier of a person who opted out, and per contested one that may mean such a person.
insert into work.opted_out
with
meant as (
    select source, person_hash, person_name
    from identities
    union
    select identities.source, identities.person_hash, '=' || links.person_id as person_name
    from identities
    inner join work.links on links.namespace = identities.namespace and links.patient_id = identities.patient_id
    where identities.is_contested
    union
    -- What an earlier night stored of a source that is not read tonight.
    select
        links.namespace as source,
        person_hash(links.namespace, links.patient_id) as person_hash,
        '=' || links.person_id as person_name
    from work.links
    where links.namespace not in (select sources.namespace from work.sources)
)

select distinct
    source,
    person_hash,
    true as is_linked
from meant
where
    person_name in (
        select stating.person_name
        from meant as stating
        where stating.person_hash in (select opted_out.person_hash from work.opted_out)
    )
    and person_hash not in (select opted_out.person_hash from work.opted_out);
