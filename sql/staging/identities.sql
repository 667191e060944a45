-- One row per identifier delivered tonight, stored of an increment source, or linked.
-- Who opted out is still among them. `has_row`: a patient row names it. A contested one means a person of its own.
create or replace temp table identities as
with
reported as (
    select distinct source, patient_id
    from patients_reported
    where patient_id is not null
    union
    select stored.source, stored.patient_id
    from store.patients as stored
    inner join work.sources on sources.source = stored.source and sources.mode = 'increment'
    where stored.absent_since_run is null
),

further as (
    select sources.source, links.patient_id
    from work.links
    inner join work.sources on sources.namespace = links.namespace
    union
    select others.source, reported.patient_id
    from reported
    inner join work.sources as own on own.source = reported.source
    inner join work.sources as others on others.namespace = own.namespace and others.source <> own.source
),

named as (
    select source, patient_id, true as has_row
    from reported
    union all
    select source, patient_id, false as has_row
    from (
        select source, patient_id
        from further
        except
        select source, patient_id
        from reported
    ) as without_row
),

certain as (
    select namespace, patient_id, any_value(person_id) as person_id, bool_or(is_contested) as is_contested
    from work.links
    group by namespace, patient_id
)

select
    named.source,
    named.patient_id,
    named.has_row,
    case
        when certain.person_id is not null and not certain.is_contested then '=' || certain.person_id
        else sources.namespace || chr(31) || named.patient_id
    end as person_name,
    coalesce(certain.is_contested, false) as is_contested,
    sources.namespace,
    person_hash(named.source, named.patient_id) as person_hash
from named
inner join work.sources on sources.source = named.source
left join certain on certain.namespace = sources.namespace and certain.patient_id = named.patient_id;
