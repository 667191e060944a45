-- One row per distinct row of conditions in scope, with what its contract needs.
-- The dates of the person are there where the person is valid.
select
    staged.row_no,
    case
        when persons.patient_no is not null then 'valid'
        when staged.patient_no is not null then 'quarantined'
        when staged.patient_id is not null then 'unknown'
        else 'missing'
    end as patient,
    greatest(staged.onset_on, staged.recorded_on) as event_on,
    staged.status,
    (
        staged.onset_on_raw is not null
        or staged.recorded_on_raw is not null
        or staged.resolved_on_raw is not null
        or staged.received_at_raw is not null
    ) as has_unreadable_date,
    persons.birth_date,
    persons.deceased_on
from distinct_conditions as staged
left join work.persons on persons.patient_no = staged.patient_no
order by staged.row_no;
