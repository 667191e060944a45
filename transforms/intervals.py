"""Comparisons of an interval `low`, `high`, `low_open`, `high_open` with a limit: true only if all of it is."""

from __future__ import annotations

import polars as pl

from rules.model import Band, BandSet

Limit = float | pl.Expr


def wholly_below(limit: Limit) -> pl.Expr:
    return (pl.col("high") < limit) | ((pl.col("high") == limit) & pl.col("high_open"))


def wholly_at_most(limit: Limit) -> pl.Expr:
    return pl.col("high") <= limit


def wholly_above(limit: Limit) -> pl.Expr:
    return (pl.col("low") > limit) | ((pl.col("low") == limit) & pl.col("low_open"))


def wholly_at_least(limit: Limit) -> pl.Expr:
    return pl.col("low") >= limit


def within(band: Band) -> pl.Expr:
    """True if the whole interval lies in the band; null bounds (text results) give null."""
    sides = [
        compare(limit)
        for compare, limit in (
            (wholly_below, band.lt),
            (wholly_at_most, band.le),
            (wholly_above, band.gt),
            (wholly_at_least, band.ge),
        )
        if limit is not None
    ]
    return pl.all_horizontal(sides)


def band_of(bands: BandSet) -> pl.Expr:
    """The name of the band that holds the whole interval; null where none does."""
    return pl.coalesce([pl.when(within(band)).then(pl.lit(band.name)) for band in bands.bands])
