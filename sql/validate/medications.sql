-- One row per distinct row of medications in scope, with what its contract needs.
-- The dates of the person are there where the person is valid.
select
    staged.row_no,
    case
        when persons.patient_no is not null then 'valid'
        when staged.patient_no is not null then 'quarantined'
        when staged.patient_id is not null then 'unknown'
        else 'missing'
    end as patient,
    staged.start_on as event_on,
    staged.status,
    staged.kind,
    (
        staged.start_on_raw is not null or staged.end_on_raw is not null or staged.received_at_raw is not null
    ) as has_unreadable_date,
    (
        staged.days_supply_raw is not null
        or staged.dose_quantity_raw is not null
        or staged.doses_per_day_raw is not null
    ) as has_unreadable_number,
    staged.days_supply,
    persons.birth_date,
    persons.deceased_on
from distinct_medications as staged
left join work.persons on persons.patient_no = staged.patient_no
order by staged.row_no;
