"""Aggregates of a screened population: counts only, for the report and the run's last words."""

from __future__ import annotations

import polars as pl

from rules.model import BandSet, Pack
from schemas.vocabulary import LISTS
from transforms.results import TOTAL

_BINS_BELOW_LIMIT = 6


def list_counts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per worklist and priority with anybody on it: list, priority, people."""
    columns = [pl.col(f"priority_{name}").alias(name) for name in LISTS]
    return (
        decisions.select(columns)
        .unpivot(on=list(LISTS), variable_name="list", value_name="priority")
        .drop_nulls("priority")
        .group_by("list", "priority")
        .agg(people=pl.len())
        .sort("list", "priority")
    )


def clinic_counts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per clinic: the people in the extract and on each worklist (columns named as the lists)."""
    return (
        decisions.group_by("clinic_id")
        .agg(people=pl.len(), **{name: pl.col(f"priority_{name}").count() for name in LISTS})
        .sort("clinic_id")
    )


def status_counts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per decision row with anybody on it: decision_key, rule_id, clinical_status, people."""
    return (
        decisions.group_by("decision_key", "rule_id", "clinical_status")
        .agg(people=pl.len())
        .sort("rule_id", "decision_key")
    )


def funnel(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row: how many people pass each gate on the way to a worklist, each within the one before."""
    decided = pl.col("clinical_status") != "NOT_ELIGIBLE"
    adult = decided & (pl.col("clinical_status") != "UNDER_AGE")
    return decisions.select(
        decided=pl.len(),
        registered=decided.sum(),
        adult=adult.sum(),
        listed=(pl.col("lists").list.len() > 0).sum(),
    )


def unseen_counts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per thing that could not be seen of anybody, `place: why`: not_seen, people."""
    return _people_by(decisions, "not_seen")


def untold_counts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per decision row that could not be told for anybody: cannot_tell (its key), people."""
    return _people_by(decisions, "cannot_tell")


def untested_with_b12(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One number: people without a B12 result that counts, of whom one came that could not be used."""
    is_b12 = pl.element().str.starts_with("lab_b12_")
    return decisions.select(
        ((pl.col("index_class") == "NONE") & pl.col("not_seen").list.eval(is_b12).list.any())
        .filter(~pl.col("clinical_status").is_in(["NOT_ELIGIBLE", "UNDER_AGE", "ON_REPLACEMENT"]))
        .sum()
    )


def _people_by(decisions: pl.LazyFrame, names: str) -> pl.LazyFrame:
    return (
        decisions.select(names)
        .filter(pl.col(names).list.len() > 0)
        .explode(names, empty_as_null=True)
        .group_by(names)
        .agg(people=pl.len())
        .sort(names)
    )


def b12_histogram(observations: pl.LazyFrame, band_set: BandSet) -> pl.LazyFrame:
    """One row per bin of total B12 in the unit of `band_set`: lower_edge, upper_edge, results.

    Bins are fractions of the LOW limit, so that the limits fall on edges; the last bin is open (null upper edge).
    Censored and text results are left out.
    """
    limit = next(band.lt for band in band_set.bands if band.name == "LOW") or 1.0
    width = limit / _BINS_BELOW_LIMIT
    last = _BINS_BELOW_LIMIT * _BINS_BELOW_LIMIT
    values = observations.filter(
        (pl.col("concept") == TOTAL) & (pl.col("unit") == band_set.unit) & (pl.col("value_kind") == "number")
    )
    return (
        values.select(bin=pl.min_horizontal((pl.col("low") / width).floor().cast(pl.Int64), pl.lit(last)))
        .group_by("bin")
        .agg(results=pl.len())
        .sort("bin")
        .select(
            lower_edge=pl.col("bin") * width,
            upper_edge=pl.when(pl.col("bin") < last).then((pl.col("bin") + 1) * width),
            results="results",
        )
    )


def b12_band_sets(pack: Pack) -> tuple[BandSet, ...]:
    """The band sets of total B12, one per unit with published limits."""
    return tuple(bands for bands in pack.band_sets if bands.analyte == TOTAL)
