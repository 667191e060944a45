-- One row per procedure.
with
meant as (
    select
        *,
        person_of(subject) as person_id,
        list_filter(extension, lambda one: one.url = getvariable('length_extension'))[1].valuequantity as measured
    from resources
)

select
    person_named(people.known_as, person_id, subject) as patient_id,
    meant.id as procedure_id,
    whole_on(coalesce(performeddatetime, performedperiod.start)) as performed_on,
    case when unit_of(measured) = 'cm' then measured.value end as length_cm,
    case
        when status = 'in-progress' then 'active'
        when status = 'not-done' then 'cancelled'
        else status
    end as status,
    received(meta) as received_at,
    code.coding as codings,
    code.text as concept_text,
    fate(resourcetype, 'Procedure', has_concept(code)) as fate,
    line_no
from meant
left join people on people.id = meant.person_id;
