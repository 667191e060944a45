"""Nitrous oxide: how sure its misuse is, and homocysteine, which may confirm a deficiency there alone."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from transforms.clues import age_days, latest_readable
from transforms.intervals import wholly_above
from transforms.normalise import NOISE_DIGITS, lower_reference_limit
from transforms.replacement import confounded
from transforms.results import egfr_results, nearest_egfr

HOMOCYSTEINE, FOLATE = "lab_homocysteine", "lab_folate_serum"


def misuse(happened: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person with a recent code: nitrous_oxide, `recent` by an exact code, else `class_level`.

    An undated code is neither. Source: specification 7 R07, R08.
    """
    days_ago = age_days("feature_on", as_of)
    return (
        happened.filter(
            pl.col("concept").is_in(pack.concepts_of("nitrous_oxide_misuse"))
            & days_ago.is_between(0, pack.days("nitrous_oxide_days"))
        )
        .group_by("person_key")
        .agg(
            nitrous_oxide=pl.when(pl.col("is_exact").any())
            .then(pl.lit("recent"))
            .otherwise(pl.lit("class_level"))
        )
    )


def raised_homocysteine(
    observations: pl.LazyFrame, people: pl.LazyFrame, dosed: pl.LazyFrame, pack: Pack, as_of: date
) -> pl.LazyFrame:
    """One row per person whose homocysteine confirms a deficiency: homocysteine_confirms and the result.

    Results taken on replacement are set aside; the latest of the others counts, above the laboratory's limit or else
    the pack's, with a known kidney function that is not poor and a serum folate above its limit.
    Source: specification 6.4.
    """
    measured = observations.filter(pl.col("concept") == HOMOCYSTEINE)
    # A result that treatment has lowered must not hide an earlier raised one.
    untreated = confounded(measured, dosed, pack).filter(~pl.col("is_confounded"))
    latest = latest_readable(untreated, HOMOCYSTEINE, pack.days("homocysteine_days"), as_of)
    limit = pl.col("reference_limit").fill_null(pack.number("homocysteine_high"))
    raised = latest.filter(wholly_above(limit))
    theirs = observations.join(raised, on="person_key", how="semi")
    working = nearest_egfr(raised, egfr_results(theirs, people, pack), pack).filter(~pl.col("is_renal"))
    return (
        raised.join(working.select("row_no"), on="row_no", how="semi")
        .join(_normal_folate(theirs, pack, as_of), on="person_key", how="semi")
        .select(
            "person_key",
            homocysteine_confirms=pl.lit("yes"),
            homocysteine_value="value",
            homocysteine_unit="unit",
            homocysteine_collected_on="collected_on",
            homocysteine_evidence_id="evidence_id",
        )
    )


def _normal_folate(observations: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    latest = latest_readable(observations, FOLATE, pack.days("folate_days"), as_of)
    limit = (
        pl.when(pl.col("unit") == "nmol/L").then(_molar_limit(pack)).otherwise(pack.number("folate_low_ug_l"))
    )
    return lower_reference_limit(latest, pack).filter(
        wholly_above(pl.col("reference_floor").fill_null(limit))
    )


def _molar_limit(pack: Pack) -> float:
    """The limit for results reported in nmol/L, in the normal unit the interval is held in."""
    [factor] = pack.units.filter((pl.col("analyte") == FOLATE) & (pl.col("spelling") == "nmol/l"))["factor"]
    return round(pack.number("folate_low_nmol_l") * float(factor), NOISE_DIGITS)
