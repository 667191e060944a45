"""What a run publishes: the columns of a worklist and of the decisions table, with their meaning.

The data dictionary, the exports and the tests all read these tables; a column exists once, here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True)
class Column:
    """One published column: its name, type and the sentence a reader needs."""

    name: str
    dtype: pl.DataType
    meaning: str
    width: int = 14


_TEXT: Final = pl.String()
_DATE: Final = pl.Date()

WORKLIST_COLUMNS: Final[tuple[Column, ...]] = (
    Column("item_id", _TEXT, "Stable identifier of this item: hash of patient, list and episode.", 18),
    Column("list", _TEXT, "The worklist this row is on."),
    Column("priority", _TEXT, "P1 same day to 2 days, P2 within 14 days, P3 within 28 days, P4 routine.", 8),
    Column("patient_id", _TEXT, "The source's patient identifier, as text.", 16),
    Column("clinic_id", _TEXT, "The clinic responsible; `_unassigned` where the extract names none."),
    Column("rule_id", _TEXT, "The decision row that put the person here, for example R24.", 8),
    Column("clinical_status", _TEXT, "The status that row gives, in the specification's words.", 18),
    Column("reason", _TEXT, "Why the person is on the list, as a sentence.", 60),
    Column("evidence", _TEXT, "The results and records the reason rests on, as sentences.", 60),
    Column("b12_test", _TEXT, "Which B12 test decided: total or active."),
    Column("b12_value", _TEXT, "That result as reported, comparator included."),
    Column("b12_unit", _TEXT, "Its unit, in standard spelling."),
    Column("b12_collected_on", _DATE, "Its sample date."),
    Column("mma_value", _TEXT, "The MMA result that was used, as reported; empty where none."),
    Column("mma_unit", _TEXT, "Its unit, in standard spelling."),
    Column("mma_collected_on", _DATE, "Its sample date."),
    Column("neuro", _TEXT, "Neurological features: none, low or high certainty."),
    Column("symptoms", _TEXT, "Symptom and sign ids, joined by `; `.", 30),
    Column("risk_factors", _TEXT, "Risk factor ids, joined by `; `.", 30),
    Column("cause", _TEXT, "Likely cause, first match of the cause table; `unknown` where none."),
    Column("suggested_action", _TEXT, "What the clinic may want to do, as a sentence.", 50),
    Column("regimen_id", _TEXT, "Suggested replacement regimen id; empty where none is suggested."),
    Column("regimen", _TEXT, "That regimen in words; the prescriber decides.", 50),
    Column(
        "cautions",
        _TEXT,
        "Caution ids of the person, joined by `; `; empty: none found, which is not an all-clear.",
    ),
    Column("due_on", _DATE, "By when; empty for P4 rows without a date of their own."),
    Column("state", _TEXT, "State of the item: `new` until items have a life of their own."),
    Column("first_listed_on", _DATE, "When the item was first listed: the as-of date until then."),
    Column("change", _TEXT, "Change since the previous publication: `new` until then."),
    Column(
        "guideline_refs",
        _TEXT,
        "Sources of the decision row, follow-up items or cautions, joined by `; `.",
        24,
    ),
    Column("pack_id", _TEXT, "Rule pack that decided."),
    Column("pack_version", _TEXT, "Its version."),
    Column("run_id", _TEXT, "The publication this row belongs to.", 24),
    Column("as_of", _DATE, "The date the screen was run for."),
    Column("evidence_ids", _TEXT, "Record ids of the rows the decision rests on, joined by `; `.", 40),
)

IDENTITY_COLUMNS: Final[tuple[Column, ...]] = (
    Column("source", _TEXT, "The configured source that uses the identifier."),
    Column("patient_id", _TEXT, "The identifier."),
    Column("published_source", _TEXT, "The source of the record that is in force for the person."),
    Column("published_patient_id", _TEXT, "The identifier that the person's rows are published under."),
)

WORKLIST_SCHEMA: Final[dict[str, pl.DataType]] = {column.name: column.dtype for column in WORKLIST_COLUMNS}
WORKLIST_ORDER: Final = ("priority", "due_on", "patient_id")
