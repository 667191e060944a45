-- One row per code and name as written in a group of files, with its rows; only people who did not opt out count.
create or replace temp table code_counts as
select
    extract.code_system,
    extract.code,
    {named} as reported_name, -- noqa: LT01
    count(*) as rows,
    min(people.patient_no) as first_person,
    max(people.patient_no) as last_person
from extract
inner join work.people
    on
        people.source = $source
        and people.patient_id
        = case
            when contains(extract.patient_id, ' ') or strlen(extract.patient_id) <> length(extract.patient_id)
                then tidy(extract.patient_id)
            else extract.patient_id
        end
group by all;
