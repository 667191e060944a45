-- One row per medication in scope, typed; of a person who opted out, a blank row that only counts.
insert into work.medications by name
with
named as (
    select
        extract.*,
        code_text(extract.code) as code_text,
        coalesce(written.system, tolerant.system) as system,
        coalesce(written.is_prefix, tolerant.is_prefix, false) as is_prefix
    from extract
    left join spelling as written on written.spelling = extract.code_system
    left join spelling as tolerant
        on tolerant.spelling = case when written.system is null then squeezed(extract.code_system) end
),

plain as (
    select
        *,
        case when is_prefix then replace(code_text, '.', '') else code_text end as match_text,
        case when is_prefix then left(replace(code_text, '.', ''), 3) else code_text end as scope_key
    from named
),

met as (
    select
        plain.*,
        local_code.concept as local_concept,
        case
            when scope.system is not null then is_listed(plain.match_text, scope.whole_codes, scope.prefixes)
            else false
        end as is_listed_code
    from plain
    left join site_codes as local_code
        on local_code.reported_code = plain.code_text and starts_with(local_code.concept, 'drug_')
    left join scope on scope.system = plain.system and scope.key = plain.scope_key
),

judged as (
    select
        *,
        case
            when is_listed_code or local_concept is not null then true
            -- ATC has a code for every substance: a complete one that no list holds settles the row.
            when system = 'ATC' and regexp_full_match(match_text, '[A-Z]\d{2}[A-Z]{2}\d{2}') then false
            else coalesce(regexp_matches(lower(drug_name), $drug_pattern), false)
        end as is_wanted
    from met
),

scoped as (
    select
        *,
        case
            when local_concept is not null then 'site|' || local_concept
            when is_listed_code then system || '|' || match_text
            else 'name|' || lower(tidy(drug_name))
        end as code_key,
        concat_ws(
            chr(31),
            $source,
            coalesce(patient_id, ''), coalesce(start_on, ''), coalesce(code_system, ''),
            coalesce(code, ''), coalesce(drug_name, ''), coalesce(medication_id, ''),
            coalesce(kind, ''), coalesce(route, ''), coalesce(dose_quantity, ''),
            coalesce(dose_unit, ''), coalesce(doses_per_day, ''), coalesce(days_supply, ''),
            coalesce(end_on, ''), coalesce(status, ''), coalesce(received_at, '')
        ) as row_text
    from judged
    where is_wanted
),

owned as (
    select
        scoped.*,
        people.patient_no,
        opted_out.person_hash is not null as is_opted_out
    from (
        select
            *,
            needs_trimming(row_text) as is_untidy,
            case when is_untidy then tidy(patient_id) else patient_id end as person_id
        from scoped
    ) as scoped
    left join work.people on people.source = $source and people.patient_id = scoped.person_id
    left join work.opted_out
        on
            opted_out.person_hash
            = case when people.patient_no is null then person_hash($source, scoped.person_id) end
),

chosen as (
    select
        *,
        case when is_opted_out then 2 when is_untidy then 1 else 0 end as treatment
    from owned
),

trimmed as (
    select
        $first_part + part_index as part_no,
        patient_no,
        is_opted_out,
        treatment,
        row_text,
        system,
        code_key,
        treated(patient_id, treatment) as patient_id,
        treated(start_on, treatment) as start_on,
        treated(code_system, treatment) as code_system,
        treated(code, treatment) as code,
        treated(drug_name, treatment) as drug_name,
        treated(medication_id, treatment) as medication_id,
        treated(kind, treatment) as kind,
        treated(route, treatment) as route,
        treated(dose_quantity, treatment) as dose_quantity,
        treated(dose_unit, treatment) as dose_unit,
        treated(doses_per_day, treatment) as doses_per_day,
        treated(days_supply, treatment) as days_supply,
        treated(end_on, treatment) as end_on,
        treated(status, treatment) as status,
        treated(received_at, treatment) as received_at
    from chosen
),

typed as (
    select
        *,
        read_at(start_on, $zone, $date_formats, $instant_formats) as start_on_read,
        read_at(end_on, $zone, $date_formats, $instant_formats) as end_on_read,
        read_at(received_at, $zone, $date_formats, $instant_formats) as received_at_read,
        try_cast(read_number(days_supply, $decimal_comma) as integer) as days_supply_read,
        read_number(dose_quantity, $decimal_comma) as dose_quantity_read,
        read_number(doses_per_day, $decimal_comma) as doses_per_day_read,
        md5_number(
            case treatment
                when 0 then row_text
                else concat_ws(
                    chr(31),
                    $source,
                    coalesce(patient_id, ''), coalesce(start_on, ''),
                    coalesce(code_system, ''), coalesce(code, ''), coalesce(drug_name, ''),
                    coalesce(medication_id, ''), coalesce(kind, ''), coalesce(route, ''),
                    coalesce(dose_quantity, ''), coalesce(dose_unit, ''),
                    coalesce(doses_per_day, ''), coalesce(days_supply, ''),
                    coalesce(end_on, ''), coalesce(status, ''), coalesce(received_at, '')
                )
            end
        ) as content_hash
    from trimmed
)

select
    $source as source,
    typed.part_no,
    typed.patient_no,
    typed.is_opted_out,
    case when typed.patient_no is null then typed.patient_id end as patient_id,
    case when not typed.is_opted_out then typed.code_key end as code_key,
    cast(typed.start_on_read as date) as start_on,
    coalesce(typed.system, typed.code_system) as code_system,
    upper(typed.code) as code,
    typed.drug_name,
    typed.medication_id,
    coalesce(word(typed.kind), 'prescription') as kind,
    lower(typed.route) as route,
    typed.dose_quantity_read as dose_quantity,
    lower(typed.dose_unit) as dose_unit,
    typed.doses_per_day_read as doses_per_day,
    typed.days_supply_read as days_supply,
    cast(typed.end_on_read as date) as end_on,
    coalesce(word(typed.status), 'active') as status,
    typed.received_at_read as received_at,
    case when typed.start_on_read is null then typed.start_on end as start_on_raw,
    case when typed.end_on_read is null then typed.end_on end as end_on_raw,
    case when typed.received_at_read is null then typed.received_at end as received_at_raw,
    case when typed.days_supply_read is null then typed.days_supply end as days_supply_raw,
    case when typed.dose_quantity_read is null then typed.dose_quantity end as dose_quantity_raw,
    case when typed.doses_per_day_read is null then typed.doses_per_day end as doses_per_day_raw,
    typed.content_hash,
    case
        when typed.medication_id is null then typed.content_hash
        else md5_number(concat_ws(
            chr(31),
            $source,
            coalesce(typed.patient_id, ''),
            typed.medication_id,
            coalesce(upper(typed.code), lower(typed.drug_name), '')
        ))
    end as key_hash
from typed;
