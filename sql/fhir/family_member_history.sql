-- One row per condition of a relative.
with
placed as (
    select
        *,
        person_of(patient) as person_id,
        case when coalesce(len(condition), 0) = 0 then [1] else range(1, len(condition) + 1) end as places,
        unnest(places) as place
    from resources
)

select
    person_named(people.known_as, person_id, patient) as patient_id,
    own_id('FamilyMemberHistory', placed.id) || case when place > 1 then '#' || place else '' end as condition_id,
    cast(null as varchar) as onset_on,
    whole_on(date) as recorded_on,
    cast(null as varchar) as resolved_on,
    case when status = 'entered-in-error' then status else 'active' end as status,
    'yes' as is_family_history,
    received(meta) as received_at,
    condition[place].code.coding as codings,
    condition[place].code.text as concept_text,
    case
        when place > 1 then 'component'
        when resourcetype = 'FamilyMemberHistory' and coalesce(len(condition), 0) = 0 then 'nothing'
        else fate(resourcetype, 'FamilyMemberHistory', has_concept(condition[place].code))
    end as fate,
    line_no
from placed
left join people on people.id = placed.person_id;
