"""Who is asked for a first B12 test: the tiers of people without a usable result."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from transforms.clues import METFORMIN, age_days, of_clue
from transforms.medication import current_run_days, is_current

_IN_ORDER = (
    "C_new_signs",
    "A_symptom_and_risk",
    "B_signs_alone",
    "A_symptom_and_risk",
    "F_repeat_sample",
    "C_periodic",
    "D_after_surgery",
    "E_risk_alone",
)
"""Tiers from the most urgent; tier A stands twice, with neurological features before without.

Of tiers of one priority the one that says the most comes first: everybody on metformin with new signs has a risk
factor and a sign besides.
"""
_C_NEW, _A_NEURO, _B, _A, _F, _C_PERIODIC, _D, _E = range(len(_IN_ORDER))


def first_test_tier(
    people: pl.LazyFrame,
    happened: pl.LazyFrame,
    supplied: pl.LazyFrame,
    risks: pl.LazyFrame,
    blood: pl.LazyFrame,
    symptomatic: pl.LazyFrame,
    neuro: pl.LazyFrame,
    unreadable: pl.LazyFrame,
    pack: Pack,
    as_of: date,
) -> pl.LazyFrame:
    """One row per person who meets a tier that is on: `first_test_tier`, the most urgent one.

    Codes have to be exact; a broad one is never the only reason. `neuro`: people with the neurological flag.
    `unreadable`: people whose last B12 sample was not interpretable. Source: specification 8.
    """
    symptom_and_risk = symptomatic.filter("is_exact").join(
        risks.filter(pl.col("is_exact") & (pl.col("group") == "ng239")), on="person_key", how="semi"
    )
    new_signs, periodic = _metformin(people, happened, supplied, risks, blood, symptomatic, pack, as_of)
    tiers = [
        (_A_NEURO, symptom_and_risk.join(neuro, on="person_key", how="semi")),
        (_B, _signs_alone(happened, blood, pack, as_of)),
        (_C_NEW, new_signs),
        (_A, symptom_and_risk),
        (_F, unreadable),
        (_C_PERIODIC, periodic),
        (_D, of_clue(happened, "high_risk_surgery", pack)),
    ]
    if pack.word("first_test_tier_e") == "on":
        tiers.append((_E, _risk_alone(people, happened, supplied, pack, as_of)))
    return (
        pl.concat([rows.select("person_key", place=pl.lit(place, pl.UInt8)) for place, rows in tiers])
        .group_by("person_key")
        .agg(pl.col("place").min())
        .select(
            "person_key",
            first_test_tier=pl.col("place").replace_strict(
                dict(enumerate(_IN_ORDER)), return_dtype=pl.String
            ),
        )
    )


def _signs_alone(happened: pl.LazyFrame, blood: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """Tier B: macrocytosis, megaloblastic anaemia or cord degeneration; new neuropathy or ataxia."""
    days_ago = age_days("feature_on", as_of)
    found = [
        of_clue(happened, "first_test_in_window", pack).filter(
            days_ago.is_between(0, pack.days("symptom_window_days"))
        ),
        of_clue(happened, "first_test_when_new", pack).filter(
            days_ago.is_between(0, pack.days("new_feature_days"))
        ),
        blood.filter("has_high_mcv"),
    ]
    return pl.concat([rows.select("person_key") for rows in found])


def _metformin(
    people: pl.LazyFrame,
    happened: pl.LazyFrame,
    supplied: pl.LazyFrame,
    risks: pl.LazyFrame,
    blood: pl.LazyFrame,
    symptomatic: pl.LazyFrame,
    pack: Pack,
    as_of: date,
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Tier C, people on metformin: with new signs, and with a second factor.

    New signs: neuropathy or paraesthesia, or megaloblastic anaemia, new, or low haemoglobin with a high MCV.
    Second factor: a risk factor, age, dose or years.
    """
    gap = pack.days("rx_gap_days")
    metformin = supplied.filter((pl.col("concept") == METFORMIN) & is_current(as_of, gap))
    taking = metformin.group_by("person_key").agg(daily_dose_ug=pl.col("daily_dose_ug").max())
    is_new = pl.col("days_ago") <= pack.days("new_feature_days")
    neuropathy = symptomatic.filter(pl.col("is_exact") & (pl.col("neuro_rule") == "high_when_new") & is_new)
    megaloblastic = of_clue(happened, "megaloblastic", pack).filter(
        age_days("feature_on", as_of).is_between(0, pack.days("new_feature_days"))
    )
    counts = blood.filter(pl.col("has_low_haemoglobin") & pl.col("has_high_mcv"))
    new_signs = pl.concat([rows.select("person_key") for rows in (neuropathy, megaloblastic, counts)])
    second = risks.filter(pl.col("is_exact") & pl.col("is_tier_c"))
    old = people.filter(pl.col("age") >= pack.days("tier_c_age"))
    high_dose = taking.filter(pl.col("daily_dose_ug") >= pack.number("tier_c_metformin_ug"))
    quick = pl.concat([rows.select("person_key") for rows in (second, old, high_dose)])
    # Years of use is the dear one: asked only of people whom nothing simpler puts in the tier.
    asked = supplied.filter(pl.col("concept") == METFORMIN).join(quick, on="person_key", how="anti")
    long_use = current_run_days(asked, ["person_key"], as_of, gap).filter(
        pl.col("exposure_days") >= pack.days("tier_c_metformin_days")
    )
    periodic = pl.concat([quick, long_use.select("person_key")])
    on_metformin = taking.select("person_key")
    return (
        new_signs.join(on_metformin, on="person_key", how="semi"),
        periodic.join(on_metformin, on="person_key", how="semi"),
    )


def _risk_alone(
    people: pl.LazyFrame, happened: pl.LazyFrame, supplied: pl.LazyFrame, pack: Pack, as_of: date
) -> pl.LazyFrame:
    """Tier E: age, a medicine taken for long, diet or Crohn disease."""

    def longer(concepts: tuple[str, ...], limit: str) -> pl.LazyFrame:
        taken = supplied.filter(pl.col("concept").is_in(concepts))
        runs = current_run_days(taken, ["person_key"], as_of, pack.days("rx_gap_days"))
        return runs.filter(pl.col("exposure_days") > pack.days(limit))

    found = [
        people.filter(pl.col("age") >= pack.days("age_risk")),
        of_clue(happened, "first_test_risk_alone", pack),
        longer(pack.concepts_of("first_test_acid_medicine"), "tier_e_acid_days"),
        longer((METFORMIN,), "tier_e_metformin_days"),
    ]
    return pl.concat([rows.select("person_key") for rows in found])
