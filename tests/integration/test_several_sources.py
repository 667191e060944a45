"""Whole nights over several sources with a crosswalk, from the configuration to `explain`."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.integration.command import call

GP = {
    "patients": "patient_id,birth_date,sex,clinic_id\nA1,1950-01-01,female,North\nB1,1960-01-01,male,North\n",
    "labs": "patient_id,value,unit,collected_at,code_system,code\nB1,400,ng/L,2026-06-01,LOINC,2132-9\n",
    "medications": "patient_id,drug_name,start_on\nA1,metformin,2020-01-01\n",
}
HOSPITAL = {
    "patients": "patient_id,birth_date,sex,clinic_id\n77,1950-01-01,female,Ward\n",
    "labs": "patient_id,value,unit,collected_at,code_system,code\n77,120,ng/L,2026-06-02,LOINC,2132-9\n",
    "medications": "patient_id,drug_name,start_on\n77,omeprazole,2021-01-01\n",
}
LABORATORY = {
    "labs": "patient_id,value,unit,collected_at,code_system,code\nB1,130,ng/L,2026-06-20,LOINC,2132-9\n"
}
CONFIGURATION = """
[screen]
as_of = 2026-06-30
output = "out"
[identity]
crosswalk = "crosswalk.csv"
home = ["gp"]
[sources.gp]
path = "gp"
identifiers = "national"
[sources.hospital]
path = "hospital"
[sources.laboratory]
path = "laboratory"
identifiers = "national"
delivers = ["labs"]
"""


def site(folder: Path, crosswalk: str) -> Path:
    for name, tables in {"gp": GP, "hospital": HOSPITAL, "laboratory": LABORATORY}.items():
        (folder / name).mkdir(exist_ok=True)
        for table, text in tables.items():
            (folder / name / f"{table}.csv").write_text(text)
    (folder / "crosswalk.csv").write_text(crosswalk)
    (folder / "site.toml").write_text(CONFIGURATION)
    return folder / "site.toml"


def test_each_person_is_decided_on_once_with_all_results(tmp_path: Path) -> None:
    config = site(tmp_path, "person_id,source,patient_id\nP1,gp,A1\nP1,hospital,77\nP9,elsewhere,5\n")
    ran = call("run", "--direct", "--no-workbooks", "--config", config, "--json")
    assert ran.code == 0, ran.err
    latest = tmp_path / "out" / "latest"
    decisions = pl.read_parquet(latest / "all" / "decisions.parquet").sort("patient_id")
    chosen = decisions.select("source", "patient_id", "clinic_id", "index_class", "b12_value")
    assert chosen.rows() == [("gp", "A1", "North", "LOW", "120"), ("gp", "B1", "North", "LOW", "130")]
    identities = pl.read_parquet(latest / "all" / "identities.parquet")
    assert identities.rows() == [("hospital", "77", "gp", "A1")]
    manifest = json.loads((latest / "manifest.json").read_text())
    assert manifest["identity"]["links"] == 2
    assert manifest["identity"]["contested_identifiers"] == 0
    explained = call("explain", "77", "--config", config, "--json")
    assert [one["published_as"] for one in json.loads(explained.out)["decisions"]] == ["A1"]
    in_words = call("explain", "77", "--config", config).out
    assert "The crosswalk joins it with A1 of gp." in in_words


@pytest.mark.parametrize(
    ("crosswalk", "said"),
    [
        ("source,patient_id,person_id\ngp,SENTINEL-1,\n", "1 of 1 links have an empty cell"),
        ("source,patient_id,person\ngp,SENTINEL-1,P1\n", "Did you mean person -> person_id?"),
        ("source,patient_id,person_id\nhospitl,SENTINEL-1,P1\n", "Did you mean hospital?"),
        ("source,patient_id,person_id\n", "it has no links"),
        ("", "cannot be read"),
    ],
)
def test_a_crosswalk_that_cannot_be_meant_refuses_the_night(
    tmp_path: Path, crosswalk: str, said: str
) -> None:
    config = site(tmp_path, crosswalk)
    ran = call("run", "--direct", "--no-workbooks", "--config", config)
    assert ran.code == 3
    assert said in ran.err
    assert "SENTINEL" not in ran.err + ran.out
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out" / "latest").exists()


def test_a_laboratory_alone_is_refused_for_what_it_should_deliver(tmp_path: Path) -> None:
    config = site(tmp_path, "source,patient_id,person_id\ngp,A1,P1\n")
    config.write_text(CONFIGURATION.replace('delivers = ["labs"]', ""))
    ran = call("run", "--direct", "--no-workbooks", "--config", config)
    assert ran.code == 3
    assert "source laboratory: table patients not found" in ran.err


@pytest.mark.parametrize("options", [(), ("--accept-low-volume",)])
def test_a_source_that_delivers_nothing_stops_the_night(tmp_path: Path, options: tuple[str, ...]) -> None:
    config = site(tmp_path, "source,patient_id,person_id\ngp,A1,P1\nhospital,77,P1\n")
    (tmp_path / "laboratory" / "labs.csv").write_text(LABORATORY["labs"].split("\n")[0] + "\n")
    ran = call("run", "--direct", "--no-workbooks", "--config", config, *options)
    assert ran.code == (0 if options else 3)
    assert ("Without rows: laboratory labs." in ran.err) is not bool(options)


def test_links_that_went_missing_stop_the_night(tmp_path: Path) -> None:
    both = "gp,A1,P1\nhospital,77,P1\n"
    config = site(tmp_path, "source,patient_id,person_id\n" + both)
    # One national number more or less would hide the fall.
    config.write_text(CONFIGURATION.replace('identifiers = "national"', ""))
    assert call("run", "--direct", "--no-workbooks", "--config", config).code == 0
    (tmp_path / "crosswalk.csv").write_text(
        "source,patient_id,person_id\n" + both.replace("hospital", "hopsital")
    )
    ran = call("run", "--direct", "--no-workbooks", "--config", config)
    assert ran.code == 3
    assert "The crosswalk joins 0 identifiers" in ran.err
