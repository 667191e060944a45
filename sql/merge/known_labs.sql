-- One row per valid version of labs.
-- When it happened, when it was received, and what decides between versions.
create or replace temp table known as
select
    versions.row_no,
    versions.patient_no,
    versions.key_hash,
    versions.content_hash,
    coalesce(versions.received_at, versions.collected_at) as received_at,
    coalesce(versions.collected_at <= $as_of_end, true)
    and coalesce(versions.received_at <= $as_of_end, true) as is_seen,
    case
        when versions.status in ('corrected', 'amended') then 2
        when versions.status = 'final' then 1
        else 0
    end as standing,
    versions.status in ('entered-in-error', 'cancelled') as is_withdrawn,
    starts_with(versions.concept, 'lab_b12_') or starts_with(versions.concept, 'lab_mma_') as keeps_ties,
    case
        when versions.sample_id is not null
            then hash(
                coalesce(linked.person_no, versions.patient_no),
                versions.concept,
                versions.sample_id,
                versions.collected_at
            )
    end as sample_hash
from versions_labs as versions
left join (
    select patient_no, person_no from work.people where is_linked
) as linked on linked.patient_no = versions.patient_no;
