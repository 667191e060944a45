-- One row per valid version of procedures.
-- When it happened, when it was received, and what decides between versions.
create or replace temp table known as
select
    versions.row_no,
    versions.patient_no,
    versions.key_hash,
    versions.content_hash,
    coalesce(versions.received_at, versions.performed_on + time '23:59:59.999999') as received_at,
    coalesce(versions.performed_on + time '23:59:59.999999' <= $as_of_end, true)
    and coalesce(versions.received_at <= $as_of_end, true) as is_seen,
    0 as standing,
    versions.status in ('entered-in-error', 'cancelled') as is_withdrawn,
    false as keeps_ties,
    null as sample_hash
from versions_procedures as versions;
