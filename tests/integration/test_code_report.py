"""A whole night with its report on codes: what is told, what is never written, whatever the order and the files."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from exports.publish import published
from flows import stages
from flows.context import opened, plan
from flows.report import finish
from schemas.errors import ConfigurationError
from tests.integration.command import contents

AS_OF = date(2026, 6, 30)
SECRET = "b12 as agreed with somebody"
Rows = list[dict[str, str]]


def people() -> Rows:
    return [
        {
            "patient_id": f"P{n}",
            "birth_date": "1950-01-01",
            "sex": "female",
            "clinic_id": "C1",
            "opted_out": "",
        }
        for n in range(10)
    ]


def labs(listed: int = 60) -> Rows:
    def row(n: int, system: str, code: str, name: str) -> dict[str, str]:
        return {
            "patient_id": f"P{n % 10}",
            "value": "400",
            "unit": "ng/L",
            "collected_at": f"2026-0{1 + n % 6}-{1 + n % 28:02d}",
            "code_system": system,
            "code": code,
            "test_name": name,
        }

    found = [row(n, "LOINC", "2132-9", "Vitamin B12") for n in range(listed)]
    found += [row(n, "house", "B12NEW", "Serum vitamin B12") for n in range(30)]
    found += [row(n, "house", "NA", "Sodium") for n in range(40)]
    # Four rows of several people, and many of one person.
    found += [row(n, "house", "B12RARE", f"{SECRET} rare") for n in range(4)]
    found += [row(10 * n, "house", "B12ONE", f"{SECRET} alone") for n in range(20)]
    return found


def conditions() -> Rows:
    return [
        {
            "patient_id": f"P{n}",
            "code_system": "SNOMED-CT",
            "code": "58610003",
            "name": "",
            "onset_on": "2026-01-01",
        }
        for n in range(6)
    ]


def written(folder: Path, tables: dict[str, Sequence[Rows]]) -> Path:
    """Every table as one file, or as a folder of parts where it comes in several."""
    for table, parts in tables.items():
        for number, rows in enumerate(parts):
            path = folder / f"{table}.csv" if len(parts) == 1 else folder / table / f"{number}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    return folder


def extract(folder: Path, listed: int = 60) -> Path:
    drugs = [{"patient_id": "P1", "drug_name": "metformin", "start_on": "2026-01-01"}]
    return written(
        folder,
        {
            "patients": [people()],
            "labs": [labs(listed)],
            "medications": [drugs],
            "conditions": [conditions()],
        },
    )


def site(home: Path, text: str = "") -> Path:
    home.mkdir(parents=True, exist_ok=True)
    file = home / "site.toml"
    file.write_text(f"{text}\n[sources.gp]\npath = 'nowhere'\n", encoding="utf-8")
    return file


def night(folder: Path, home: Path, text: str = "", as_of: date = AS_OF, **more: Any) -> Path:
    asked = {"config": site(home, text), "extracts": folder, "output": home / "out", "as_of": as_of}
    asked |= {"warehouse": home / "w.duckdb", "with_workbooks": False}
    with opened(plan(**asked | more)) as planned:
        return planned.output / stages.run_all(planned)["run_id"]


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / "all" / f"{name}.csv", infer_schema_length=0)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("codes")
    return night(extract(home / "extract"), home)


def test_unlisted_codes_that_look_like_ours_are_told(first: Path) -> None:
    report = table(first, "unlisted_codes").select("table_name", "code_system", "code", "rows", "codelists")
    assert report.rows() == [
        ("labs", "house", "B12NEW", "30", "lab_b12_active; lab_b12_total"),
        ("conditions", "SNOMED-CT", "58610003", "6", "cond_leber_tobacco_amblyopia"),
    ]
    found = manifest(first)
    assert found["codelists"]["report"]["unlisted"] == {"labs": 1, "conditions": 1}
    assert found["codelists"]["report"]["falling"] == 0
    assert found["codelists"]["unverified_switched_on"] == []
    assert found["files"]["all/unlisted_codes.csv"]["rows"] == 2
    assert "B12NEW" in (first / "report.html").read_text(encoding="utf-8")
    assert "unlisted_codes.csv" in (first / "README.txt").read_text(encoding="utf-8")


def test_rare_names_and_those_of_one_person_are_nowhere(first: Path) -> None:
    files = [path for path in first.rglob("*") if path.is_file()]
    files += [first.parents[1] / "w.duckdb"]
    assert len(files) > 5
    told = [
        path.name for path in files if SECRET.encode() in path.read_bytes() or b"B12RARE" in path.read_bytes()
    ]
    assert told == []


def test_a_listed_code_that_falls_is_told_against_the_run_before(first: Path, tmp_path: Path) -> None:
    home = first.parents[1]
    second = night(
        extract(tmp_path / "extract", listed=29), home, as_of=date(2026, 7, 1), accept_low_volume=True
    )
    report = table(second, "falling_codes").drop("source", "name")
    assert report.rows() == [("labs", "LOINC", "2132-9", "60", "29", "lab_b12_total")]
    assert manifest(second)["codelists"]["report"]["falling"] == 1


ANY_VOLUME = "[limits]\nvolume_drop = 0"


def test_what_fell_is_in_the_run_id(first: Path, tmp_path: Path) -> None:
    """The same rows beside an earlier run that had more, beside one that had as many, and beside none."""
    delivered, day = extract(tmp_path / "extract", listed=29), AS_OF + timedelta(days=1)

    def after(name: str, listed: int | None) -> Path:
        if listed:
            night(extract(tmp_path / f"{name} before", listed=listed), tmp_path / name)
        return night(delivered, tmp_path / name, ANY_VOLUME, day)

    fell, stood, alone = after("fell", 60), after("stood", 30), after("alone", None)
    assert [table(folder, "falling_codes").height for folder in (fell, stood, alone)] == [1, 0, 0]
    assert fell.name != alone.name
    assert contents(stood) == contents(alone)
    assert stood.name == alone.name
    # Written again, also after a later night, it is compared with the same run as before.
    night(delivered, tmp_path / "fell", ANY_VOLUME, day + timedelta(days=1))
    before = contents(fell)
    shutil.rmtree(fell)
    assert night(delivered, tmp_path / "fell", ANY_VOLUME, day) == fell
    assert contents(fell) == before


def test_a_second_delivery_of_a_day_is_compared_with_the_day_before(tmp_path: Path) -> None:
    home, day = tmp_path / "home", AS_OF + timedelta(days=1)
    night(extract(tmp_path / "whole"), home)
    half = night(extract(tmp_path / "half", listed=29), home, ANY_VOLUME, day)
    less = night(extract(tmp_path / "less", listed=28), home, ANY_VOLUME, day)
    told = [table(folder, "falling_codes").select("rows_before", "rows").row(0) for folder in (half, less)]
    assert told == [("60", "29"), ("60", "28")]


def test_order_and_files_change_no_byte(first: Path, tmp_path: Path) -> None:
    rows = list(reversed(labs()))
    folder = extract(tmp_path / "extract")
    (folder / "labs.csv").unlink()
    written(folder, {"labs": [rows[:7], rows[7:100], rows[100:]]})
    again = night(folder, tmp_path / "home")
    assert again.name == first.name
    for name in ("unlisted_codes", "falling_codes"):
        assert (again / "all" / f"{name}.csv").read_bytes() == (first / "all" / f"{name}.csv").read_bytes()


def test_a_change_out_of_scope_that_the_report_shows_is_another_run(first: Path, tmp_path: Path) -> None:
    folder = extract(tmp_path / "extract")
    text = (folder / "labs.csv").read_text(encoding="utf-8")
    (folder / "labs.csv").write_text(
        text.replace("Serum vitamin B12", "Plasma vitamin B12"), encoding="utf-8"
    )
    assert night(folder, tmp_path / "home").name != first.name


def test_switched_off_there_is_no_report(first: Path, tmp_path: Path) -> None:
    folder = night(extract(tmp_path / "extract"), tmp_path / "home", "[codelists]\nreport = false")
    assert folder.name != first.name
    assert not list((folder / "all").glob("*_codes.csv"))
    assert manifest(folder)["codelists"]["report"] is None
    assert "unlisted_codes" not in (folder / "README.txt").read_text(encoding="utf-8")
    assert "were not looked for" in (folder / "report.html").read_text(encoding="utf-8")


SWITCHED = '[codelists]\nswitched_on = ["cond_leber_tobacco_amblyopia"]'


def test_unverified_codes_that_are_switched_on_match_and_everything_says_so(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {"with_workbooks": True}
    folder = night(extract(tmp_path / "extract"), tmp_path / "home", SWITCHED, **asked)
    assert folder.name != first.name
    before = {line["table"]: line["in_force"] for line in manifest(first)["conservation"]}
    after = {line["table"]: line["in_force"] for line in manifest(folder)["conservation"]}
    assert (before["conditions"], after["conditions"]) == (0, 6)
    name = "cond_leber_tobacco_amblyopia"
    assert manifest(folder)["codelists"]["unverified_switched_on"] == [name]
    for file in ("report.html", "README.txt"):
        words = " ".join((folder / file).read_text(encoding="utf-8").split())
        assert f"Unverified codes are switched on at this site and count as evidence: {name}." in words
    about = pl.read_excel(
        folder / "clinics" / "C1" / "worklist.xlsx", sheet_name="About", has_header=False, engine="calamine"
    )
    assert any(name in str(cell) for row in about.iter_rows() for cell in row)
    with opened(plan(config=tmp_path / "home" / "site.toml", output=folder.parent, as_of=AS_OF)) as planned:
        assert published(planned.output, folder.name)
        finish(planned, folder.name, True, {}, False)
    assert f"count as evidence: {name}." in capsys.readouterr().out
    assert table(folder, "unlisted_codes")["code"].to_list() == ["B12NEW"]


def test_an_unknown_list_ends_the_night_before_anything_is_read(tmp_path: Path) -> None:
    wrong = SWITCHED.replace("tobacco", "tabacco")
    with pytest.raises(ConfigurationError, match="Did you mean `cond_leber_tobacco_amblyopia`"):
        night(extract(tmp_path / "extract"), tmp_path / "home", wrong)
