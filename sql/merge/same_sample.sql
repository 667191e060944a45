-- One row per result that another one of the same sample stands for.
-- That is a corrected one, or one of the same value and unit.
create or replace temp table same_sample as
with
samples as (
    -- Few samples are contested: the versions that stand are looked up for those alone.
    select sample_hash
    from known
    where sample_hash is not null
    group by sample_hash
    having count(*) > 1
),

results as (
    select
        versions.row_no,
        people.person_no,
        versions.concept,
        versions.sample_id,
        versions.collected_at,
        versions.status in ('amended', 'corrected') as is_corrected,
        versions.value,
        lower(replace(versions.unit, ' ', '')) as unit,
        known.received_at,
        evidence_id(versions.result_id, versions.content_hash) as evidence_id,
        versions.content_hash
    from known
    inner join samples on samples.sample_hash = known.sample_hash
    inner join standing on standing.row_no = known.row_no
    inner join versions_labs as versions on versions.row_no = known.row_no
    inner join work.people on people.patient_no = versions.patient_no
),

marked as (
    select
        *,
        bool_or(is_corrected) over (
            partition by person_no, concept, sample_id, collected_at
        ) and not is_corrected as is_replaced
    from results
),

ranked as (
    select
        row_no,
        is_replaced,
        row_number() over (
            partition by person_no, concept, sample_id, collected_at, is_replaced, value, unit
            order by received_at desc, evidence_id, content_hash
        ) as place
    from marked
)

select row_no
from ranked
where is_replaced or place > 1;
