-- One row per condition in scope, typed; of a person who opted out, a blank row that only counts.
insert into work.conditions by name
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
        on local_code.reported_code = plain.code_text and not starts_with(local_code.concept, 'drug_')
    left join scope on scope.system = plain.system and scope.key = plain.scope_key
),

scoped as (
    select
        *,
        case
            when local_concept is not null then 'site|' || local_concept
            else system || '|' || match_text
        end as code_key,
        concat_ws(
            chr(31),
            $source,
            coalesce(patient_id, ''), coalesce(code_system, ''), coalesce(code, ''),
            coalesce(name, ''), coalesce(condition_id, ''), coalesce(onset_on, ''),
            coalesce(recorded_on, ''), coalesce(resolved_on, ''), coalesce(status, ''),
            coalesce(is_family_history, ''), coalesce(received_at, '')
        ) as row_text
    from met
    where is_listed_code or local_concept is not null
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
        treated(code_system, treatment) as code_system,
        treated(code, treatment) as code,
        treated(name, treatment) as name,
        treated(condition_id, treatment) as condition_id,
        treated(onset_on, treatment) as onset_on,
        treated(recorded_on, treatment) as recorded_on,
        treated(resolved_on, treatment) as resolved_on,
        treated(status, treatment) as status,
        treated(is_family_history, treatment) as is_family_history,
        treated(received_at, treatment) as received_at
    from chosen
),

typed as (
    select
        *,
        read_at(onset_on, $zone, $date_formats, $instant_formats) as onset_on_read,
        read_at(recorded_on, $zone, $date_formats, $instant_formats) as recorded_on_read,
        read_at(resolved_on, $zone, $date_formats, $instant_formats) as resolved_on_read,
        read_at(received_at, $zone, $date_formats, $instant_formats) as received_at_read,
        md5_number(
            case treatment
                when 0 then row_text
                else concat_ws(
                    chr(31),
                    $source,
                    coalesce(patient_id, ''), coalesce(code_system, ''), coalesce(code, ''),
                    coalesce(name, ''), coalesce(condition_id, ''), coalesce(onset_on, ''),
                    coalesce(recorded_on, ''), coalesce(resolved_on, ''),
                    coalesce(status, ''), coalesce(is_family_history, ''),
                    coalesce(received_at, '')
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
    coalesce(typed.system, typed.code_system) as code_system,
    upper(typed.code) as code,
    typed.name,
    typed.condition_id,
    cast(typed.onset_on_read as date) as onset_on,
    cast(typed.recorded_on_read as date) as recorded_on,
    cast(typed.resolved_on_read as date) as resolved_on,
    coalesce(word(typed.status), 'active') as status,
    coalesce(lower(typed.is_family_history) in ('true', 'yes', 'y', '1', 't'), false) as is_family_history,
    typed.received_at_read as received_at,
    case when typed.onset_on_read is null then typed.onset_on end as onset_on_raw,
    case when typed.recorded_on_read is null then typed.recorded_on end as recorded_on_raw,
    case when typed.resolved_on_read is null then typed.resolved_on end as resolved_on_raw,
    case when typed.received_at_read is null then typed.received_at end as received_at_raw,
    typed.content_hash,
    case
        when typed.condition_id is null then typed.content_hash
        else md5_number(concat_ws(
            chr(31),
            $source,
            coalesce(typed.patient_id, ''),
            typed.condition_id,
            coalesce(upper(typed.code), lower(typed.name), '')
        ))
    end as key_hash
from typed;
