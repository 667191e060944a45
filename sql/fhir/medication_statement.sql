-- One row per statement that a medicine is or was taken.
with
meant as (
    select
        *,
        person_of(subject) as person_id,
        bare_id(medicationreference.reference) as drug_id,
        case when len(dosage) = 1 then dosage[1] end as instruction
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
    whole_on(
        coalesce(effectiveperiod.start, effectivedatetime, instruction.timing.repeat.boundsperiod.start)
    ) as start_on,
    own_id('MedicationStatement', id) as medication_id,
    'statement' as kind,
    in_words(dosage[1].route) as route,
    instruction.doseandrate[1].dosequantity.value as dose_quantity,
    unit_of(instruction.doseandrate[1].dosequantity) as dose_unit,
    per_day(instruction.timing.repeat) as doses_per_day,
    days_of(instruction.timing.repeat.boundsduration) as days_supply,
    whole_on(
        coalesce(effectiveperiod."end", instruction.timing.repeat.boundsperiod."end")
    ) as end_on,
    case
        when status = 'on-hold' then 'stopped'
        when status = 'not-taken' then 'cancelled'
        else status
    end as status,
    received(meta) as received_at,
    drug.coding as codings,
    drug.text as concept_text,
    fate(resourcetype, 'MedicationStatement', has_concept(drug)) as fate,
    line_no
from named;
