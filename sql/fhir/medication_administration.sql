-- One row per dose given.
with
meant as (
    select
        *,
        person_of(subject) as person_id,
        bare_id(medicationreference.reference) as drug_id
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
    whole_on(coalesce(effectivedatetime, effectiveperiod.start)) as start_on,
    own_id('MedicationAdministration', id) as medication_id,
    'administration' as kind,
    in_words(dosage.route) as route,
    dosage.dose.value as dose_quantity,
    unit_of(dosage.dose) as dose_unit,
    cast(null as varchar) as doses_per_day,
    cast(null as varchar) as days_supply,
    whole_on(effectiveperiod."end") as end_on,
    case
        when status = 'in-progress' then 'active'
        when status = 'on-hold' then 'stopped'
        when status = 'not-done' then 'cancelled'
        else status
    end as status,
    received(meta) as received_at,
    drug.coding as codings,
    drug.text as concept_text,
    fate(resourcetype, 'MedicationAdministration', has_concept(drug)) as fate,
    line_no
from named;
