-- One row per person_id: the identifier that its rows are landed under.
-- Rows of one person_id that name different people are brought under one name, where they contradict each other.
create or replace temp table people as
select
    whole(person_id) as person_id,
    case
        when count(distinct coalesce(tidy(person_source_value), '')) = 1
            then omop_person_named(min(person_source_value), whole(person_id))
        else omop_person_named(null, whole(person_id))
    end as patient_id
from person
where whole(person_id) is not null
group by whole(person_id);
