-- One row per code that may stand for a key, the most particular first: the source's own, the standard, what is above.
create or replace temp table candidates as
with
own as (
    select
        key_no,
        case when site_codes.reported_code is not null then 0 else 1 end as place,
        coalesce({source_system}, 'local') as code_system, -- noqa: LT01
        source_value as code
    from keys
    left join site_codes on site_codes.reported_code = code_text(source_value)
    where source_value is not null and (site_codes.reported_code is not null or {source_system} is not null)
    union all
    select
        keys.key_no,
        case when site_codes.reported_code is not null then 0 else 1 end as place,
        concepts.vocabulary_id as code_system,
        concepts.concept_code as code
    from keys
    inner join concepts on concepts.concept_id = keys.source_concept_id
    left join site_codes on site_codes.reported_code = code_text(concepts.concept_code)
    union all
    select
        key_no,
        3 as place,
        'OMOP' as code_system,
        source_concept_id as code
    from keys
    where source_concept_id is not null
    union all
    select
        keys.key_no,
        2 as place,
        concepts.vocabulary_id as code_system,
        concepts.concept_code as code
    from keys
    inner join concepts on concepts.concept_id = keys.concept_id
    union all
    select
        key_no,
        2 as place,
        'OMOP' as code_system,
        concept_id as code
    from keys
    where concept_id is not null
    union all
    select
        keys.key_no,
        3 + above.levels as place,
        'OMOP' as code_system,
        above.ancestor_id as code
    from keys
    inner join above on above.concept_id = keys.concept_id
    union all
    select
        keys.key_no,
        3 + above.levels as place,
        concepts.vocabulary_id as code_system,
        concepts.concept_code as code
    from keys
    inner join above on above.concept_id = keys.concept_id
    inner join concepts on concepts.concept_id = above.ancestor_id
    where {is_drug}
),

read as (
    select
        own.*,
        spelling.system,
        case
            when coalesce(spelling.is_prefix, false) then replace(code_text(own.code), '.', '')
            else code_text(own.code)
        end as match_text,
        coalesce(spelling.is_prefix, false) as is_prefix
    from own
    left join spelling on spelling.spelling = squeezed(own.code_system)
)

select
    *,
    case when is_prefix then left(match_text, 3) else match_text end as scope_key,
    place < 2 and system = 'ATC' and regexp_full_match(match_text, '[A-Z]\d{2}[A-Z]{2}\d{2}') as is_settled
from read;
