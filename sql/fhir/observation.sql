-- One row per value of an observation: its own, and that of each component.
with
placed as (
    select
        *,
        case
            when coalesce(len(component), 0) = 0 then [0]
            when
                valuequantity.value is null and valuestring is null and valueinteger is null
                and valueboolean is null and valuecodeableconcept is null and dataabsentreason is null
                then range(1, len(component) + 1)
            else range(0, len(component) + 1)
        end as places,
        unnest(places) as place
    from resources
),

valued as (
    select
        * exclude (
            valuequantity, valuestring, valueinteger, valueboolean, valuecodeableconcept, dataabsentreason, code,
            referencerange
        ),
        case when place = 0 then valuequantity else component[place].valuequantity end as quantity,
        case when place = 0 then valuestring else component[place].valuestring end as text_value,
        case when place = 0 then valueinteger else component[place].valueinteger end as whole_value,
        case when place = 0 then valueboolean else component[place].valueboolean end as truth_value,
        case when place = 0 then valuecodeableconcept else component[place].valuecodeableconcept end as concept_value,
        case when place = 0 then dataabsentreason else component[place].dataabsentreason end as absence,
        case when place = 0 then referencerange[1] else component[place].referencerange[1] end as limits,
        case when place = 0 then code else component[place].code end as concept,
        performer[1] as first_performer,
        person_of(subject) as person_id
    from placed
)

select
    person_named(people.known_as, person_id, subject) as patient_id,
    coalesce(
        case when quantity.comparator is null then quantity.value else quantity.comparator || quantity.value end,
        text_value,
        whole_value,
        in_words(concept_value),
        truth_value,
        in_words(absence)
    ) as value,
    unit_of(quantity) as unit,
    coalesce(effectivedatetime, effectiveinstant, effectiveperiod.start, effectiveperiod.end) as collected_at,
    case when place = 0 then valued.id else valued.id || '#' || place end as result_id,
    coalesce(bare_id(specimen.reference), specimen.identifier.value) as sample_id,
    coalesce(issued, received(meta)) as received_at,
    status,
    limit_of(limits.low, quantity) as reference_low,
    limit_of(limits.high, quantity) as reference_high,
    coalesce(
        first_performer.display, bare_id(first_performer.reference), first_performer.identifier.value
    ) as performing_lab,
    concept.coding as codings,
    concept.text as concept_text,
    case
        when place > places[1] then 'component'
        else fate(resourcetype, 'Observation', has_concept(concept))
    end as fate,
    line_no
from valued
left join people on people.id = valued.person_id
