"""What every staged row must keep before a rule may see it. Each check is named after its quarantine reason.

The frames hold no text of a row but its coded words: identifiers, values and unreadable texts stay in the
warehouse, which says of each row whether its dates and numbers could be read.
"""

from __future__ import annotations

from typing import Any, Final

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

WITHDRAWN: Final = ("entered-in-error", "cancelled")
LAB_STATUSES: Final = ("preliminary", "final", "amended", "corrected", *WITHDRAWN)
MEDICATION_STATUSES: Final = ("active", "completed", "stopped", *WITHDRAWN)
MEDICATION_KINDS: Final = ("prescription", "administration", "statement")
CONDITION_STATUSES: Final = (
    "active",
    "recurrence",
    "relapse",
    "inactive",
    "remission",
    "resolved",
    "confirmed",
    "refuted",
    *WITHDRAWN,
)
PROCEDURE_STATUSES: Final = ("completed", "active", *WITHDRAWN)
ORDER_STATUSES: Final = ("active", "completed", *WITHDRAWN)

LONGEST_SUPPLY_DAYS: Final = 36_525
"""A hundred years: more is not a supply, and dates computed with it may leave the calendar."""


def _rows(data: PolarsData, holds: pl.Expr) -> pl.LazyFrame:
    """One flag per row; what cannot be told (null) is left to the check that names the missing part."""
    return data.lazyframe.select(holds.fill_null(True))


def _row_check(holds: pl.Expr, reason: str) -> Any:
    """A check over several columns. Only one failing case is collected: the row mask is all that is used."""

    def check(cls: type, data: PolarsData) -> pl.LazyFrame:
        return _rows(data, holds)

    check.__name__ = reason
    return pa.dataframe_check(name=reason, n_failure_cases=1)(classmethod(check))


_is_own = pl.col("patient")


class StagedPatient(pa.DataFrameModel):
    """One row per distinct patient row. `versions`: how many differing rows the same patient has.

    `is_link_conflicting`: the crosswalk means several persons by it, or joins it with a record of another birth
    date, or with one that cannot be used. `birth_date`: of a linked person, what any of the records says.
    """

    row_no: pl.UInt64
    has_patient_id: bool
    versions: pl.Int64
    is_link_conflicting: bool
    birth_date: pl.Date = pa.Field(nullable=True)
    is_birth_date_unreadable: bool
    sex: str
    has_unreadable_date: bool

    patient_id_missing = _row_check(pl.col("has_patient_id"), "patient_id_missing")
    patient_conflicting = _row_check(pl.col("versions") == 1, "patient_conflicting")
    link_conflicting = _row_check(~pl.col("is_link_conflicting"), "link_conflicting")
    birth_date_unreadable = _row_check(~pl.col("is_birth_date_unreadable"), "birth_date_unreadable")
    birth_date_missing = _row_check(
        pl.col("birth_date").is_not_null() | pl.col("is_birth_date_unreadable"), "birth_date_missing"
    )
    date_unreadable = _row_check(~pl.col("has_unreadable_date"), "date_unreadable")


class _StagedEvent(pa.DataFrameModel):
    """One row per distinct row of an event table. `patient`: valid, quarantined, unknown or missing."""

    row_no: pl.UInt64
    patient: str
    event_on: pl.Date = pa.Field(nullable=True)
    status: str
    has_unreadable_date: bool
    birth_date: pl.Date = pa.Field(nullable=True)
    deceased_on: pl.Date = pa.Field(nullable=True)

    patient_id_missing = _row_check(_is_own != "missing", "patient_id_missing")
    patient_unknown = _row_check(_is_own != "unknown", "patient_unknown")
    patient_quarantined = _row_check(_is_own != "quarantined", "patient_quarantined")
    date_unreadable = _row_check(~pl.col("has_unreadable_date"), "date_unreadable")
    before_birth = _row_check(pl.col("event_on") >= pl.col("birth_date"), "before_birth")
    after_death = _row_check(pl.col("event_on") <= pl.col("deceased_on"), "after_death")


def _dated() -> Any:
    return _row_check(pl.col("event_on").is_not_null() | pl.col("has_unreadable_date"), "date_missing")


def _status(words: tuple[str, ...]) -> Any:
    return _row_check(pl.col("status").is_in(list(words)), "status_unknown")


class StagedLab(_StagedEvent):
    """One row per distinct laboratory row in scope."""

    date_missing = _dated()
    status_unknown = _status(LAB_STATUSES)


class StagedMedication(_StagedEvent):
    """One row per distinct medication row in scope. Without a start it is read as a supply of unknown start."""

    kind: str
    has_unreadable_number: bool
    days_supply: pl.Int32 = pa.Field(nullable=True)

    status_unknown = _status(MEDICATION_STATUSES)
    kind_unknown = _row_check(pl.col("kind").is_in(list(MEDICATION_KINDS)), "kind_unknown")
    number_unreadable = _row_check(
        ~pl.col("has_unreadable_number") & (pl.col("days_supply").fill_null(0) <= LONGEST_SUPPLY_DAYS),
        "number_unreadable",
    )
    administration_undated = _row_check(
        (pl.col("kind") != "administration")
        | pl.col("event_on").is_not_null()
        | pl.col("has_unreadable_date"),
        "administration_undated",
    )


class StagedCondition(_StagedEvent):
    """One row per distinct condition row in scope, dated by the later of onset and recording.

    An undated one is a fact about the person all the same: it counts wherever no window is asked.
    """

    status_unknown = _status(CONDITION_STATUSES)


class StagedProcedure(_StagedEvent):
    """One row per distinct procedure row in scope."""

    has_unreadable_number: bool

    date_missing = _dated()
    status_unknown = _status(PROCEDURE_STATUSES)
    number_unreadable = _row_check(~pl.col("has_unreadable_number"), "number_unreadable")


class StagedOrder(_StagedEvent):
    """One row per distinct order row in scope."""

    date_missing = _dated()
    status_unknown = _status(ORDER_STATUSES)


STAGED_MODELS: Final[dict[str, type[pa.DataFrameModel]]] = {
    "patients": StagedPatient,
    "labs": StagedLab,
    "medications": StagedMedication,
    "conditions": StagedCondition,
    "procedures": StagedProcedure,
    "orders": StagedOrder,
}
"""Table -> the contract of its staged rows, in the order in which they are to be checked: patients first."""
