"""Medication rows read as supplies: what they cover, whether they are current, what they give a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from rules.model import Pack


def with_concepts(rows: pl.LazyFrame, codes: pl.LazyFrame) -> pl.LazyFrame:
    """One row per record and concept its code or name stands for. Adds concept, breadth, matched_by."""
    return rows.join(codes, on="code_id", how="inner")


def supplies(medications: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per medication row, with the last day it covers.

    Needs start_on, end_on, days_supply, kind, status, dose_quantity, dose_unit, doses_per_day.
    Adds `covered_to` (null where the supply is open or its end unknown), `is_open` (ongoing without an end) and
    `daily_dose_ug` (null where the dose cannot be read; null says unknown, never none).
    """
    ongoing = (pl.col("status") == "active") & pl.col("kind").is_in(["prescription", "statement"])
    factors = (
        pack.units.lazy()
        .filter(pl.col("analyte") == "dose")
        .select(dose_key="spelling", dose_factor=pl.col("factor").cast(pl.Float64))
    )
    return (
        medications.with_columns(
            covered_to=pl.when(pl.col("kind") == "administration")
            .then("start_on")
            .when(pl.col("end_on").is_not_null())
            .then("end_on")
            .when(pl.col("days_supply").is_not_null())
            .then(pl.col("start_on") + pl.duration(days=pl.col("days_supply") - 1))
            .when(~ongoing)
            .then("start_on"),
            is_open=ongoing & pl.col("end_on").is_null() & pl.col("days_supply").is_null(),
            dose_key=pl.col("dose_unit").str.replace_all(r"\s", "").str.replace_all("[µμ]", "u"),
        )
        .with_columns(is_open=pl.col("is_open") | (ongoing & pl.col("covered_to").is_null()))
        .join(factors, on="dose_key", how="left")
        .with_columns(
            daily_dose_ug=pl.col("dose_quantity")
            * pl.col("doses_per_day").fill_null(1.0)
            * pl.col("dose_factor")
        )
        .drop("dose_key", "dose_factor")
    )


def is_current(as_of: date | pl.Expr, gap_days: int) -> pl.Expr:
    """True while the supply covers the day, or ended at most `gap_days` before it."""
    return pl.col("is_open") | (pl.col("covered_to") + pl.duration(days=gap_days) >= as_of).fill_null(False)


def current_run_days(supplied: pl.LazyFrame, keys: Sequence[str], as_of: date, gap_days: int) -> pl.LazyFrame:
    """One row per `keys` with a current run of dated supplies: `exposure_days` from the run's start to `as_of`.

    Gaps of at most `gap_days` are bridged. Rows of unknown start are current but give no duration, so a group
    that has only such rows is absent.
    """
    far_future = date.max
    dated = supplied.filter(pl.col("start_on").is_not_null()).with_columns(
        run_end=pl.when("is_open")
        .then(pl.lit(far_future))
        .otherwise(pl.col("covered_to"))
        .fill_null(pl.col("start_on"))
    )
    bridged = (pl.col("previous_end") - pl.col("start_on")).dt.total_days() >= -gap_days
    return (
        dated.sort(*keys, "start_on", "run_end")
        .with_columns(previous_end=pl.col("run_end").cum_max().shift(1).over(keys))
        .with_columns(run=(~bridged.fill_null(False)).cast(pl.UInt32).cum_sum().over(keys))
        .group_by(*keys, "run")
        .agg(run_start=pl.col("start_on").min(), is_current=is_current(as_of, gap_days).any())
        .filter("is_current")
        .group_by(*keys)
        .agg(exposure_days=(pl.lit(as_of) - pl.col("run_start").max()).dt.total_days())
    )
