-- One row per prescription.
with
meant as (
    select
        *,
        person_of(subject) as person_id,
        bare_id(medicationreference.reference) as drug_id,
        case when len(dosageinstruction) = 1 then dosageinstruction[1] end as instruction
    from resources
),

named as (
    select
        meant.*,
        people.known_as,
        drug_of(medicationcodeableconcept, medicationreference, contained, drugs.concept) as drug
    from meant
    left join people on people.id = meant.person_id
    left join drugs on drugs.id = meant.drug_id
)

select
    person_named(known_as, person_id, subject) as patient_id,
    whole_on(coalesce(instruction.timing.repeat.boundsperiod.start, authoredon)) as start_on,
    id as medication_id,
    'prescription' as kind,
    in_words(dosageinstruction[1].route) as route,
    instruction.doseandrate[1].dosequantity.value as dose_quantity,
    unit_of(instruction.doseandrate[1].dosequantity) as dose_unit,
    per_day(instruction.timing.repeat) as doses_per_day,
    coalesce(
        days_of(dispenserequest.expectedsupplyduration),
        days_of(instruction.timing.repeat.boundsduration)
    ) as days_supply,
    whole_on(instruction.timing.repeat.boundsperiod."end") as end_on,
    case
        when donotperform = 'true' then 'do-not-perform'
        when intent in ('proposal', 'option') then intent
        when status = 'on-hold' then 'stopped'
        else status
    end as status,
    received(meta) as received_at,
    drug.coding as codings,
    drug.text as concept_text,
    fate(resourcetype, 'MedicationRequest', has_concept(drug)) as fate,
    line_no
from named;
