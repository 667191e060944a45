-- One row per condition.
with
meant as (
    select
        *,
        person_of(subject) as person_id
    from resources
)

select
    person_named(people.known_as, person_id, subject) as patient_id,
    meant.id as condition_id,
    whole_on(coalesce(onsetdatetime, onsetperiod.start)) as onset_on,
    whole_on(recordeddate) as recorded_on,
    whole_on(coalesce(abatementdatetime, abatementperiod.start)) as resolved_on,
    case
        when verificationstatus.coding[1].code in ('refuted', 'entered-in-error') then verificationstatus.coding[1].code
        else coalesce(clinicalstatus.coding[1].code, clinicalstatus.text)
    end as status,
    cast(null as varchar) as is_family_history,
    received(meta) as received_at,
    code.coding as codings,
    code.text as concept_text,
    fate(resourcetype, 'Condition', has_concept(code)) as fate,
    line_no
from meant
left join people on people.id = meant.person_id;
