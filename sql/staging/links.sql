-- One row per link of the crosswalk, of sources and shared namespaces that are not of tonight too.
-- Those join nobody, but an opt-out reaches what an earlier night stored of them.
insert into work.links
with
known as (
    select distinct
        coalesce(sources.namespace, given_links.source) as namespace,
        given_links.patient_id,
        given_links.person_id
    from given_links
    left join work.sources on given_links.source in (sources.source, sources.namespace)
)

select
    *,
    count(*) over (partition by namespace, patient_id) > 1 as is_contested
from known;
