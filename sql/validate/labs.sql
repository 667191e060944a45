-- One row per distinct row of labs in scope, with what its contract needs.
-- The dates of the person are there where the person is valid.
select
    staged.row_no,
    case
        when persons.patient_no is not null then 'valid'
        when staged.patient_no is not null then 'quarantined'
        when staged.patient_id is not null then 'unknown'
        else 'missing'
    end as patient,
    cast(staged.collected_at as date) as event_on,
    staged.status,
    staged.collected_at_raw is not null or staged.received_at_raw is not null as has_unreadable_date,
    persons.birth_date,
    persons.deceased_on
from distinct_labs as staged
left join work.persons on persons.patient_no = staged.patient_no
order by staged.row_no;
