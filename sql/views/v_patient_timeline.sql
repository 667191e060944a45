-- One row per stored event of a person, as last delivered.
-- What was recorded, when it happened, when it was received.
create or replace view v_patient_timeline as
select
    source,
    patient_id,
    cast(collected_at as date) as event_on,
    'laboratory' as kind,
    concept as what,
    concat_ws(' ', value, unit) as detail,
    status,
    received_at
from labs
where absent_since_run is null
union all
select
    source,
    patient_id,
    start_on as event_on,
    kind,
    coalesce(drug_name, code) as what,
    concat_ws(' ', route, cast(dose_quantity as varchar), dose_unit) as detail,
    status,
    received_at
from medications
where absent_since_run is null
union all
select
    source,
    patient_id,
    greatest(onset_on, recorded_on) as event_on,
    'condition' as kind,
    coalesce(name, code) as what,
    code as detail,
    status,
    received_at
from conditions
where absent_since_run is null
union all
select
    source,
    patient_id,
    performed_on as event_on,
    'procedure' as kind,
    coalesce(name, code) as what,
    code as detail,
    status,
    received_at
from procedures
where absent_since_run is null
union all
select
    source,
    patient_id,
    ordered_on as event_on,
    'order' as kind,
    concept as what,
    coalesce(test_name, code) as detail,
    status,
    received_at
from orders
where absent_since_run is null;
