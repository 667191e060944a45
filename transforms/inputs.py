"""The frames a screen reads: what is in force at `as_of`, one frame per canonical table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import polars as pl

Keep = Callable[[pl.LazyFrame], pl.LazyFrame]
"""How a frame that is read several times is held; the caller decides, since only a stage may collect."""


def lazily(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Hold nothing: the frame is worked out each time it is read."""
    return frame


@dataclass(frozen=True)
class Inputs:
    """Rows in force at `as_of`, opted-out people and withdrawn records left out.

    patients: one row per person (`person_key`). observations: one row per laboratory result that passed the
    value boundary (`normalise`). medications, conditions, procedures, orders: one row per record. codes: one row
    per `code_id` and concept it stands for, with its `breadth`.
    """

    patients: pl.LazyFrame
    observations: pl.LazyFrame
    medications: pl.LazyFrame
    conditions: pl.LazyFrame
    procedures: pl.LazyFrame
    orders: pl.LazyFrame
    codes: pl.LazyFrame

    def of_buckets(self, first: int, last: int) -> Inputs:
        """The same inputs for the people whose `person_bucket` lies in `first` to `last`, both included."""
        inside = pl.col("person_bucket").is_between(first, last)
        narrowed = {
            field.name: getattr(self, field.name).filter(inside)
            for field in fields(self)
            if field.name != "codes"
        }
        return replace(self, **narrowed)


def record_order() -> pl.Expr:
    """Record ids as ties are broken by them: a row without one comes before every row with one."""
    return pl.when(~pl.col("evidence_id").str.starts_with("row-")).then("evidence_id").fill_null("")
