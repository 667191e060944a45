-- One row per link of the crosswalk whose source, or shared namespace, is one of tonight's.
insert into work.links
with
known as (
    select distinct
        sources.namespace,
        given_links.patient_id,
        given_links.person_id
    from given_links
    inner join work.sources on given_links.source in (sources.source, sources.namespace)
)

select
    *,
    count(*) over (partition by namespace, patient_id) > 1 as is_contested
from known;
