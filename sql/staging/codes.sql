-- One row per distinct reported code or drug name and concept.
-- Exact if any exact row of the concept's list matches.
insert into work.codes
with
reported as (
    select distinct code_key
    from (
        select code_key from work.medications
        union all
        select code_key from work.conditions
        union all
        select code_key from work.procedures
        union all
        select stored.code_key from store.medications as stored
        inner join work.sources on sources.source = stored.source and sources.mode = 'increment'
        union all
        select stored.code_key from store.conditions as stored
        inner join work.sources on sources.source = stored.source and sources.mode = 'increment'
        union all
        select stored.code_key from store.procedures as stored
        inner join work.sources on sources.source = stored.source and sources.mode = 'increment'
    ) as kept
    where code_key is not null
),

numbered as (
    select
        cast(row_number() over (order by code_key) as uinteger) as code_id,
        code_key,
        split_part(code_key, '|', 1) as system,
        substr(code_key, strpos(code_key, '|') + 1) as match_text
    from reported
),

listed as (
    select
        system,
        concept,
        breadth,
        match = 'prefix' as is_prefix,
        case
            when match = 'prefix' then match_code
            when system in (select system from prefix_systems) then upper(replace(code, '.', ''))
            else upper(code)
        end as match_text
    from pack_codes
    where split_part(concept, '_', 1) <> 'lab'
),

by_code as (
    select
        numbered.code_id,
        numbered.code_key,
        listed.concept,
        case when bool_or(listed.breadth = 'exact') then 'exact' else 'broad' end as breadth,
        'code' as matched_by
    from numbered
    inner join listed
        on
            listed.system = numbered.system
            and (
                listed.match_text = numbered.match_text
                or (listed.is_prefix and starts_with(numbered.match_text, listed.match_text))
            )
    group by all
),

whole_words as (
    select
        numbered.code_id,
        numbered.code_key,
        drug_names.concept,
        regexp_matches(numbered.match_text, '[;+&]|(?:^|[^\p{L}])and(?:[^\p{L}]|$)') as is_combined
    from numbered
    inner join drug_names on contains(numbered.match_text, drug_names.name)
    where
        numbered.system = 'name'
        and regexp_matches(
            numbered.match_text,
            '(?:^|[^\p{L}])' || regexp_escape(drug_names.name) || '(?:[^\p{L}]|$)'
        )
),

by_name as (
    select distinct
        code_id,
        code_key,
        case
            when is_combined and starts_with(concept, 'drug_b12_') then 'drug_b12_combination' else concept
        end as concept,
        'exact' as breadth,
        'name' as matched_by
    from whole_words
)

select * from by_code
union all
select
    code_id,
    code_key,
    match_text as concept,
    'exact' as breadth,
    'site' as matched_by
from numbered
where system = 'site'
union all
select * from by_name
order by code_id, concept;
