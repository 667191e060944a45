"""The tables the screen derives: readable results, and one decision per person."""

from __future__ import annotations

from typing import Final

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.published import Column
from schemas.vocabulary import (
    CAUSES,
    CLINICAL_STATUSES,
    FACTS,
    LISTS,
    PRIORITIES,
    RECORD_KINDS,
    RECORD_REASONS,
    RECORD_USES,
)

VALUE_KINDS: Final = ("number", "censored", "text", "malformed", "missing")


def _without(data: PolarsData, reason: str) -> pl.LazyFrame:
    return data.lazyframe.select((pl.col(data.key) != reason).fill_null(True))


class Observation(pa.DataFrameModel):
    """One row per laboratory result in force; the value boundary. Each check is a quarantine reason.

    `problem` names what made a value unusable (null: usable). A text result is usable: it says that a sample was
    not interpretable.
    """

    row_no: pl.UInt64
    concept: str
    value_kind: str = pa.Field(isin=VALUE_KINDS)
    problem: str = pa.Field(nullable=True)

    @pa.check("problem")
    def value_missing(cls, data: PolarsData) -> pl.LazyFrame:
        return _without(data, "value_missing")

    @pa.check("problem")
    def value_malformed(cls, data: PolarsData) -> pl.LazyFrame:
        return _without(data, "value_malformed")

    @pa.check("problem")
    def value_not_positive(cls, data: PolarsData) -> pl.LazyFrame:
        return _without(data, "value_not_positive")

    @pa.check("problem")
    def unit_missing(cls, data: PolarsData) -> pl.LazyFrame:
        return _without(data, "unit_missing")

    @pa.check("problem")
    def unit_unknown(cls, data: PolarsData) -> pl.LazyFrame:
        return _without(data, "unit_unknown")

    @pa.check("problem")
    def value_implausible(cls, data: PolarsData) -> pl.LazyFrame:
        return _without(data, "value_implausible")


_TEXT: Final = pl.String()
_LIST: Final = pl.List(pl.String)
_DATE: Final = pl.Date()
_FLAG: Final = pl.Boolean()

DECISION_COLUMNS: Final[tuple[Column, ...]] = (
    Column("patient_id", _TEXT, "The source's patient identifier, as text."),
    Column("clinic_id", _TEXT, "The clinic responsible; `_unassigned` where the extract names none."),
    Column("source", _TEXT, "The configured source the person comes from."),
    Column("person_bucket", pl.UInt8(), "Stable hash of the patient identifier, 0 to 255."),
    Column("clinical_status", _TEXT, "Status of the decision row that holds."),
    Column("rule_id", _TEXT, "That row's id, for example R24."),
    Column("decision_key", _TEXT, "The id with the case of the row, for example R29.symptoms."),
    Column("lists", _LIST, "The worklists the person is on; empty for none."),
    Column("priority", _TEXT, "The most urgent priority over all lists; null off all lists."),
    Column("reason", _TEXT, "Why, as a sentence."),
    Column("evidence", _TEXT, "The results and records it rests on, as sentences."),
    *(Column(f"priority_{name}", _TEXT, f"Priority on `{name}`; null if not on it.") for name in LISTS),
    Column("is_suppressed", _FLAG, "An open request for the same test kept the person off a list."),
    *(
        Column(name, _TEXT, "A fact of the decision table: " + ", ".join(words) + ".")
        for name, words in FACTS.items()
    ),
    Column("cause", _TEXT, "Likely cause: " + ", ".join(CAUSES) + "."),
    Column("regimen_id", _TEXT, "Suggested regimen on `b12_replacement`; null off that list."),
    Column("follow_up_items", _LIST, "Follow-up items that are due, the most urgent first."),
    Column("follow_up_case_ids", _LIST, "Each of them with the case of the rules that held, as F1.oral."),
    Column("follow_up_due_on", pl.List(pl.Date), "The date of each of them, in the same order."),
    Column("cautions", _LIST, "Caution ids, in the order of their numbers."),
    Column("caution_case_ids", _LIST, "Each of them with the case of the rules that held, as C01.low."),
    Column("high_cautions", _LIST, "Those of them that are of high severity."),
    Column("caution_text", _TEXT, "Their sentences, high ones first; null where there is no caution."),
    Column(
        "days_untreated",
        pl.Int64(),
        "Days since a LOW index sample where no replacement is on record since; null otherwise.",
    ),
    Column("not_seen", _LIST, "What the rules could not see of the person, `place: why`; empty if nothing."),
    Column("uncertain_facts", _LIST, "The facts that this leaves uncertain."),
    Column(
        "cannot_tell",
        _LIST,
        "Decision rows before the deciding one that only an uncertain fact kept from holding.",
    ),
    Column("age", pl.Int32(), "Completed years at the as-of date."),
    Column("sex", _TEXT, "female, male, other or unknown."),
    Column("symptoms", _LIST, "Symptom and sign ids in the window."),
    Column("neuro_features", _LIST, "Those that set the neurological flag."),
    Column("risk_factors", _LIST, "Risk factor ids."),
    Column("b12_test", _TEXT, "total or active: the result that decides; null where none."),
    Column("b12_value", _TEXT, "That result as reported."),
    Column("b12_unit", _TEXT, "Its unit, in standard spelling."),
    Column("b12_collected_on", _DATE, "Its sample date."),
    Column("index_on", _DATE, "The later sample date of a total and an active result read together."),
    Column("is_low_on_treatment", _FLAG, "The deciding LOW was sampled on replacement."),
    Column("is_day_mixed", _FLAG, "Results of one day differ in class; the lower one counted."),
    Column("mma_value", _TEXT, "The MMA that answers the index result, as reported; null where none."),
    Column("mma_unit", _TEXT, "Its unit, in standard spelling."),
    Column("mma_collected_on", _DATE, "Its sample date."),
    Column("mma_egfr", pl.Float64(), "The eGFR it was read with, mL/min/1.73 m2; null where none."),
    Column(
        "last_dose_on", _DATE, "Last day covered by B12 replacement on record; null where none or unknown."
    ),
    Column(
        "course_start_on",
        _DATE,
        "Start of the present course of replacement; null where there is none or its start is unknown.",
    ),
    Column(
        "is_load_incomplete",
        _FLAG,
        "The first injections, without neurological features, were too few; null where that cannot be told: the start "
        "is unknown, the first injection is known from a prescription or statement only, or no low B12 and no raised "
        "MMA was sampled in the year before.",
    ),
    Column("is_clinic_unassigned", _FLAG, "The extract named no clinic."),
    Column("is_sex_unreadable", _FLAG, "The extract's sex could not be read and counts as unknown."),
    Column("evidence_ids", _LIST, "Record ids of the results, features and risk factors found."),
    Column("as_of", _DATE, "The date the screen was run for."),
)

RECORD_COLUMNS: Final[tuple[Column, ...]] = (
    Column("patient_id", _TEXT, "The source's patient identifier, as text."),
    Column("clinic_id", _TEXT, "The clinic responsible; `_unassigned` where the extract names none."),
    Column("source", _TEXT, "The configured source the person comes from."),
    Column("kind", _TEXT, "What the record is looked at for: " + ", ".join(RECORD_KINDS) + "."),
    Column(
        "what",
        _TEXT,
        "Symptom or risk factor id; form of a dose (im, oral, sublingual, nasal); else the code list.",
    ),
    Column("label", _TEXT, "That in words."),
    Column(
        "value",
        _TEXT,
        "A result as reported; eGFR as read; dose of an injection or of a day; age. Null where there is none.",
    ),
    Column("unit", _TEXT, "Its unit, in standard spelling."),
    Column("result_class", _TEXT, "Class of a B12 or MMA result, such as LOW; null where it has none."),
    Column("on", _DATE, "Sample date, start of a supply, later of onset and recording; null where unknown."),
    Column("until_on", _DATE, "Last day a supply covers, or day of resolution; null where open or unknown."),
    Column("record_id", _TEXT, "The record's id in the extract; null for age."),
    Column("use", _TEXT, "; ".join(f"`{word}`: {meaning}" for word, meaning in RECORD_USES.items()) + "."),
    Column(
        "why",
        _TEXT,
        "Why it was left aside, or counts in part: "
        + "; ".join(f"`{word}`: {meaning}" for word, meaning in RECORD_REASONS.items())
        + ".",
    ),
)

RECORD_SCHEMA: Final = {column.name: column.dtype for column in RECORD_COLUMNS}


class Record(pa.DataFrameModel):
    """One row per record considered for a person, and whether it counted."""

    patient_id: str
    clinic_id: str
    source: str
    kind: str = pa.Field(isin=RECORD_KINDS)
    what: str
    label: str
    use: str = pa.Field(isin=list(RECORD_USES))
    why: str = pa.Field(isin=list(RECORD_REASONS), nullable=True)

    @pa.dataframe_check
    @classmethod
    def why_goes_with_use(cls, data: PolarsData) -> pl.LazyFrame:
        """A reason stands exactly where a record was left aside or only supports."""
        is_partial = pl.col("use").is_in(["not_used", "supports"])
        return data.lazyframe.select(pl.col("why").is_not_null() == is_partial)


DECISION_SCHEMA: Final = {column.name: column.dtype for column in DECISION_COLUMNS}


class Decision(pa.DataFrameModel):
    """One row per person in the extract who could be decided on; every fact is a word, never null."""

    patient_id: str
    clinic_id: str
    clinical_status: str = pa.Field(isin=CLINICAL_STATUSES)
    rule_id: str = pa.Field(str_matches=r"^R\d\d$")
    cause: str = pa.Field(isin=CAUSES)
    priority: str = pa.Field(isin=PRIORITIES, nullable=True)
    reason: str

    @pa.dataframe_check
    @classmethod
    def fact_is_a_word(cls, data: PolarsData) -> pl.LazyFrame:
        """Each fact holds one of its words."""
        return data.lazyframe.select(
            pl.all_horizontal(
                [pl.col(fact).is_in(list(words)).fill_null(False) for fact, words in FACTS.items()]
            )
        )

    @pa.dataframe_check
    @classmethod
    def one_row_a_person(cls, data: PolarsData) -> pl.LazyFrame:
        """A person of a source has one row; two sources may use one identifier."""
        return data.lazyframe.select(pl.struct("source", "patient_id").is_unique())

    @pa.dataframe_check
    @classmethod
    def priority_goes_with_lists(cls, data: PolarsData) -> pl.LazyFrame:
        """A person has a priority exactly when on a list."""
        return data.lazyframe.select(pl.col("priority").is_not_null() == (pl.col("lists").list.len() > 0))
