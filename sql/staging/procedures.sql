-- One row per procedure in scope, typed; of a person who opted out, a blank row that only counts.
insert into work.procedures by name
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
            coalesce(name, ''), coalesce(procedure_id, ''), coalesce(performed_on, ''),
            coalesce(length_cm, ''), coalesce(status, ''), coalesce(received_at, '')
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
        treated(procedure_id, treatment) as procedure_id,
        treated(performed_on, treatment) as performed_on,
        treated(length_cm, treatment) as length_cm,
        treated(status, treatment) as status,
        treated(received_at, treatment) as received_at
    from chosen
),

typed as (
    select
        *,
        read_at(performed_on, $zone, $date_formats, $instant_formats) as performed_on_read,
        read_at(received_at, $zone, $date_formats, $instant_formats) as received_at_read,
        read_number(length_cm, $decimal_comma) as length_cm_read,
        md5_number(
            case treatment
                when 0 then row_text
                else concat_ws(
                    chr(31),
                    $source,
                    coalesce(patient_id, ''), coalesce(code_system, ''), coalesce(code, ''),
                    coalesce(name, ''), coalesce(procedure_id, ''),
                    coalesce(performed_on, ''), coalesce(length_cm, ''),
                    coalesce(status, ''), coalesce(received_at, '')
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
    typed.procedure_id,
    cast(typed.performed_on_read as date) as performed_on,
    typed.length_cm_read as length_cm,
    coalesce(word(typed.status), 'completed') as status,
    typed.received_at_read as received_at,
    case when typed.performed_on_read is null then typed.performed_on end as performed_on_raw,
    case when typed.received_at_read is null then typed.received_at end as received_at_raw,
    case when typed.length_cm_read is null then typed.length_cm end as length_cm_raw,
    typed.content_hash,
    case
        when typed.procedure_id is null then typed.content_hash
        else md5_number(concat_ws(
            chr(31),
            $source,
            coalesce(typed.patient_id, ''),
            typed.procedure_id,
            coalesce(upper(typed.code), lower(typed.name), '')
        ))
    end as key_hash
from typed;
