"""OMOP CDM 5.4 as a source: every form of store gives the same rows, and what a store says is read as it means it."""

from __future__ import annotations

import csv
import logging
import os
import random
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import sql
from flows import stages
from flows.context import opened, plan
from flows.settings import load as load_settings
from rules.loader import code_system_aliases
from schemas.canonical_columns import COLUMNS
from schemas.errors import ConfigurationError, InputRefused
from sources import omop, omop_store
from sources.base import Asked, DatabaseSettings, OmopSettings, Part, SourceSettings, TableMapping
from sources.gather import gather
from sql.engine import Matching
from tests.night import Publication
from tests.sources import omop_people
from tests.sources.omop_people import People, Row, as_csv, as_database, as_parquet
from tests.sources.postgres_server import PASSWORD, SUPERUSER, Server, running

pytestmark = pytest.mark.xdist_group("omop")

AS_OF = date(2026, 6, 30)
SECRET = "ID-SENTINEL-0815"

Store = dict[str, list[Row]]

# Lists of the tests' own: concept, system, code, whether it matches by its beginning.
CODES = [
    ("lab_b12_total", "LOINC", "2132-9", "whole"),
    ("lab_b12_total", "SNOMED-CT", "271216009", "whole"),
    ("lab_b12_active", "OMOP", "3000000", "whole"),
    ("lab_platelets", "OMOP", "3007461", "whole"),
    ("drug_metformin", "OMOP", "1503297", "whole"),
    ("drug_metformin", "ATC", "A10BA02", "prefix"),
    ("drug_b12_hydroxocobalamin_any", "OMOP", "1377023", "whole"),
    ("drug_b12_hydroxocobalamin_im", "dm+d", "2858311000001109", "whole"),
    ("cond_alcohol_misuse", "OMOP", "378421", "whole"),
    ("cond_peripheral_neuropathy", "OMOP", "4301699", "whole"),
    ("cond_pernicious_anaemia_autoimmune_gastritis", "ICD-10", "D51.0", "prefix"),
    ("cond_pernicious_anaemia_autoimmune_gastritis", "OMOP", "432295", "whole"),
    ("proc_gastrectomy_total", "OPCS-4", "G27", "prefix"),
]
MATCHING = Matching(
    pl.DataFrame(
        [
            {
                "concept": concept,
                "system": system,
                "code": code,
                "match": match,
                "match_code": code.replace(".", "") if match == "prefix" else None,
                "breadth": "exact",
            }
            for concept, system, code, match in CODES
        ],
        schema=dict.fromkeys(("concept", "system", "code", "match", "match_code", "breadth"), pl.String),
    ),
    pl.DataFrame({"name": ["metformin"], "concept": ["drug_metformin"]}),
    code_system_aliases(),
)

PERSON: Row = {
    "person_id": "1",
    "gender_concept_id": "8532",
    "year_of_birth": "1960",
    "month_of_birth": "4",
    "day_of_birth": "9",
}
LAB: Row = {
    "measurement_id": "7",
    "person_id": "1",
    "measurement_concept_id": "3007461",
    "measurement_date": "2026-05-20",
    "value_as_number": "212",
}
DRUG: Row = {
    "drug_exposure_id": "5",
    "person_id": "1",
    "drug_concept_id": "1503297",
    "drug_exposure_start_date": "2026-01-02",
}


def vocabulary(*concepts: str) -> list[Row]:
    """Concepts written as `id|vocabulary|code|name` or, with a class, `id|vocabulary|code|name|class`."""
    names = ("concept_id", "vocabulary_id", "concept_code", "concept_name", "concept_class_id")
    return [dict.fromkeys(names) | dict(zip(names, text.split("|"), strict=False)) for text in concepts]


def above(*pairs: tuple[str, str]) -> list[Row]:
    return [
        {"descendant_concept_id": below, "ancestor_concept_id": ancestor, "min_levels_of_separation": "1"}
        for below, ancestor in pairs
    ]


def small(**tables: list[Row]) -> Store:
    return {"person": [PERSON], "measurement": [LAB], "drug_exposure": [DRUG]} | tables


def of_store(path: Path, **given: Any) -> SourceSettings:
    of_omop = {name: given.pop(name) for name in list(given) if name in OmopSettings.__dataclass_fields__}
    return SourceSettings(name="clinic", path=path, kind="omop", omop=OmopSettings(**of_omop), **given)


def landed(source: SourceSettings, work: Path, **given: Any) -> tuple[list[Part], dict[str, list[Row]]]:
    """The parts, and by canonical table every row of theirs with what is missing as null."""
    parts = gather(source, Asked(work=work, as_of=AS_OF, **{"matching": MATCHING} | given))
    rows: dict[str, list[Row]] = {}
    for part in parts:
        frame = pl.read_parquet(part.read_path)
        assert set(frame.dtypes) <= {pl.String}
        assert frame.height + len(part.malformed_lines) == part.rows
        assert set(part.columns) == set(frame.columns) <= set(COLUMNS[part.table])
        rows.setdefault(part.table, []).extend(
            {column: row.get(column) for column in COLUMNS[part.table]} for row in frame.to_dicts()
        )
    return parts, rows


def rows_of(store: Store, tmp_path: Path, **given: Any) -> dict[str, list[Row]]:
    folder = as_csv(store, tmp_path / "store")
    return landed(of_store(folder, **given), tmp_path / "work")[1]


def one_lab(tmp_path: Path, more: Row, **tables: list[Row]) -> Row:
    [row] = rows_of(small(measurement=[LAB | more], **tables), tmp_path)["labs"]
    return row


def one_drug(tmp_path: Path, more: Row, **tables: list[Row]) -> Row:
    [row] = rows_of(small(drug_exposure=[DRUG | more], **tables), tmp_path)["medications"]
    return row


def one_patient(
    tmp_path: Path, more: Row, given: Mapping[str, Any] | None = None, **tables: list[Row]
) -> Row:
    [row] = rows_of(small(person=[PERSON | more], **tables), tmp_path, **given or {})["patients"]
    return row


def conditions(
    tmp_path: Path, *more: Row, given: Mapping[str, Any] | None = None, **tables: list[Row]
) -> list[Row]:
    of_table: Row = {"person_id": "1", "condition_start_date": "2020-03-01"}
    rows = [
        of_table | {"condition_occurrence_id": str(number), "condition_concept_id": "0"} | row
        for number, row in enumerate(more, start=1)
    ]
    return rows_of(small(condition_occurrence=rows, **tables), tmp_path, **given or {})["conditions"]


def sorted_rows(rows: list[Row]) -> list[str]:
    return sorted(str(row) for row in rows)


# -- the same people ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people() -> People:
    return People()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_USER", SUPERUSER)
    monkeypatch.setenv("CLINIC_PASSWORD", PASSWORD)


def _literal(text: str | None) -> str:
    return "'" + text.replace("'", "''") + "'" if text else "null"


def in_postgres(server: Server, store: Store, name: str, schema: str = "cdm") -> DatabaseSettings:
    """A database of that name with the store in its types."""
    server.run(f"create database {name}")
    server.run(f"create schema {schema}", database=name)
    for table, rows in store.items():
        columns = omop_people.columns_of(table, rows)
        typed = ", ".join(
            f'"{column}" {omop_people.of_type(column).replace("double", "double precision")}'
            for column in columns
        )
        server.run(f'create table {schema}."{table}" ({typed})', database=name)
        values = ", ".join(f"({', '.join(_literal(row.get(column)) for column in columns)})" for row in rows)
        if values:
            server.run(f'insert into {schema}."{table}" values {values}', database=name)
    return DatabaseSettings(
        queries=Path(),
        host="127.0.0.1",
        port=server.port,
        dbname=name,
        user_env="CLINIC_USER",
        password_env="CLINIC_PASSWORD",
        sslmode="disable",
        wait=0.01,
        attempts=2,
    )


FORMS: dict[str, Callable[[Store, Path], Path]] = {
    "csv": lambda store, folder: as_csv(store, folder / "store"),
    "csv in upper case": lambda store, folder: as_csv(store, folder / "store", is_upper=True),
    "compressed csv": lambda store, folder: as_csv(store, folder / "store", compressed=True),
    "parquet": lambda store, folder: as_parquet(store, folder / "store"),
    "parquet in upper case": lambda store, folder: as_parquet(store, folder / "store", is_upper=True),
    "duckdb": lambda store, folder: as_database(store, folder / "store.duckdb"),
    "duckdb in upper case": lambda store, folder: as_database(
        store, folder / "store.duckdb", is_upper=True, schema="OMOP"
    ),
}
AS_CHOSEN = {"patient_id": "person_source_value", "has_registration": True, "has_condition_ends": True}


@pytest.mark.parametrize("form", FORMS)
def test_the_demonstration_people_land_as_they_stand_in_their_files(
    form: str, people: People, tmp_path: Path
) -> None:
    _, rows = landed(of_store(FORMS[form](people.store, tmp_path), **AS_CHOSEN), tmp_path / "work")
    assert set(rows) == set(people.carried)
    for table, found in rows.items():
        assert sorted_rows(found) == sorted_rows(people.carried[table]), table


@pytest.mark.usefixtures("_login")
def test_the_demonstration_people_land_out_of_postgresql(
    server: Server, people: People, tmp_path: Path
) -> None:
    database = in_postgres(server, people.store, "demo")
    _, rows = landed(of_store(Path(), database=database, **AS_CHOSEN), tmp_path / "work")
    assert set(rows) == set(people.carried)
    for table, found in rows.items():
        assert sorted_rows(found) == sorted_rows(people.carried[table]), table


CONFIG = """
[screen]
as_of = 2026-06-30
timezone = "Europe/London"
output = "out"

[sources.clinic]
{place}
"""
AS_OMOP = """
kind = "omop"
path = "{path}"
[sources.clinic.omop]
patient_id = "person_source_value"
has_registration = true
has_condition_ends = true
"""


def screened(home: Path, place: str) -> Publication:
    home.mkdir(exist_ok=True)
    (home / "site.toml").write_text(CONFIG.format(place=place))
    with opened(plan(config=home / "site.toml", with_workbooks=False, accept_low_volume=True)) as night:
        run_id = stages.run_all(night)["run_id"]
    return Publication(night.output / run_id)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_lists_are_byte_for_byte_those_of_the_files(people: People, tmp_path: Path) -> None:
    extract = tmp_path / "files" / "extract"
    extract.mkdir(parents=True)
    for table, rows in people.carried.items():
        with (extract / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS[table])
            writer.writeheader()
            writer.writerows(rows)
    expected = screened(tmp_path / "files", 'path = "extract"')
    as_database(people.store, tmp_path / "omop" / "clinic.duckdb")
    found = screened(tmp_path / "omop", AS_OMOP.format(path="clinic.duckdb"))
    assert found.folder.name == expected.folder.name
    before, after = files_below(expected.folder), files_below(found.folder)
    assert set(before) == set(after)
    lists = {name for name in before if name.startswith(("all/", "clinics/"))}
    assert len(lists) > 10
    assert [name for name in sorted(lists) if before[name] != after[name]] == []
    assert sum(len(text.splitlines()) for name, text in before.items() if name.startswith("clinics/")) > 300
    # Only what names the delivered files may differ.
    quarantine = {name for name in before if name.startswith("quarantine/")}
    assert {n for n in before if before[n] != after[n]} <= {"manifest.json", "report.html", *quarantine}


# -- people ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "birth_date"),
    [
        ({}, "1960-04-09"),
        ({"day_of_birth": ""}, "1960-04-01"),
        # A day without its month says nothing.
        ({"month_of_birth": ""}, "1960-01-01"),
        ({"month_of_birth": "", "day_of_birth": ""}, "1960-01-01"),
        ({"birth_datetime": "1960-04-09 03:30:00"}, "1960-04-09"),
        ({"year_of_birth": "", "birth_datetime": "1960-04-09"}, "1960-04-09"),
        ({"year_of_birth": "1960.0", "month_of_birth": "4.0", "day_of_birth": "9.0"}, "1960-04-09"),
        ({"year_of_birth": ""}, None),
    ],
)
def test_a_birth_date_is_the_earliest_that_it_can_have_been(
    written: Row, birth_date: str | None, tmp_path: Path
) -> None:
    assert one_patient(tmp_path, written)["birth_date"] == birth_date


@pytest.mark.parametrize(
    ("concept", "source_value", "sex"),
    [
        ("8532", "M", "female"),
        ("8507", "", "male"),
        ("8521", "", "other"),
        ("8551", "", "unknown"),
        ("0", "M", "M"),
        ("0", "", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_sex_is_the_concept_and_else_the_word_of_the_source(
    concept: str, source_value: str, sex: str, tmp_path: Path
) -> None:
    row = one_patient(tmp_path, {"gender_concept_id": concept, "gender_source_value": source_value})
    assert row["sex"] == sex


@pytest.mark.parametrize(
    ("clinic", "care_site", "expected"),
    [
        ("care_site_source_value", "3", "P3"),
        ("care_site_name", "3", "Riverside"),
        ("care_site_id", "3", "3"),
        ("location_source_value", "3", "North"),
        # A clinic that its table does not name is at least told apart from the others.
        ("care_site_source_value", "4", "4"),
        ("care_site_source_value", "9", "9"),
        ("care_site_source_value", "", None),
    ],
)
def test_the_clinic_is_what_the_site_chose(
    clinic: str, care_site: str, expected: str | None, tmp_path: Path
) -> None:
    sites: list[Row] = [
        {"care_site_id": "3", "care_site_name": "Riverside", "care_site_source_value": "P3"},
        {"care_site_id": "4", "care_site_name": "Hill", "care_site_source_value": ""},
    ]
    places: list[Row] = [{"location_id": "8", "location_source_value": "North"}]
    row = one_patient(
        tmp_path,
        {"care_site_id": care_site, "location_id": "8"},
        {"clinic": clinic},
        care_site=sites,
        location=places,
    )
    assert row["clinic_id"] == expected


def test_a_death_is_the_first_that_is_told(tmp_path: Path) -> None:
    deaths: list[Row] = [
        {"person_id": "1", "death_date": "2026-02-02"},
        {"person_id": "1", "death_date": "2026-02-01"},
        {"person_id": "2", "death_date": "2025-01-01"},
    ]
    assert one_patient(tmp_path, {}, death=deaths)["deceased_on"] == "2026-02-01"


PERIODS: list[Row] = [
    {
        "person_id": "1",
        "observation_period_start_date": "2001-01-01",
        "observation_period_end_date": "2005-01-01",
    },
    {
        "person_id": "1",
        "observation_period_start_date": "2010-01-01",
        "observation_period_end_date": "2026-07-01",
    },
]


def test_observation_is_registration_only_where_the_site_says_so(tmp_path: Path) -> None:
    row = one_patient(tmp_path, {}, observation_period=PERIODS)
    assert (row["registered_on"], row["deregistered_on"]) == (None, None)


def test_registration_is_the_last_period_of_observation(tmp_path: Path) -> None:
    row = one_patient(tmp_path, {}, {"has_registration": True}, observation_period=PERIODS)
    assert (row["registered_on"], row["deregistered_on"]) == ("2010-01-01", "2026-07-01")


def test_ethnicity_is_the_race_and_else_the_ethnicity(tmp_path: Path) -> None:
    concepts = vocabulary("8527|Race|5|White", "38003563|Ethnicity|Hispanic|Hispanic or Latino")
    hispanic: Row = {"ethnicity_concept_id": "38003563"}
    first = one_patient(tmp_path / "a", hispanic | {"race_concept_id": "8527"}, concept=concepts)
    second = one_patient(tmp_path / "b", hispanic | {"race_concept_id": "0"}, concept=concepts)
    third = one_patient(tmp_path / "c", {"race_concept_id": "0", "race_source_value": "A"}, concept=concepts)
    assert [row["ethnicity"] for row in (first, second, third)] == ["White", "Hispanic or Latino", "A"]


def test_a_person_without_a_word_of_its_own_is_named_by_its_number(tmp_path: Path) -> None:
    store = small(
        person=[
            PERSON | {"person_source_value": ""},
            PERSON | {"person_id": "2", "person_source_value": "N1"},
        ],
        measurement=[LAB, LAB | {"person_id": "2"}, LAB | {"person_id": "3"}, LAB | {"person_id": ""}],
    )
    rows = rows_of(store, tmp_path, patient_id="person_source_value")
    assert sorted(str(row["patient_id"]) for row in rows["patients"]) == ["N1", "person_id 1"]
    # Of the third there is no person: the row is landed, and refused later with all others whose person is unknown.
    assert sorted(str(row["patient_id"]) for row in rows["labs"]) == [
        "N1",
        "None",
        "person_id 1",
        "person_id 3",
    ]


def test_two_rows_of_one_person_are_both_landed_and_their_results_once(tmp_path: Path) -> None:
    twice = [
        PERSON | {"person_source_value": "N1"},
        PERSON | {"person_source_value": "N1", "year_of_birth": "1961"},
    ]
    rows = rows_of(small(person=twice), tmp_path, patient_id="person_source_value")
    assert sorted(str(row["birth_date"]) for row in rows["patients"]) == ["1960-04-09", "1961-04-09"]
    assert [row["patient_id"] for row in rows["patients"] + rows["labs"]] == ["N1", "N1", "N1"]


def test_one_number_for_two_names_is_one_person_who_contradicts_itself(tmp_path: Path) -> None:
    twice = [PERSON | {"person_source_value": "N1"}, PERSON | {"person_source_value": "N2"}]
    rows = rows_of(small(person=twice), tmp_path, patient_id="person_source_value")
    assert {row["patient_id"] for row in rows["patients"] + rows["labs"]} == {"person_id 1"}


# -- results --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({}, "212"),
        ({"value_as_number": "0.1"}, "0.1"),
        ({"operator_concept_id": "4171756", "value_as_number": "150"}, "<150"),
        ({"operator_concept_id": "4171754", "value_as_number": "150"}, "<=150"),
        ({"operator_concept_id": "4172704", "value_as_number": "2000"}, ">2000"),
        ({"operator_concept_id": "4171755", "value_as_number": "2000"}, ">=2000"),
        ({"operator_concept_id": "4172703"}, "212"),
        # The sign is in what the source reported, and was lost on the way.
        ({"operator_concept_id": "0", "value_as_number": "150", "value_source_value": "< 150"}, "<150"),
        # The store has another number than the report and no unit for it: the report has the last word.
        ({"value_as_number": "150", "value_source_value": "<110", "unit_source_value": "pmol/L"}, "<110"),
        ({"value_as_number": "", "value_as_concept_id": "9189"}, "Negative"),
        ({"value_as_number": "", "value_as_concept_id": "9190", "value_source_value": "neg"}, "neg"),
        ({"value_as_number": "", "value_as_concept_id": "9190"}, "OMOP 9190"),
        (
            {"value_as_number": "", "value_as_concept_id": "0", "value_source_value": "haemolysed"},
            "haemolysed",
        ),
        ({"value_as_number": "", "value_source_value": "<150"}, "<150"),
        ({"value_as_number": ""}, None),
    ],
)
def test_a_value_is_the_number_with_its_sign_the_answer_or_the_text(
    written: Row, value: str | None, tmp_path: Path
) -> None:
    assert one_lab(tmp_path, written, concept=vocabulary("9189|SNOMED|260385009|Negative"))["value"] == value


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ({"unit_source_value": "pmol/L"}, "pmol/L"),
        ({"unit_concept_id": "8845"}, "pg/mL"),
        ({"unit_concept_id": "0", "unit_source_value": "ng/L"}, "ng/L"),
        # Nothing was converted: the unit of the report is the unit of the number.
        ({"unit_concept_id": "8845", "unit_source_value": "ng/L", "value_source_value": "212"}, "ng/L"),
        # The store holds another number than the report: its unit is that of the store.
        ({"unit_concept_id": "8845", "unit_source_value": "pmol/L", "value_source_value": "156.4"}, "pg/mL"),
        ({"unit_concept_id": "0", "unit_source_value": "pmol/L", "value_source_value": "156.4"}, "pmol/L"),
        ({}, None),
    ],
)
def test_a_unit_is_that_of_the_number(written: Row, unit: str | None, tmp_path: Path) -> None:
    assert (
        one_lab(tmp_path, written, concept=vocabulary("8845|UCUM|pg/mL|picogram per milliliter"))["unit"]
        == unit
    )


@pytest.mark.parametrize(
    ("written", "collected_at"),
    [
        ({}, "2026-05-20"),
        ({"measurement_datetime": "2026-05-20 10:30:00"}, "2026-05-20T10:30:00"),
        ({"measurement_datetime": "2026-05-20T10:30:00+02:00"}, "2026-05-20T10:30:00+02:00"),
        ({"measurement_datetime": "2026-05-20 00:00:00"}, "2026-05-20"),
        ({"measurement_datetime": "2026-05-20 00:00:00.000 UTC"}, "2026-05-20T00:00:00.000 UTC"),
        ({"measurement_datetime": "2026-05-20 00:00:00+00"}, "2026-05-20"),
        ({"measurement_date": "20/05/2026"}, "20/05/2026"),
    ],
)
def test_a_day_alone_stays_a_day(written: Row, collected_at: str, tmp_path: Path) -> None:
    assert one_lab(tmp_path, written)["collected_at"] == collected_at


LOINC_AND_SNOMED = (
    "3000593|LOINC|2132-9|Cobalamin in Serum",
    "4000001|SNOMED|271216009|Vitamin B12 measurement",
    "4000002|SNOMED|1|Measurement of something",
)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        # As the standard concept itself, by the code of the standard concept, or by that of the source.
        ({"measurement_concept_id": "3007461"}, ("OMOP", "3007461")),
        ({"measurement_concept_id": "3000593"}, ("LOINC", "2132-9")),
        (
            {"measurement_concept_id": "4000002", "measurement_source_concept_id": "4000001"},
            ("SNOMED", "271216009"),
        ),
        ({"measurement_concept_id": "0", "measurement_source_concept_id": "3007461"}, ("OMOP", "3007461")),
        # The source is the more particular of two that are listed.
        (
            {"measurement_concept_id": "3007461", "measurement_source_concept_id": "3000593"},
            ("LOINC", "2132-9"),
        ),
        # One step below a listed concept.
        ({"measurement_concept_id": "4000003"}, ("OMOP", "3007461")),
        # What no list holds is landed as well as it can be said.
        ({"measurement_concept_id": "4000002"}, ("SNOMED", "1")),
        ({"measurement_concept_id": "777"}, ("OMOP", "777")),
        ({"measurement_concept_id": "0", "measurement_source_value": "B12"}, (None, None)),
    ],
)
def test_a_result_is_known_by_any_of_its_codes(
    written: Row, code: tuple[str | None, str | None], tmp_path: Path
) -> None:
    row = one_lab(
        tmp_path,
        written,
        concept=vocabulary(*LOINC_AND_SNOMED),
        concept_ancestor=above(("4000003", "3007461")),
    )
    assert (row["code_system"], row["code"]) == code


def test_without_a_vocabulary_concepts_are_known_by_their_numbers(tmp_path: Path) -> None:
    row = one_lab(tmp_path, {"measurement_source_value": "PLT"})
    assert (row["code_system"], row["code"], row["test_name"]) == ("OMOP", "3007461", "PLT")


def test_a_word_of_the_source_has_the_code_system_that_the_site_names(tmp_path: Path) -> None:
    lab = LAB | {"measurement_concept_id": "0", "measurement_source_value": "2132-9"}
    systems = {"source_systems": {"measurement": "LOINC"}}
    [row] = rows_of(small(measurement=[lab]), tmp_path, **systems)["labs"]
    assert (row["code_system"], row["code"]) == ("LOINC", "2132-9")


def test_local_codes_and_names_of_the_site_come_first(tmp_path: Path) -> None:
    named = [
        LAB | {"measurement_id": "1", "measurement_source_value": "b12s"},
        LAB | {"measurement_id": "2", "measurement_source_value": "Serum Cobalamin"},
    ]
    store = small(measurement=named, concept=vocabulary("3007461|LOINC|26515-7|Platelets"))
    rows = rows_of(
        store,
        tmp_path,
        test_codes={"B12S": "lab_b12_total"},
        test_names={"serum cobalamin": "lab_b12_total"},
    )["labs"]
    found = {row["result_id"]: (row["code_system"], row["code"], row["test_name"]) for row in rows}
    assert found == {
        "1": ("local", "b12s", "Platelets"),
        # The row is of the site's own name, whatever its code says.
        "2": ("OMOP", "3007461", "Serum Cobalamin"),
    }


def test_limits_and_numbers_of_records_are_carried(tmp_path: Path) -> None:
    row = one_lab(tmp_path, {"measurement_id": "7.0", "range_low": "180", "range_high": "910.5"})
    assert (row["result_id"], row["reference_low"], row["reference_high"]) == ("7", "180", "910.5")
    assert (row["status"], row["sample_id"], row["received_at"], row["performing_lab"]) == (None,) * 4


def test_binary_numbers_are_written_without_noise(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute(
        "create table person as select 1::double as person_id, 1960 as year_of_birth, 8532 as gender_concept_id"
    )
    connection.execute(
        "create table drug_exposure as select 1 as drug_exposure_id, 1 as person_id, 0 as drug_concept_id, "
        "date '2026-01-01' as drug_exposure_start_date"
    )
    connection.execute(
        "create table measurement as select row_number() over () as measurement_id, 1 as person_id, 3007461::double as "
        "measurement_concept_id, date '2026-05-20' as measurement_date, value as value_as_number, "
        "0.1::float as range_low, 1.10::decimal(5, 2) as range_high "
        "from (values (0.1::double), (212.0), (1e-7), (12345678.25), ('nan'::double), (null)) as given(value)"
    )  # fmt: skip
    connection.close()
    _, rows = landed(of_store(path), tmp_path / "work")
    found = {str(row["result_id"]): row["value"] for row in rows["labs"]}
    assert found == {"1": "0.1", "2": "212", "3": "1e-07", "4": "12345678.25", "5": None, "6": None}
    assert {(row["reference_low"], row["reference_high"]) for row in rows["labs"]} == {("0.1", "1.10")}
    assert {row["patient_id"] for row in rows["labs"] + rows["patients"]} == {"1"}


# -- medicines ------------------------------------------------------------------------------------------------------

PRODUCTS = (
    "1503297|RxNorm|6809|metformin|Ingredient",
    "1580747|RxNorm|593411|sitagliptin|Ingredient",
    "1377023|RxNorm|5514|hydroxocobalamin|Ingredient",
    "19010482|RxNorm|99|methylcobalamin|Ingredient",
    "40163924|RxNorm|860975|24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet|Clinical Drug",
    "40164929|RxNorm|861819|metformin hydrochloride 500 MG / sitagliptin 50 MG Oral Tablet|Clinical Drug",
    "1377054|RxNorm|238755|1 ML hydroxocobalamin acetate 1 MG/ML Injection|Clinical Drug",
    "21600749|ATC|A10BA02|metformin; oral|ATC 5th",
    "46000001|dm+d|2858311000001109|Hydroxocobalamin 1mg/1ml solution for injection ampoules|VMP",
    "46000002|ATC|V03AB33|hydroxocobalamin|ATC 5th",
    "4302612|SNOMED|78421000|Intramuscular",
    "32838|Type Concept|OMOP4976895|EHR prescription",
    "32818|Type Concept|OMOP4976901|EHR administration record",
    "38000178|Drug Type|OMOP4822242|Medication list entry",
)
PARTS = (
    ("40163924", "1503297"),
    ("40163924", "21600749"),
    ("40164929", "1503297"),
    ("40164929", "1580747"),
    ("1377054", "1377023"),
)


def of_products(tmp_path: Path, more: Row) -> Row:
    return one_drug(tmp_path, more, concept=vocabulary(*PRODUCTS), concept_ancestor=above(*PARTS))


@pytest.mark.parametrize(
    ("written", "code", "name"),
    [
        # A product is known by its one ingredient.
        ({"drug_concept_id": "40163924"}, ("OMOP", "1503297"), PRODUCTS[4].split("|")[3]),
        ({"drug_concept_id": "1503297"}, ("OMOP", "1503297"), "metformin"),
        # Of several ingredients none may stand for the whole: the name holds all of them.
        ({"drug_concept_id": "40164929"}, ("RxNorm", "861819"), "metformin; sitagliptin"),
        # The product that the source names says more than the ingredient.
        (
            {"drug_concept_id": "1377054", "drug_source_concept_id": "46000001"},
            ("dm+d", "2858311000001109"),
            PRODUCTS[8].split("|")[3],
        ),
        # A complete code of ATC in the source is the last word on the substance: an antidote is no replacement.
        ({"drug_concept_id": "1377054", "drug_source_concept_id": "46000002"}, ("ATC", "V03AB33"), "hydroxocobalamin"),
        ({"drug_concept_id": "19010482"}, ("RxNorm", "99"), "methylcobalamin"),
        ({"drug_concept_id": "0", "drug_source_value": "Metformin 500mg"}, (None, None), "Metformin 500mg"),
    ],
)  # fmt: skip
def test_a_medicine_is_known_by_its_product_its_ingredient_or_its_name(
    written: Row, code: tuple[str | None, str | None], name: str, tmp_path: Path
) -> None:
    row = of_products(tmp_path, written)
    assert (row["code_system"], row["code"], row["drug_name"]) == (*code, name)


def test_without_ancestors_a_combination_is_still_one(tmp_path: Path) -> None:
    row = one_drug(tmp_path, {"drug_concept_id": "40164929"}, concept=vocabulary(*PRODUCTS))
    assert row["drug_name"] == "metformin hydrochloride 500 MG; sitagliptin 50 MG Oral Tablet"


def test_without_a_vocabulary_a_medicine_has_the_number_and_the_word_of_its_source(tmp_path: Path) -> None:
    row = one_drug(tmp_path, {"drug_concept_id": "40163924", "drug_source_value": "METFORMIN SR"})
    assert (row["code_system"], row["code"], row["drug_name"]) == ("OMOP", "40163924", "METFORMIN SR")


@pytest.mark.parametrize(
    ("concept", "kind"),
    [
        ("32838", "prescription"),
        ("32818", "administration"),
        ("38000178", "statement"),
        ("44787730", "statement"),
        ("0", "prescription"),
        ("", None),
    ],
)
def test_the_kind_of_a_medication(concept: str, kind: str | None, tmp_path: Path) -> None:
    assert of_products(tmp_path, {"drug_type_concept_id": concept})["kind"] == kind


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ({"route_concept_id": "4302612", "route_source_value": "IM"}, "Intramuscular"),
        ({"route_concept_id": "0", "route_source_value": "IM"}, "IM"),
        ({"drug_concept_id": "1377054"}, "injection"),
        ({"drug_concept_id": "40163924"}, "oral"),
        ({"drug_concept_id": "1503297"}, None),
    ],
)
def test_the_route_is_recorded_or_the_form_of_the_product(
    written: Row, route: str | None, tmp_path: Path
) -> None:
    assert of_products(tmp_path, written)["route"] == route


def test_a_quantity_is_a_dose_only_where_it_was_given(tmp_path: Path) -> None:
    amount: Row = {"quantity": "28", "dose_unit_source_value": "tablet", "days_supply": "28.0"}
    packed = one_drug(tmp_path / "a", amount | {"drug_type_concept_id": "32838"})
    given = one_drug(tmp_path / "b", amount | {"drug_type_concept_id": "32818"})
    assert (packed["dose_quantity"], packed["dose_unit"], packed["days_supply"]) == (None, None, "28")
    assert (given["dose_quantity"], given["dose_unit"], given["days_supply"]) == ("28", "tablet", "28")


def test_the_end_of_a_medication_is_what_the_source_wrote(tmp_path: Path) -> None:
    ends: Row = {"drug_exposure_end_date": "2026-01-30"}
    first = one_drug(tmp_path / "a", ends)
    second = one_drug(tmp_path / "b", ends | {"verbatim_end_date": "2026-01-12", "stop_reason": "rash"})
    assert (first["end_on"], first["status"]) == ("2026-01-30", None)
    assert (second["end_on"], second["status"]) == ("2026-01-12", "stopped")


# -- conditions and procedures --------------------------------------------------------------------------------------

DISORDERS = (
    "378421|SNOMED|7916009|Alcoholic polyneuropathy",
    "4301699|SNOMED|386033004|Neuropathy",
    "432295|SNOMED|84027009|Pernicious anemia",
    "4000010|SNOMED|11|Some neuropathy",
    "45000001|ICD10|D51.0|Vitamin B12 deficiency anaemia due to intrinsic factor deficiency",
    "4203942|SNOMED|410537005|Condition ruled out",
    "4167217|SNOMED|416471007|Family history of clinical finding",
)


def told(rows: list[Row]) -> set[tuple[str | None, ...]]:
    return {(row["condition_id"], row["code_system"], row["code"]) for row in rows}


def test_a_condition_is_landed_once_for_each_thing_that_it_says(tmp_path: Path) -> None:
    rows = conditions(
        tmp_path,
        {"condition_concept_id": "378421"},
        {"condition_concept_id": "4000010"},
        {"condition_concept_id": "432295", "condition_source_concept_id": "45000001"},
        {"condition_concept_id": "0", "condition_source_value": "headache"},
        concept=vocabulary(*DISORDERS),
        concept_ancestor=above(("378421", "4301699"), ("4000010", "4301699"), ("378421", "378421")),
    )
    # Alcohol and nerves are two things; pernicious anaemia in two codes is one.
    assert told(rows) == {
        ("1", "OMOP", "378421"),
        ("1", "OMOP", "4301699"),
        ("2", "OMOP", "4301699"),
        ("3", "ICD10", "D51.0"),
        ("4", None, None),
    }
    assert len(rows) == 5
    assert {row["name"] for row in rows if row["condition_id"] == "4"} == {"headache"}


def test_the_end_of_a_condition_is_read_only_where_the_site_says_so(tmp_path: Path) -> None:
    row: Row = {"condition_concept_id": "432295", "condition_end_date": "2020-03-04"}
    [kept] = conditions(tmp_path / "a", row)
    [ended] = conditions(tmp_path / "b", row, given={"has_condition_ends": True})
    assert (kept["onset_on"], kept["resolved_on"]) == ("2020-03-01", None)
    assert (ended["onset_on"], ended["resolved_on"]) == ("2020-03-01", "2020-03-04")


def test_what_was_ruled_out_is_refuted(tmp_path: Path) -> None:
    [row] = conditions(
        tmp_path,
        {"condition_concept_id": "432295", "condition_status_concept_id": "4203942"},
        concept=vocabulary(*DISORDERS),
    )
    assert row["status"] == "refuted"


def test_local_codes_of_conditions_keep_their_lists(tmp_path: Path) -> None:
    [row] = conditions(
        tmp_path, {"condition_source_value": "lg1"}, given={"codes": {"LG1": "cond_nitrous_oxide_misuse"}}
    )
    assert (row["code_system"], row["code"]) == ("local", "lg1")


def test_observations_that_state_something_are_conditions(tmp_path: Path) -> None:
    said: Row = {"person_id": "1", "observation_concept_id": "432295", "observation_date": "2019-01-01"}
    rows = [
        said | {"observation_id": "1"},
        said | {"observation_id": "2", "value_as_concept_id": "4188539"},
        # Answers other than yes, numbers and texts state nothing that the contract can say.
        said | {"observation_id": "3", "value_as_concept_id": "4188540"},
        said | {"observation_id": "4", "value_as_number": "0"},
        said | {"observation_id": "5", "value_as_string": "denied"},
        said | {"observation_id": "6", "observation_concept_id": "4167217", "value_as_concept_id": "432295"},
    ]
    found = rows_of(small(observation=rows, concept=vocabulary(*DISORDERS)), tmp_path)["conditions"]
    assert {
        (row["condition_id"], row["code"], row["is_family_history"], row["onset_on"]) for row in found
    } == {
        ("observation 1", "432295", None, "2019-01-01"),
        ("observation 2", "432295", None, "2019-01-01"),
        ("observation 6", "432295", "true", "2019-01-01"),
    }


def test_a_procedure_has_its_day_and_code(tmp_path: Path) -> None:
    rows: list[Row] = [
        {
            "procedure_occurrence_id": "4",
            "person_id": "1",
            "procedure_concept_id": "0",
            "procedure_date": "2023-10-04",
            "procedure_source_value": "G27.5",
        }
    ]
    systems = {"source_systems": {"procedure_occurrence": "OPCS-4"}}
    [row] = rows_of(small(procedure_occurrence=rows), tmp_path, **systems)["procedures"]
    assert (row["code_system"], row["code"], row["performed_on"]) == ("OPCS-4", "G27.5", "2023-10-04")
    assert (row["procedure_id"], row["patient_id"], row["length_cm"]) == ("4", "1", None)


# -- where a store lies ---------------------------------------------------------------------------------------------


def test_tables_may_be_folders_of_parquet_files(tmp_path: Path) -> None:
    folder = as_parquet(small(measurement=[LAB, LAB | {"measurement_id": "8"}]), tmp_path / "store")
    whole = pl.read_parquet(folder / "measurement.parquet")
    (folder / "measurement.parquet").unlink()
    (folder / "Measurement").mkdir()
    for number in (0, 1):
        whole[number : number + 1].write_parquet(folder / "Measurement" / f"part-{number}.parquet")
    parts, rows = landed(of_store(folder), tmp_path / "work")
    assert sorted(str(row["result_id"]) for row in rows["labs"]) == ["7", "8"]
    assert [part.rows for part in parts if part.table == "labs"] == [2]


def test_a_vocabulary_is_read_with_tabs_and_bare_quotes(tmp_path: Path) -> None:
    folder = as_csv(small(measurement=[LAB | {"measurement_concept_id": "3000593"}]), tmp_path / "store")
    (folder / "CONCEPT.csv").write_text(
        "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tconcept_code\n"
        '3000593\tCobalamin "B12" in Serum\tMeasurement\tLOINC\tLab Test\t2132-9\n'
        '1\t"one quote\tMeasurement\tLOINC\tLab Test\t1-8\n'
    )
    [row] = landed(of_store(folder), tmp_path / "work")[1]["labs"]
    assert (row["code_system"], row["code"], row["test_name"]) == (
        "LOINC",
        "2132-9",
        'Cobalamin "B12" in Serum',
    )


def test_a_line_that_is_no_row_is_quarantined_by_its_number(tmp_path: Path) -> None:
    folder = as_csv(small(measurement=[LAB, LAB | {"measurement_id": "8"}]), tmp_path / "store")
    lines = (folder / "measurement.csv").read_text().splitlines()
    (folder / "measurement.csv").write_text("\n".join([*lines[:2], "1,2", lines[2], ""]))
    parts, rows = landed(of_store(folder), tmp_path / "work")
    [labs] = [part for part in parts if part.table == "labs"]
    assert (labs.rows, labs.malformed_lines, len(rows["labs"])) == (3, (3,), 2)


def test_a_value_over_several_lines_is_one_value(tmp_path: Path) -> None:
    [row] = rows_of(small(drug_exposure=[DRUG | {"drug_source_value": "one\n\ntwo"}]), tmp_path)[
        "medications"
    ]
    assert row["drug_name"] == "one\n\ntwo"


def test_a_look_reads_so_many_rows_of_each_table(tmp_path: Path) -> None:
    store = small(measurement=[LAB | {"measurement_id": str(number)} for number in range(9)])
    for form in ("csv", "parquet", "duckdb"):
        path = FORMS[form](store, tmp_path / form)
        parts, _ = landed(of_store(path), tmp_path / form / "work", sample=3)
        assert {part.table: part.rows for part in parts} == {"patients": 1, "labs": 3, "medications": 1}


@pytest.mark.usefixtures("_login")
def test_postgresql_gives_of_the_vocabulary_what_the_rows_need(server: Server, tmp_path: Path) -> None:
    store = small(
        drug_exposure=[DRUG | {"drug_concept_id": "40163924"}],
        concept=vocabulary(*PRODUCTS),
        concept_ancestor=above(*PARTS),
    )
    database = in_postgres(server, store, "drugs", "Clinic Store".replace(" ", "_"))
    work = tmp_path / "work"
    _, rows = landed(of_store(Path(), database=database), work)
    [row] = rows["medications"]
    assert (row["code_system"], row["code"]) == ("OMOP", "1503297")
    copies = {path.stem: path for path in work.rglob("read/*.parquet")}
    assert sorted(pl.read_parquet(copies["concept"])["concept_code"]) == ["6809", "860975", "A10BA02"]
    assert pl.read_parquet(copies["concept_ancestor"]).height == 2


@pytest.mark.usefixtures("_login")
def test_postgresql_without_a_table_is_refused(server: Server, tmp_path: Path) -> None:
    store = small()
    store["messurement"] = store.pop("measurement")
    database = in_postgres(server, store, "lacking")
    with pytest.raises(InputRefused, match="table measurement not found"):
        landed(of_store(Path(), database=database), tmp_path / "work")


# -- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["person", "measurement", "drug_exposure"])
@pytest.mark.parametrize("form", ["csv", "duckdb"])
def test_a_missing_table_is_refused(table: str, form: str, tmp_path: Path) -> None:
    store = small()
    store[table[:-1]] = store.pop(table)
    with pytest.raises(InputRefused, match=f"table {table} not found") as refusal:
        landed(of_store(FORMS[form](store, tmp_path)), tmp_path / "work")
    if form == "csv":
        assert f"Did you mean {table[:-1]}.csv for {table}?" in refusal.value.hint


def test_an_increment_and_what_is_not_delivered_may_be_missing(tmp_path: Path) -> None:
    only_people = as_csv({"person": [PERSON]}, tmp_path / "store")
    assert set(landed(of_store(only_people, mode="increment"), tmp_path / "a")[1]) == {"patients"}
    assert set(landed(of_store(only_people, delivers=("patients",)), tmp_path / "b")[1]) == {"patients"}


@pytest.mark.parametrize("form", ["csv", "parquet", "duckdb"])
def test_a_missing_column_is_refused_with_the_closest(form: str, tmp_path: Path) -> None:
    lab = {("measurement_dat" if name == "measurement_date" else name): text for name, text in LAB.items()}
    path = FORMS[form](small(measurement=[lab]), tmp_path)
    with pytest.raises(
        InputRefused, match="required column measurement_date of table measurement"
    ) as refusal:
        landed(of_store(path), tmp_path / "work")
    assert 'Closest to measurement_date: "measurement_dat".' in refusal.value.hint


def test_a_table_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    folder = as_csv(small(), tmp_path / "store")
    shutil.copy(folder / "person.csv", folder / "PERSON.csv")
    with pytest.raises(InputRefused, match="person is there more than once"):
        landed(of_store(folder), tmp_path / "work")


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    folder = as_csv(small(person=[PERSON | {"PERSON_ID": "2"}]), tmp_path / "store")
    with pytest.raises(InputRefused, match="column person_id is there more than once"):
        landed(of_store(folder), tmp_path / "work")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_bytes(b"x" * 8192)
    with pytest.raises(InputRefused, match=r"store\.duckdb: not a DuckDB database"):
        landed(of_store(tmp_path / "store.duckdb"), tmp_path / "work")


def test_a_database_cut_before_its_end_is_refused(tmp_path: Path) -> None:
    path = as_database(small(), tmp_path / "store.duckdb")
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(InputRefused, match=r"store\.duckdb"):
        landed(of_store(path), tmp_path / "work")


def test_a_database_that_is_being_written_is_refused(tmp_path: Path) -> None:
    path = as_database(small(), tmp_path / "store.duckdb")
    with duckdb.connect(str(path)), pytest.raises(InputRefused, match="cannot be opened for reading"):
        landed(of_store(path), tmp_path / "work")
    assert landed(of_store(path), tmp_path / "again")[1]["labs"]


def test_reading_a_database_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = as_database(small(), tmp_path / "in" / "store.duckdb")
    before = files_below(tmp_path / "in")
    landed(of_store(path), tmp_path / "work")
    assert files_below(tmp_path / "in") == before


def test_two_schemas_with_people_are_not_guessed_between(tmp_path: Path) -> None:
    path = as_database(small(), tmp_path / "store.duckdb")
    as_database(small(person=[PERSON | {"person_id": "2"}]), path, schema="results")
    with pytest.raises(InputRefused, match="2 schemas have a table person: main, results"):
        landed(of_store(path), tmp_path / "work")
    rows = landed(of_store(path, cdm_schema="RESULTS"), tmp_path / "again")[1]
    assert [row["patient_id"] for row in rows["patients"]] == ["2"]


@pytest.mark.parametrize("path", ["nowhere", "store.txt"])
def test_a_place_without_a_store_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "store.txt").write_text("x")
    with pytest.raises(InputRefused, match=path):
        landed(of_store(tmp_path / path), tmp_path / "work")


def test_a_damaged_vocabulary_is_refused_because_its_codes_would_be_missing(tmp_path: Path) -> None:
    folder = as_csv(small(concept=vocabulary(*PRODUCTS)), tmp_path / "store")
    with (folder / "concept.csv").open("a") as file:
        file.write("1,2\r\n")
    with pytest.raises(InputRefused, match=r"concept\.csv: 1 lines cannot be read"):
        landed(of_store(folder), tmp_path / "work")


def test_columns_cannot_be_mapped(tmp_path: Path) -> None:
    source = of_store(as_csv(small(), tmp_path / "store"), tables={"labs": TableMapping({"value": "result"})})
    with pytest.raises(ConfigurationError, match="no columns to map"):
        landed(source, tmp_path / "work")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "omop"', "needs either `path` or `database`"),
        ('path = "x"\n[sources.clinic.omop]\nclinic = "care_site_name"', "kind"),
        ('kind = "omop"\npath = "x"\n[sources.clinic.omop]\nclinik = "x"', "did you mean `clinic`"),
        (
            'kind = "omop"\npath = "x"\n[sources.clinic.omop.source_systems]\nlabs = "LOINC"',
            "table with codes",
        ),
        (
            'kind = "omop"\n[sources.clinic.database]\nhost = "h"\ndbname = "d"\nqueries = "q"',
            "has no `queries`",
        ),
        ('kind = "postgres"\n[sources.clinic.database]\nhost = "h"\ndbname = "d"', "needs `queries`"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(f"[sources.clinic]\n{text}\n")
    with pytest.raises(ConfigurationError, match=message):
        load_settings(tmp_path / "site.toml", {})


def test_no_refusal_and_no_log_names_a_person(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    broken: dict[str, Callable[[Path], object]] = {
        "a quote": lambda folder: (folder / "measurement.csv").write_text(
            (folder / "measurement.csv").read_text() + f'"{SECRET},1,2\n3\n4\n'
        ),
        "no header": lambda folder: (folder / "person.csv").write_text(f"{SECRET},F,1960\n"),
        "death": lambda folder: (folder / "death.csv").write_text(f"person_id,death_date\n{SECRET},1,2,3\n"),
        "parquet": lambda folder: (folder / "care_site.parquet").write_bytes(SECRET.encode() * 100),
        "bytes": lambda folder: (folder / "location.csv").write_bytes(
            b"location_id\n\xff" + SECRET.encode() + b"\x00"
        ),
    }
    for number, damage in enumerate(broken.values()):
        folder = as_csv(
            small(person=[PERSON | {"person_id": SECRET}], measurement=[LAB | {"person_id": SECRET}]),
            tmp_path / str(number),
        )
        damage(folder)
        with pytest.raises(InputRefused) as refusal:
            landed(of_store(folder), tmp_path / f"work{number}")
        assert SECRET not in "".join(traceback.format_exception(refusal.value))
    assert SECRET not in caplog.text + "".join(capsys.readouterr())


# -- fuzz -----------------------------------------------------------------------------------------------------------

CASES = int(os.environ.get("FUZZ_CASES", "300"))
"""300 in the suite; `make fuzz` asks for ten thousand."""

TEXTS = (
    "", "0", "1", "2", "3.0", "-1", "0.1", "1e3", "nan", "NULL", "\\N", "2026-05-20", "2026-13-40", "2026-05-20 10:30",
    "8532", "3007461", "1503297", "40164929", "4171756", "<150", "haemolysed", "é\u00a0µ", "a;b,c", '"', "'", "x" * 300,
    "line\nbreak", "tab\tbreak", "..", "../../etc", "A10BA02", "99999999999999999999",
)  # fmt: skip


def fuzzed(chance: random.Random, store: Store) -> Store:
    """The store with cells, rows, columns and tables changed, dropped, doubled or moved."""
    changed = {table: [dict(row) for row in rows] for table, rows in store.items()}
    for _ in range(chance.randint(1, 12)):
        table = chance.choice(list(changed) or ["person"])
        rows = changed.get(table) or []
        act = chance.random()
        if not rows or act < 0.05:
            changed.pop(table, None)
        elif act < 0.15:
            rows.append(dict(chance.choice(rows)))
        elif act < 0.2:
            rows.remove(chance.choice(rows))
        elif act < 0.25:
            column = chance.choice(list(rows[0]) or ["person_id"])
            changed[table] = [{name: text for name, text in row.items() if name != column} for row in rows]
        else:
            row = chance.choice(rows)
            row[chance.choice(list(row) or ["person_id"])] = chance.choice(TEXTS)
    return {table: rows for table, rows in changed.items() if rows and rows[0]}


def mangled(chance: random.Random, folder: Path) -> None:
    """Bytes of one file of the folder changed, cut off or put in."""
    file = chance.choice(sorted(folder.iterdir()))
    text = bytearray(file.read_bytes())
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(text) + 1)
        text[place : place + chance.randint(0, 6)] = chance.choice(
            (
                b"",
                b'"',
                b"\n",
                b",",
                b"\x00",
                b"\xff",
                b"\r",
                b"\t",
                b"1,2,3\n",
                bytes([chance.randrange(256)]),
            )
        )
    file.write_bytes(bytes(text))


WHOLE: Store = small(
    person=[PERSON, PERSON | {"person_id": "2"}],
    measurement=[LAB, LAB | {"measurement_id": "8", "person_id": "2"}],
    condition_occurrence=[
        {
            "condition_occurrence_id": "1",
            "person_id": "1",
            "condition_concept_id": "378421",
            "condition_start_date": "2020-01-01",
        }
    ],
    death=[{"person_id": "2", "death_date": "2026-01-01"}],
    concept=vocabulary(*PRODUCTS, *DISORDERS),
    concept_ancestor=above(*PARTS, ("378421", "4301699")),
)


def test_whatever_rows_come_all_of_them_are_landed(tmp_path: Path) -> None:
    """Every case is one row with cells changed; lines that are no rows are known by their number."""
    chance = random.Random(20260630)
    landing = {
        "person": omop_people.TABLES["person"],
        "measurement": omop_people.TABLES["measurement"],
        "drug_exposure": omop_people.TABLES["drug_exposure"],
        "condition_occurrence": omop_people.TABLES["condition_occurrence"],
        "procedure_occurrence": omop_people.TABLES["procedure_occurrence"],
        "death": omop_people.TABLES["death"],
    }
    store: Store = {table: WHOLE[table] for table in ("concept", "concept_ancestor")}
    for table, columns in landing.items():
        whole = dict.fromkeys(columns, "") | (WHOLE.get(table) or [{}])[0]
        store[table] = [
            whole
            | {
                column: chance.choice(TEXTS)
                for column in chance.sample(columns, chance.randint(1, len(columns)))
            }
            for _ in range(CASES // len(landing) + 1)
        ]
    folder = as_csv(store, tmp_path / "store")
    broken = {}
    for table in list(landing)[:5]:
        file = folder / f"{table}.csv"
        lines = [f"{chance.choice(TEXTS[:8])},1\r\n" for _ in range(5)]
        broken[table] = len(lines)
        file.write_bytes(file.read_bytes() + "".join(lines).encode())
    before = files_below(folder)
    parts, rows = landed(of_store(folder), tmp_path / "work")
    delivered = {part.name: part.rows - len(part.malformed_lines) for part in parts}
    for table in ("person", "measurement", "drug_exposure"):
        assert delivered[table] == len(store[table])
    for table in ("condition_occurrence", "procedure_occurrence"):
        assert len(store[table]) <= delivered[table] <= 2 * len(store[table])
    assert {part.name: len(part.malformed_lines) for part in parts} == broken
    assert {row["sex"] for row in rows["patients"]} >= {"female", "unknown"}
    assert files_below(folder) == before
    assert {path.name for path in tmp_path.iterdir()} == {"store", "work"}


def test_changed_stores_are_landed_whole_or_refused(tmp_path: Path) -> None:
    """Tables, columns, rows and bytes of whole stores are changed; each is landed or refused, and nothing else."""
    chance = random.Random(20260701)
    outcomes = {"landed": 0, "refused": 0}
    stores = max(CASES // 15, 20)
    for number in range(stores):
        home = tmp_path / str(number)
        path = as_csv(fuzzed(chance, WHOLE), home / "store")
        if chance.random() < 0.3 and any(path.iterdir()):
            mangled(chance, path)
        before = files_below(home)
        chosen = chance.choice(("person_id", "person_source_value"))
        try:
            parts, _ = landed(of_store(path, patient_id=chosen), home / "work")
        except InputRefused:
            outcomes["refused"] += 1
        else:
            assert {part.table for part in parts} >= {"patients"}
            outcomes["landed"] += 1
        after = {name: content for name, content in files_below(home).items() if not name.startswith("work/")}
        assert after == before
        shutil.rmtree(home)
    assert sum(outcomes.values()) == stores
    assert min(outcomes.values()) > stores // 10


def test_every_statement_of_the_source_is_run() -> None:
    """Those of a table by the tests of its rows; the vocabulary and the macros at every landing."""
    run = {f"omop/{name}" for name in omop.VOCABULARY} | {
        name for name in omop.MACROS if name.startswith("omop/")
    }
    run |= {f"omop/{coded.table}" for coded in omop.CODED.values()} | {"omop/observations", "omop/patients"}
    source = "".join(Path(module.__file__ or "").read_text() for module in (omop, omop_store))
    files = {f"omop/{path.stem}" for path in (Path(sql.__file__).parent / "omop").glob("*.sql")}
    assert {name for name in files - run if f'"{name}"' not in source} == set()
