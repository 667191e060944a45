-- One row per distinct code and name of a group of files, as compared, and whether a list or the site knows it.
-- In memory only: rare names are among them.
insert into code_uses
with
named as (
    select
        counts.rows,
        counts.first_person,
        counts.last_person,
        coalesce(written.system, tolerant.system) as system,
        coalesce(written.is_prefix, tolerant.is_prefix, false) as is_prefix,
        tidy(counts.code_system) as code_system,
        code_text(counts.code) as code_text,
        lower(tidy(counts.reported_name)) as name
    from code_counts as counts
    left join spelling as written on written.spelling = counts.code_system
    left join spelling as tolerant
        on tolerant.spelling = case when written.system is null then squeezed(counts.code_system) end
),

plain as (
    select
        *,
        case when is_prefix then replace(code_text, '.', '') else code_text end as match_text,
        case when is_prefix then left(replace(code_text, '.', ''), 3) else code_text end as scope_key
    from named
)

select
    $source as source,
    '{table}' as table_name,
    coalesce(plain.system, plain.code_system, '') as code_system,
    coalesce(plain.match_text, '') as code,
    coalesce(plain.name, '') as name,
    coalesce(is_listed(plain.match_text, scope.whole_codes, scope.prefixes), false)
    or site_code.concept is not null
    or ('{table}' in ('labs', 'orders') and (local_code.concept is not null or local_name.concept is not null))
    or (
        '{table}' = 'medications'
        and not coalesce(
            plain.system = 'ATC' and regexp_full_match(plain.match_text, '[A-Z]\d{2}[A-Z]{2}\d{2}'), false
        )
        and coalesce(regexp_matches(plain.name, $drug_pattern), false)
    ) as is_listed,
    plain.rows,
    plain.first_person,
    plain.last_person
from plain
left join scope on scope.system = plain.system and scope.key = plain.scope_key
left join site_codes as site_code
    on
        site_code.reported_code = plain.code_text
        and '{table}' in ('medications', 'conditions', 'procedures')
        and starts_with(site_code.concept, 'drug_') = ('{table}' = 'medications')
left join site_test_codes as local_code on local_code.reported_code = plain.code_text
left join site_test_names as local_name on local_name.reported_name = plain.name;
