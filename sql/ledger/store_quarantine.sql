-- One row per run and refused row: where it stands and why. Its content stays in the published file.
insert into store.quarantine by name
select
    $run_id as run_id,
    '{table}' as table_name,
    reasons,
    source,
    file,
    line,
    patient_id
from quarantined_{table}; -- noqa: LT01
