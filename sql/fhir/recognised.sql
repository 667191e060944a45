-- One row per row of `said`, with that one of its codings that a rule can use.
-- Else the first of a system of ours, else the first. A concept's text names it, else the coding's display.
with
said as (
    {said}
),

placed as (
    select
        *,
        case
            when len(codings) > 1
                then coalesce(
                    list_position(list_transform(codings, lambda one: is_offered(one)), true),
                    list_position(
                        list_transform(
                            codings, lambda one: one.code is not null and system_of(one.system) is not null
                        ),
                        true
                    ),
                    list_position(list_transform(codings, lambda one: one.code is not null), true),
                    1
                )
            else 1
        end as place_of_coding
    from said
),

chosen as (
    select
        * exclude (codings, place_of_coding),
        codings[place_of_coding] as coding
    from placed
)

select
    * exclude (concept_text, coding),
    coding.system as coding_system,
    coding.code as coding_code,
    coalesce(concept_text, coding.display) as coding_name
from chosen;
