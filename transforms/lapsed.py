"""Replacement that ended although it is still needed."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from transforms.clues import age_days, of_clue
from transforms.results import answers_sample


def lapsed(
    courses: pl.LazyFrame,
    happened: pl.LazyFrame,
    evaluable: pl.LazyFrame,
    mma: pl.LazyFrame,
    causes: pl.LazyFrame,
    neuro_ever: pl.LazyFrame,
    pack: Pack,
    as_of: date,
) -> pl.LazyFrame:
    """One row per person whose lapsed replacement is still needed: `lapsed`, due or gap_over_two_intervals.

    Needed: an irreversible cause, or an earlier deficiency that no later result has cleared. `courses`: the
    columns of `replacement.state`. `evaluable`: B12 results per day at any age, pregnancy aside. `mma`: results off
    replacement. A gap of unknown length counts as long. Source: specification 7 R04.
    """
    ended = courses.filter(pl.col("replacement") == "LAPSED")
    lasting = causes.filter("is_irreversible_cause").select("person_key")
    deficient = _deficient_before(ended, happened, evaluable, pack).join(
        _cleared(ended, evaluable, mma, pack), on="person_key", how="anti"
    )
    gap = age_days("last_covered_on", as_of)
    is_long = (gap > pack.days("lapsed_intervals") * _interval_days(pack)).fill_null(True)
    return (
        ended.join(pl.concat([lasting, deficient]).unique(), on="person_key", how="semi")
        .join(neuro_ever, on="person_key", how="left")
        .select(
            "person_key",
            lapsed=pl.when(is_long).then(pl.lit("gap_over_two_intervals")).otherwise(pl.lit("due")),
        )
    )


def _interval_days(pack: Pack) -> pl.Expr:
    """The interval of what came last: an injection in its pattern, or a supply."""
    injected_last = (pl.col("last_injection_on") == pl.col("last_covered_on")).fill_null(False)
    return (
        pl.when(~injected_last)
        .then(pack.days("oral_interval_days"))
        .when("is_monthly")
        .then(pack.days("im_interval_monthly_days"))
        .when("has_ever_neuro")
        .then(pack.days("im_interval_neuro_days"))
        .otherwise(pack.days("im_interval_days"))
    )


def _deficient_before(
    ended: pl.LazyFrame, happened: pl.LazyFrame, evaluable: pl.LazyFrame, pack: Pack
) -> pl.LazyFrame:
    """One row per person with an earlier deficiency: a code, a LOW up to the first dose, or a full course."""
    low_before = (
        evaluable.filter((pl.col("result_class") == "LOW") & ~pl.col("is_confounded"))
        .join(ended.select("person_key", "first_dose_on"), on="person_key", how="inner")
        .filter(pl.col("collected_on") <= pl.col("first_dose_on"))
    )
    injected = ended.filter(pl.col("injection_days") >= pack.days("prior_deficiency_injections"))
    found = [of_clue(happened, "b12_deficiency", pack), low_before, injected]
    return pl.concat([rows.select("person_key") for rows in found]).unique()


def _cleared(ended: pl.LazyFrame, evaluable: pl.LazyFrame, mma: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """People (person_key) with a result after the last dose, off replacement, that rules a deficiency out.

    UNLIKELY without a LOW of the other test near it, or INDET with a NORMAL MMA in its window; with no LOW on that
    day or since.
    """
    after = (
        evaluable.filter(~pl.col("is_confounded"))
        .join(ended.select("person_key", "last_covered_on"), on="person_key", how="inner")
        .filter(pl.col("collected_on") > pl.col("last_covered_on"))
        .select("person_key", "concept", "collected_on", "result_class")
    )
    low = evaluable.filter(pl.col("result_class") == "LOW").select(
        "person_key", low_concept="concept", low_on="collected_on"
    )
    unlikely = after.filter(pl.col("result_class") == "UNLIKELY")
    apart = (pl.col("low_on") - pl.col("collected_on")).dt.total_days().abs()
    contradicted = unlikely.join(low, on="person_key", how="inner").filter(
        (pl.col("low_concept") != pl.col("concept")) & (apart <= pack.days("pair_days"))
    )
    unlikely = unlikely.join(contradicted, on=["person_key", "concept", "collected_on"], how="anti")
    normal = mma.filter(pl.col("result_class") == "NORMAL").select("person_key", mma_on="collected_on")
    answered = (
        after.filter(pl.col("result_class") == "INDET")
        .join(normal, on="person_key", how="inner")
        .filter(answers_sample(pl.col("mma_on"), pl.col("collected_on"), pack))
    )
    cleared = pl.concat([rows.select("person_key", "collected_on") for rows in (unlikely, answered)])
    low_since = cleared.join(low, on="person_key", how="inner").filter(
        pl.col("low_on") >= pl.col("collected_on")
    )
    return cleared.join(low_since, on=["person_key", "collected_on"], how="anti").select("person_key")
