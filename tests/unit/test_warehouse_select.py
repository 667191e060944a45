"""Which version of a record is in force, and which results of one sample stand for the others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.small_night import MEDICATIONS, PATIENTS, SmallNight

HEADER = "patient_id,result_id,value,unit,collected_at,received_at,status,sample_id,code_system,code\n"
B12, MMA, HAEMOGLOBIN = "LOINC,2132-9", "LOINC,13964-2", "LOINC,718-7"


def row(
    value: int,
    record: str = "R1",
    *,
    received: str = "2026-05-02",
    status: str = "final",
    sample: str = "",
    code: str = B12,
    collected: str = "2026-05-01",
    unit: str = "ng/L",
) -> str:
    return f"A,{record},{value},{unit},{collected},{received},{status},{sample},{code}\n"


def in_force(tmp_path: Path, *rows: str, as_of: date = date(2026, 6, 30)) -> list[str]:
    return (
        SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", HEADER + "".join(rows)).run(as_of).values()
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The latest received counts, whatever its standing.
        ((row(1, received="2026-05-02", status="corrected"), row(2, received="2026-05-03")), ["2"]),
        # Received at one time: corrected before final before preliminary.
        ((row(1, status="preliminary"), row(2, status="amended"), row(3)), ["2"]),
        ((row(1, status="preliminary"), row(2)), ["2"]),
        # Without a receiving date the row counts as received on its own date.
        ((row(1, received="", collected="2026-05-03"), row(2, received="2026-05-02")), ["1"]),
        # Ties of B12 and MMA are left to the reading of values.
        ((row(1), row(2)), ["1", "2"]),
        ((row(1, code=MMA), row(2, code=MMA)), ["1", "2"]),
        # A withdrawn record is not in force in any of its versions.
        ((row(1), row(1, received="2026-05-03", status="entered-in-error")), []),
        ((row(1), row(1, status="cancelled")), []),
        ((row(1, status="Entered in Error"),), []),
        # One accession number covers several analytes.
        ((row(1), row(2, code=HAEMOGLOBIN)), ["1", "2"]),
        ((row(1), row(2, record="R2")), ["1", "2"]),
        # Without a record id every row is a record of its own.
        ((row(1, record=""), row(2, record="", received="2026-05-03")), ["1", "2"]),
    ],
)
def test_the_version_in_force(tmp_path: Path, rows: tuple[str, ...], expected: list[str]) -> None:
    assert in_force(tmp_path, *rows) == expected


def test_a_tie_of_another_analyte_is_settled_by_content_not_by_order(tmp_path: Path) -> None:
    rows = (row(1, code=HAEMOGLOBIN), row(2, code=HAEMOGLOBIN))
    forward = in_force(tmp_path / "1", *rows)
    backward = in_force(tmp_path / "2", *reversed(rows))
    assert len(forward) == 1
    assert forward == backward


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Corrected results of a sample replace the others, under whatever record id.
        ((row(1, "R1", sample="S"), row(2, "R2", sample="S", status="corrected")), ["2"]),
        ((row(1, "R1", sample="S"), row(2, "R2", sample="T", status="corrected")), ["1", "2"]),
        (
            (row(1, "R1", sample="S"), row(2, "R2", sample="S", status="corrected", collected="2026-05-02")),
            ["1", "2"],
        ),
        (
            (row(1, "R1", sample="S"), row(2, "R2", sample="S", status="corrected", code=HAEMOGLOBIN)),
            ["1", "2"],
        ),
        # Same value and unit of one sample count once.
        ((row(1, "R1", sample="S"), row(1, "R2", sample="S")), ["1"]),
        ((row(1, "R1", sample="S", unit="ng/L"), row(1, "R2", sample="S", unit="NG / L")), ["1"]),
        ((row(1, "R1", sample="S", unit="ng/L"), row(1, "R2", sample="S", unit="pmol/L")), ["1", "1"]),
        ((row(1, "R1", sample="S"), row(2, "R2", sample="S")), ["1", "2"]),
        ((row(1, "R1"), row(1, "R2")), ["1", "1"]),
    ],
)
def test_results_of_one_sample(tmp_path: Path, rows: tuple[str, ...], expected: list[str]) -> None:
    assert in_force(tmp_path, *rows) == expected


def test_only_what_was_known_at_the_as_of_date_is_in_force(tmp_path: Path) -> None:
    rows = (
        row(1, "R1", received="2026-05-02"),
        row(2, "R1", received="2026-05-04T00:00:00", status="corrected"),
        row(3, "R2", collected="2026-05-03T23:59:00", received=""),
        row(4, "R3", collected="2026-05-04T00:00:00", received=""),
        row(5, "R4", received="2026-05-04"),
    )
    labs = SmallNight(tmp_path / "1").csv("patients", PATIENTS).csv("labs", HEADER + "".join(rows))
    then = labs.run(date(2026, 5, 3))
    assert then.values() == ["1", "3"]
    assert then.conservation["labs"]["not_yet_known"] == 3
    assert in_force(tmp_path / "2", *rows, as_of=date(2026, 5, 4)) == ["2", "3", "4", "5"]


def test_a_withdrawal_that_was_not_yet_known_withdraws_nothing(tmp_path: Path) -> None:
    rows = (row(1), row(1, received="2026-05-05", status="entered-in-error"))
    assert in_force(tmp_path / "1", *rows, as_of=date(2026, 5, 4)) == ["1"]
    assert in_force(tmp_path / "2", *rows, as_of=date(2026, 5, 5)) == []


def test_every_row_is_in_one_category(tmp_path: Path) -> None:
    rows = (
        row(1),
        row(1),
        row(2, received="2026-05-03"),
        row(3, "R2", received="2027-01-01"),
        row(4, "R3", status="lost"),
        row(5, "R4", code="LOINC,1-1"),
        "A,bad line\n",
        row(6, "R5", status="cancelled"),
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", HEADER + "".join(rows)).run()
    assert night.conservation["labs"] == {
        "table": "labs",
        "rows_in": 8,
        "in_force": 1,
        "duplicate_or_superseded": 3,
        "not_yet_known": 1,
        "out_of_scope": 1,
        "opted_out": 0,
        "quarantined": 2,
        "duplicate": 1,
        "superseded": 2,
        "malformed": 1,
    }


def test_rows_refused_for_their_value_move_from_in_force_to_quarantined(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", HEADER + row(1) + row(2, "R2"))
    labs = night.run().in_force["labs"]
    import polars as pl

    refused = labs.filter(value="2").select("row_no", reasons=pl.lit(["value_malformed"]))
    with night.opened() as warehouse:
        warehouse.refuse("labs", refused)
        entry = next(entry for entry in warehouse.conservation() if entry["table"] == "labs")
        assert (entry["in_force"], entry["quarantined"]) == (1, 1)
        assert warehouse.quarantine("labs").select("value", "reasons").rows() == [("2", "value_malformed")]
        assert warehouse.lab_concepts().rows() == [("lab_b12_total", 2, 0, 1)]
        assert warehouse.reasons().rows() == [("labs", "value_malformed", 1)]


def test_a_row_without_an_id_of_its_own_gets_a_stable_one(tmp_path: Path) -> None:
    first = (
        SmallNight(tmp_path / "1")
        .csv("patients", PATIENTS)
        .csv("medications", MEDICATIONS + "A,metformin,2026-01-01\n")
    )
    again = SmallNight(tmp_path / "2").csv("patients", PATIENTS)
    again.csv("medications", MEDICATIONS + "B,omeprazole,2026-01-01\nA,metformin,2026-01-01\n")
    (one,) = first.run().in_force["medications"]["evidence_id"]
    both = again.run().in_force["medications"]["evidence_id"].to_list()
    assert one.startswith("row-")
    assert len(one) == len("row-") + 12
    assert one in both
