-- One row per request for a service; a laboratory test among them is told by its code.
with
meant as (
    select
        *,
        person_of(subject) as person_id
    from resources
)

select
    person_named(people.known_as, person_id, subject) as patient_id,
    coalesce(authoredon, occurrencedatetime, occurrenceperiod.start) as ordered_on,
    case
        when donotperform = 'true' then 'do-not-perform'
        when intent in ('proposal', 'plan', 'option') then intent
        when status = 'revoked' then 'cancelled'
        else status
    end as status,
    received(meta) as received_at,
    code.coding as codings,
    code.text as concept_text,
    fate(resourcetype, 'ServiceRequest', has_concept(code)) as fate,
    line_no
from meant
left join people on people.id = meant.person_id;
