"""Every delivered row is accounted for, whatever the file does to the parser; no message repeats a row."""

# Instants of the canonical tables are local and carry no zone.
# ruff: noqa: DTZ001

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from schemas.errors import InputRefused
from tests.small_night import LABS, PATIENTS, SmallNight

SECRET = "SECRET99"


def lab(patient: str, value: str, day: str = "2026-05-01") -> str:
    return f"{patient},{value},ng/L,{day},LOINC,2132-9\n"


def test_a_bad_line_is_quarantined_with_file_and_line_and_the_others_are_kept(tmp_path: Path) -> None:
    labs = LABS + lab("A", "200") + "A,201,ng/L\n" + lab("A", "202") + lab("A", "203").strip() + ",extra\n"
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["200", "202"]
    refused = night.quarantine["labs"]
    assert refused.select("reasons", "source", "file", "line").rows() == [
        ("malformed_line", "site", "site-labs-1.csv", 3),
        ("malformed_line", "site", "site-labs-1.csv", 5),
    ]
    assert refused["value"].to_list() == [None, None]
    assert night.conservation["labs"]["quarantined"] == 2
    assert night.conservation["labs"]["rows_in"] == 4


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_the_line_is_that_of_the_file_whatever_stands_before_it(tmp_path: Path, compression: str) -> None:
    labs = (
        "\ufeff"
        + LABS.strip()
        + ",comment\n\n"
        + 'A,200,ng/L,2026-05-01,LOINC,2132-9,"one\ntwo"\n'
        + "A,bad\n"
    ).encode()
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs, compression=compression).run()
    assert night.values() == ["200"]
    assert night.quarantine["labs"].select("reasons", "line").rows() == [("malformed_line", 5)]


def test_a_line_in_another_encoding_is_quarantined(tmp_path: Path) -> None:
    labs = (
        (LABS + lab("A", "200")).encode()
        + b"A,caf\xe9,ng/L,2026-05-01,LOINC,2132-9\n"
        + lab("A", "202").encode()
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["200", "202"]
    assert night.quarantine["labs"].select("reasons", "line").rows() == [("malformed_line", 3)]


def test_text_after_a_closing_quote_is_a_bad_line(tmp_path: Path) -> None:
    labs = LABS + 'A,"200"x,ng/L,2026-05-01,LOINC,2132-9\n' + lab("A", "202")
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["202"]
    assert night.reasons("labs") == ["malformed_line"]


def test_an_unclosed_quote_among_many_rows_refuses_the_file(tmp_path: Path) -> None:
    lines = [lab("A", str(number)) for number in range(1, 400_001)]
    lines[200_000] = f'A,"{SECRET},ng/L,2026-05-01,LOINC,2132-9\n'
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", LABS + "".join(lines))
    with night.opened() as warehouse, pytest.raises(InputRefused) as refusal:
        warehouse.stage(night.parts, list(night.sources.values()), _matching())
    assert "site-labs-1.csv" in str(refusal.value)
    assert SECRET not in str(refusal.value)
    assert refusal.value.__context__ is None


def test_a_line_of_100_megabytes_refuses_the_file(tmp_path: Path) -> None:
    labs = (
        LABS
        + lab("A", "200")
        + lab("A", "9" * 100_000_000)
        + "".join(lab("A", str(n)) for n in range(300, 305))
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs)
    with night.opened() as warehouse, pytest.raises(InputRefused, match="1 are unaccounted for"):
        warehouse.stage(night.parts, list(night.sources.values()), _matching())


def test_a_line_over_the_limit_that_can_be_told_apart_is_one_bad_line(tmp_path: Path) -> None:
    labs = LABS + lab("A", "200") + lab("A", "9" * 3_000_000) + lab("A", "202")
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["200", "202"]
    assert night.quarantine["labs"].select("reasons", "line").rows() == [("malformed_line", 3)]


def test_line_breaks_within_quoted_values_are_not_missing_rows(tmp_path: Path) -> None:
    header = LABS.strip() + ",comment\n"
    labs = (
        header + 'A,200,ng/L,2026-05-01,LOINC,2132-9,"one\ntwo\n\nthree"\n' + lab("A", "202").strip() + ",\n"
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["200", "202"]
    assert night.conservation["labs"]["rows_in"] == 2


def test_a_cut_count_refuses_the_file_and_gives_the_numbers(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", LABS + lab("A", "200"), rows=3)
    with (
        night.opened() as warehouse,
        pytest.raises(InputRefused, match=r"site-labs-1.csv has 3 lines.* 2 are unacc"),
    ):
        warehouse.stage(night.parts, list(night.sources.values()), _matching())


def test_of_several_files_the_wrong_one_is_named(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS)
    night.csv("labs", LABS + lab("A", "200")).csv("labs", LABS + lab("A", "201"), rows=2)
    with night.opened() as warehouse, pytest.raises(InputRefused) as refusal:
        warehouse.stage(night.parts, list(night.sources.values()), _matching())
    assert "site-labs-2.csv" in str(refusal.value)
    assert "site-labs-1.csv" not in str(refusal.value)


def test_mixed_line_ends_refuse_the_file_without_repeating_a_row(tmp_path: Path) -> None:
    labs = LABS + lab(SECRET, "200").strip() + "\r\n" + lab("A", "201") + lab("A", "202").strip() + "\r\n"
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs)
    with night.opened() as warehouse, pytest.raises(InputRefused) as refusal:
        warehouse.stage(night.parts, list(night.sources.values()), _matching())
    assert SECRET not in str(refusal.value)
    assert refusal.value.__context__ is None


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_the_end_of_a_file_does_not_matter(tmp_path: Path, end: str) -> None:
    labs = LABS + lab("A", "200") + lab("A", "201").strip() + end
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["200", "201"]


def test_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    labs = (LABS + lab("A", "200") + lab("A", "201")).replace("\n", "\r\n")
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run()
    assert night.values() == ["200", "201"]


def test_a_file_of_a_header_alone_holds_no_row(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", LABS).run()
    assert night.in_force["labs"].height == 0
    assert night.conservation["labs"]["rows_in"] == 0


def test_columns_are_bound_by_name_and_files_of_other_headers_may_stand_beside(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", LABS + lab("A", "200"))
    night.csv(
        "labs", "code,site_note,code_system,value,patient_id,collected_at\n2132-9,x,LOINC,201,B,2026-05-02\n"
    )
    outcome = night.run()
    assert outcome.values() == ["200", "201"]
    assert outcome.in_force["labs"].filter(value="201")["unit"].to_list() == [None]


def test_parquet_is_read_as_text(tmp_path: Path) -> None:
    from datetime import datetime

    frame = pl.DataFrame(
        {
            "patient_id": ["A", "B"],
            "value": [200.5, 300.0],
            "unit": ["ng/L", ""],
            "collected_at": [datetime(2026, 5, 1, 9, 30), datetime(2026, 5, 2, 10, 0)],
            "code_system": "LOINC",
            "code": "2132-9",
        }
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).parquet("labs", frame).run()
    labs = night.in_force["labs"].sort("value")
    assert labs["value"].to_list() == ["200.5", "300.0"]
    assert labs["collected_at"].to_list() == frame["collected_at"].to_list()
    assert labs["unit"].to_list() == ["ng/L", None]


def test_missing_tables_give_empty_files_of_the_same_columns(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS).run()
    assert night.in_force["medications"].height == 0
    assert night.in_force["medications"].schema["code_id"] == pl.UInt32
    assert night.in_force["labs"].schema["collected_at"] == pl.Datetime("us")
    assert night.in_force["codes"].columns == ["code_id", "concept", "breadth", "matched_by"]


def _matching():
    from tests.small_night import MATCHING

    return MATCHING
