-- One identifier of a person as the site chose it; a person without a word of its own is named by its number.
create or replace temp macro omop_person_named(source_value, person_id) as
    coalesce(
        case
            when getvariable('patient_id') = 'person_id' then whole(person_id)
            else tidy(source_value)
        end,
        'person_id ' || whole(person_id)
    );
