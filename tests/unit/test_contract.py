"""The one caller of Pandera: rows are parted with their reasons, defects raise, and no value leaks."""

from __future__ import annotations

from datetime import date

import pandera.polars as pa
import polars as pl
import pytest
from pandera.polars import PolarsData

from schemas.canonical import STAGED_MODELS, StagedLab, StagedMedication, StagedPatient
from schemas.contract import split
from schemas.errors import ContractError
from schemas.reasons import REASONS
from schemas.vocabulary import TABLES

SECRET = "SECRET99"


def labs(**columns: list[object]) -> pl.DataFrame:
    """Two rows that keep their contract, with the given columns in place of theirs."""
    frame = pl.DataFrame(
        {
            "row_no": [7, 8],
            "patient": "valid",
            "event_on": [date(2026, 1, 1)] * 2,
            "status": "final",
            "has_unreadable_date": False,
            "birth_date": [date(1950, 1, 1)] * 2,
            "deceased_on": [None, date(2026, 1, 1)],
        },
        schema_overrides={"row_no": pl.UInt64, "deceased_on": pl.Date},
    )
    return frame.with_columns(pl.Series(name, values, frame.schema[name]) for name, values in columns.items())


def reasons(frame: pl.DataFrame) -> dict[int, list[str]]:
    parted = split(frame, StagedLab)
    assert parted.valid.height + parted.refused.height == frame.height
    return dict(parted.refused.select("row_no", "reasons").iter_rows())


def test_rows_that_keep_the_contract_are_all_valid() -> None:
    parted = split(labs(), StagedLab)
    assert parted.valid.equals(labs())
    assert parted.refused.height == 0
    assert parted.refused.schema["reasons"] == pl.List(pl.String)
    assert parted.counts == {}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"patient": ["missing", "valid"]}, {7: ["patient_id_missing"]}),
        ({"patient": ["unknown", "quarantined"]}, {7: ["patient_unknown"], 8: ["patient_quarantined"]}),
        ({"event_on": [date(1949, 12, 31), date(1950, 1, 1)]}, {7: ["before_birth"]}),
        ({"event_on": [date(2027, 1, 1), date(2026, 1, 2)]}, {8: ["after_death"]}),
        ({"event_on": [None, date(2026, 1, 1)]}, {7: ["date_missing"]}),
        (
            {"event_on": [None, None], "has_unreadable_date": [True, False]},
            {7: ["date_unreadable"], 8: ["date_missing"]},
        ),
        ({"status": ["corrected", "guessed"]}, {8: ["status_unknown"]}),
        (
            {"status": ["final", "guessed"], "patient": ["valid", "unknown"]},
            {8: ["patient_unknown", "status_unknown"]},
        ),
    ],
)
def test_a_refused_row_carries_the_reasons_it_broke(
    columns: dict[str, list[object]], expected: dict[int, list[str]]
) -> None:
    assert reasons(labs(**columns)) == expected


def test_counts_are_per_reason() -> None:
    parted = split(labs(status=["guessed", "guessed"], patient=["unknown", "valid"]), StagedLab)
    assert parted.counts == {"patient_unknown": 1, "status_unknown": 2}


def test_an_empty_table_keeps_its_contract() -> None:
    assert split(labs().clear(), StagedLab).valid.height == 0


@pytest.mark.parametrize(
    "frame",
    [
        labs().drop("status"),
        labs().with_columns(pl.col("row_no").cast(pl.String)),
        labs(status=[None, SECRET]),
    ],
)
def test_a_defect_of_the_table_raises_without_a_value_or_a_context(frame: pl.DataFrame) -> None:
    with pytest.raises(ContractError) as defect:
        split(frame, StagedLab)
    assert "StagedLab" in str(defect.value)
    assert SECRET not in str(defect.value)
    assert defect.value.__context__ is None
    assert defect.value.__cause__ is None


def test_a_check_that_cannot_run_is_a_defect_and_not_a_pass() -> None:
    class Broken(pa.DataFrameModel):
        status: str

        @pa.dataframe_check
        @classmethod
        def fails_to_run(cls, data: PolarsData) -> pl.LazyFrame:
            raise ValueError(SECRET)

    with pytest.raises(ContractError) as defect:
        split(pl.DataFrame({"status": [SECRET]}), Broken)
    assert SECRET not in str(defect.value)
    assert defect.value.__context__ is None


def test_a_lazy_frame_is_refused_because_its_rows_would_not_be_checked() -> None:
    with pytest.raises(ContractError, match="collected"):
        split(labs().lazy(), StagedLab)  # type: ignore[arg-type]


def test_an_undated_administration_is_refused_and_an_undated_statement_is_not() -> None:
    frame = pl.concat([labs(), labs()], how="vertical").with_columns(
        row_no=pl.Series([1, 2, 3, 4], dtype=pl.UInt64),
        event_on=pl.lit(None, pl.Date),
        status=pl.lit("active"),
        kind=pl.Series(["administration", "statement", "prescription", "gift"]),
        has_unreadable_number=pl.Series([False, False, True, False]),
        days_supply=pl.Series([None, 36_525, 28, None], dtype=pl.Int32),
    )
    refused = split(frame, StagedMedication).refused
    assert dict(refused.select("row_no", "reasons").iter_rows()) == {
        1: ["administration_undated"],
        3: ["number_unreadable"],
        4: ["kind_unknown"],
    }


def test_patients_are_refused_for_what_makes_them_unusable() -> None:
    frame = pl.DataFrame(
        {
            "row_no": [1, 2, 3, 4, 5, 6],
            "has_patient_id": [False, True, True, True, True, True],
            "versions": [1, 2, 1, 1, 1, 1],
            "is_link_conflicting": [False, False, False, False, False, True],
            "birth_date": [date(1950, 1, 1), date(1950, 1, 1), None, None, *[date(1950, 1, 1)] * 2],
            "is_birth_date_unreadable": [False, False, False, True, False, False],
            "sex": "female",
            "has_unreadable_date": False,
        },
        schema_overrides={"row_no": pl.UInt64},
    )
    refused = split(frame, StagedPatient).refused
    assert dict(refused.select("row_no", "reasons").iter_rows()) == {
        1: ["patient_id_missing"],
        2: ["patient_conflicting"],
        3: ["birth_date_missing"],
        4: ["birth_date_unreadable"],
        6: ["link_conflicting"],
    }


def test_every_check_of_a_staged_table_is_a_known_reason() -> None:
    assert list(STAGED_MODELS) == list(TABLES)
    for table, model in STAGED_MODELS.items():
        names = {check.name for check in model.to_schema().checks}
        assert names, table
        assert names <= set(REASONS), table


def test_a_reason_is_a_sentence_and_a_person_who_cannot_be_screened_is_urgent() -> None:
    assert all(reason.id == key and reason.sentence.endswith(".") for key, reason in REASONS.items())
    urgent = {key for key, reason in REASONS.items() if reason.severity == "urgent"}
    assert urgent == {
        "patient_conflicting",
        "link_conflicting",
        "birth_date_missing",
        "birth_date_unreadable",
    }
