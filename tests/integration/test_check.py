"""`b12screen check`: every source is tried, what a run would see is told, and nothing is left behind."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.integration.command import call

PATIENTS = "patient_id,birth_date,sex,clinic_id\n" + "".join(
    f"SENTINEL-{n},1950-01-01,female,North\n" for n in range(20)
)
LABS = "patient_id,value,unit,collected_at,code_system,code,test_name\n" + "".join(
    f"SENTINEL-{n % 20},{100 + n},{'ng/L' if n % 2 else ''},2026-06-01,LOINC,2132-9,\n" for n in range(40)
)
MEDICATIONS = "patient_id,drug_name,start_on\nSENTINEL-1,metformin,2020-01-01\n"


def extract(folder: Path, **tables: str) -> Path:
    folder.mkdir(exist_ok=True)
    for table, text in {"patients": PATIENTS, "labs": LABS, "medications": MEDICATIONS, **tables}.items():
        (folder / f"{table}.csv").write_text(text)
    return folder


def asked(folder: Path, *options: object) -> tuple[int, dict[str, Any], str]:
    told = call("check", "--as-of", "2026-06-30", "--json", *options)
    assert "SENTINEL" not in told.out + told.err
    assert "Traceback" not in told.err
    return told.code, json.loads(told.out), told.err


def test_what_a_run_would_see_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    home = extract(tmp_path / "in")
    code, account, _ = asked(tmp_path, "--extracts", home)
    assert code == 0
    assert [
        (one["table"], one["files"], one["rows"]) for source in account["sources"] for one in source["tables"]
    ] == [("patients", 1, 20), ("labs", 1, 40), ("medications", 1, 1)]
    assert account["in_scope"] == {"patients": 20, "labs": 40, "medications": 1}
    assert account["tests"] == {"lab_b12_total": 40}
    assert account["refused"] == [{"table_name": "labs", "reason": "unit_missing", "rows": 20}]
    assert account["problems"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert sorted(path.name for path in home.iterdir()) == ["labs.csv", "medications.csv", "patients.csv"]
    in_words = call("check", "--as-of", "2026-06-30", "--extracts", home).out
    assert "labs unit_missing 20: The result has a number but no unit" in in_words
    assert in_words.rstrip().endswith("Nothing was published or stored.")


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_a_sample_is_read_and_no_more(tmp_path: Path, form: str) -> None:
    home = extract(tmp_path / "in")
    (home / "labs.csv").unlink()
    if form == "csv":
        # What lies behind the sample is not looked at: the quote there would refuse the file.
        (home / "labs.csv").write_text(LABS + '"open\n')
    if form == "csv.gz":
        (home / "labs.csv.gz").write_bytes(gzip.compress(LABS.encode()))
    if form == "parquet":
        pl.read_csv(LABS.encode(), infer_schema=False).write_parquet(home / "labs.parquet")
    code, account, _ = asked(tmp_path, "--extracts", home, "--rows", 7)
    assert code == 0
    assert account["tests"] == {"lab_b12_total": 7}
    # Results of people beyond the sample of patients are not called unknown.
    assert {line["reason"] for line in account["refused"]} == {"unit_missing"}


def test_each_source_is_tried_and_the_first_refusal_gives_the_exit_code(tmp_path: Path) -> None:
    extract(tmp_path / "good")
    extract(tmp_path / "bad", labs="patient_id,value,collected,code\nSENTINEL-1,1,2026-01-01,x\n")
    config = tmp_path / "site.toml"
    config.write_text(
        "[sources.bad]\npath = 'bad'\n[sources.good]\npath = 'good'\n[sources.gone]\npath = 'x'\n"
    )
    code, account, _ = asked(tmp_path, "--config", config)
    assert code == 3
    assert [(one["source"], one["is_readable"]) for one in account["sources"]] == [
        ("bad", False),
        ("gone", False),
        ("good", True),
    ]
    assert [one["source"] for one in account["problems"]] == ["bad", "gone"]
    assert "collected_at" in account["problems"][0]["message"]
    assert account["tests"] == {"lab_b12_total": 40}


def test_what_nothing_maps_is_said(tmp_path: Path) -> None:
    home = extract(tmp_path / "in", labs=LABS.replace("LOINC,2132-9,", ",HOUSE1,Vitamin B12"))
    told = call("check", "--as-of", "2026-06-30", "--extracts", home)
    assert "Not one B12 or MMA result is recognised" in told.out
    assert "labs HOUSE1: 40 rows, like lab_b12_active; lab_b12_total" in told.out


def test_a_mapping_that_cannot_be_meant_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text("[sources.a]\npath = 'in'\n[sources.a.codes]\nX = 'cond_nitrous_oxid_misuse'\n")
    told = call("check", "--config", config)
    assert told.code == 2
    assert "did you mean `cond_nitrous_oxide_misuse`?" in told.err
