-- One row per row of `said`, with that one of its codings that a rule can use.
-- Else the first of a system of ours, else the first. A concept's text names it, else the coding's display.
with
said as (
    {said}
),

chosen as (
    select
        *,
        case
            when len(codings) = 1 then codings[1]
            when len(codings) > 1
                then coalesce(
                    list_filter(codings, lambda one: is_offered(one))[1],
                    list_filter(
                        codings,
                        lambda one: one.code is not null
                        and system_of(one.system) is not null
                    )[1],
                    list_filter(codings, lambda one: one.code is not null)[1],
                    codings[1]
                )
        end as coding
    from said
)

select
    * exclude (codings, concept_text, coding),
    coding.system as code_system,
    coding.code as code,
    coalesce(concept_text, coding.display) as {named}
from chosen;
