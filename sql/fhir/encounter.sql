-- One row per person: the organisation of the latest encounter.
create or replace temp table visited as
select
    person_of(subject) as person_id,
    arg_max(clinic_of(serviceprovider), (period.start, clinic_of(serviceprovider))) as clinic_id
from resources
where resourcetype = 'Encounter' and clinic_of(serviceprovider) is not null and period.start is not null
group by all;
