-- One row per key and code that it is landed under: for each {per} the best that a list holds.
-- Where no list holds any, the most particular.
create or replace temp table coded as
with
matched as (
    select
        candidates.key_no,
        candidates.place,
        candidates.code_system,
        candidates.code,
        listed.concept,
        listed.breadth
    from candidates
    inner join listed
        on
            listed.system = candidates.system
            and listed.scope_key = candidates.scope_key
            and (
                listed.match_text = candidates.match_text
                or (listed.is_beginning and starts_with(candidates.match_text, listed.match_text))
            )
    where
        candidates.place < 2
        -- ATC has a code for every substance: a complete one that the source wrote settles the row.
        or candidates.key_no not in (select settled.key_no from candidates as settled where settled.is_settled)
    union all
    select
        candidates.key_no,
        candidates.place,
        candidates.code_system,
        candidates.code,
        site_codes.concept,
        'exact' as breadth
    from candidates
    inner join site_codes on site_codes.reported_code = code_text(candidates.code)
    where candidates.place = 0
),

best as (
    select distinct on ({per}) -- noqa: ST08
        key_no, -- noqa: AL02
        code_system,
        code
    from matched
    order by {per}, breadth <> 'exact', place, code_system, code
),

unlisted as (
    select distinct on (key_no)
        key_no,
        code_system,
        code
    from candidates
    where key_no not in (select matched.key_no from matched)
    order by key_no, place, system is null, code_system = 'OMOP', code_system, code
),

chosen as (
    select distinct
        key_no,
        code_system,
        code,
        true as is_listed
    from best
    union all
    select
        key_no,
        code_system,
        code,
        false as is_listed
    from unlisted
)

select
    keys.*,
    chosen.code_system,
    chosen.code,
    coalesce(chosen.is_listed, false) as is_listed,
    source_concept.concept_name as source_name,
    standard_concept.concept_name as standard_name
from keys
left join chosen on chosen.key_no = keys.key_no
left join concepts as source_concept on source_concept.concept_id = keys.source_concept_id
left join concepts as standard_concept on standard_concept.concept_id = keys.concept_id;
