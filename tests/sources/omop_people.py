"""The demonstration people as an OMOP CDM 5.4 store, and what of their canonical rows such a store can carry.

OMOP has no place for orders and opt-outs; for the status, sample, laboratory and arrival of a result; for the doses
of a prescription and the status of a medication, unless it was stopped; for two dates of a condition, the length of a
resection and the status of a procedure. Dates that are none, and lines that are no rows, fit into no typed column.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from rules.loader import code_system_aliases
from schemas.canonical_columns import COLUMNS
from tests.sources import demo

Row = dict[str, str | None]
Store = dict[str, list[Row]]

ZONE: Final = ZoneInfo("Europe/London")
# As far as a binary number and the engine write it the same way.
NUMBER: Final = re.compile(r"([<>]=?)?(0|[1-9]\d{0,8})(\.\d{0,5}[1-9])?")
OPERATORS: Final = {"<": "4171756", "<=": "4171754", ">": "4172704", ">=": "4171755", "": "4172703"}
VOCABULARIES: Final = {"SNOMED-CT": "SNOMED", "ICD-10": "ICD10", "ICD-10-CM": "ICD10CM", "OPCS-4": "OPCS4"}
SEXES: Final = {"m": "8507", "male": "8507", "f": "8532", "female": "8532", "other": "8521"}
KINDS: Final = {"administration": "32818", "statement": "32865", "prescription": "32838"}
FAMILY_HISTORY: Final = "4167217"
FIRST_OWN_CONCEPT: Final = 2_000_000_001
TYPES: Final = {
    "value_as_number": "double",
    "range_low": "double",
    "range_high": "double",
    "quantity": "double",
    "days_supply": "integer",
    "year_of_birth": "integer",
    "month_of_birth": "integer",
    "day_of_birth": "integer",
    "min_levels_of_separation": "integer",
}
"""Column -> its type in a store that has types; identifiers, days and instants besides."""

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "person": (
        "person_id", "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth", "birth_datetime",
        "race_concept_id", "ethnicity_concept_id", "location_id", "provider_id", "care_site_id",
        "person_source_value", "gender_source_value", "gender_source_concept_id", "race_source_value",
        "race_source_concept_id", "ethnicity_source_value", "ethnicity_source_concept_id",
    ),
    "observation_period": (
        "observation_period_id", "person_id", "observation_period_start_date", "observation_period_end_date",
        "period_type_concept_id",
    ),
    "death": ("person_id", "death_date", "death_datetime", "death_type_concept_id"),
    "care_site": ("care_site_id", "care_site_name", "location_id", "care_site_source_value"),
    "location": ("location_id", "city", "location_source_value"),
    "measurement": (
        "measurement_id", "person_id", "measurement_concept_id", "measurement_date", "measurement_datetime",
        "measurement_type_concept_id", "operator_concept_id", "value_as_number", "value_as_concept_id",
        "unit_concept_id", "range_low", "range_high", "measurement_source_value",
        "measurement_source_concept_id", "unit_source_value", "value_source_value",
    ),
    "drug_exposure": (
        "drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date",
        "drug_exposure_start_datetime", "drug_exposure_end_date", "drug_exposure_end_datetime",
        "verbatim_end_date", "drug_type_concept_id", "stop_reason", "quantity", "days_supply", "sig",
        "route_concept_id", "drug_source_value", "drug_source_concept_id", "route_source_value",
        "dose_unit_source_value",
    ),
    "condition_occurrence": (
        "condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date",
        "condition_start_datetime", "condition_end_date", "condition_end_datetime",
        "condition_type_concept_id", "condition_status_concept_id", "condition_source_value",
        "condition_source_concept_id",
    ),
    "procedure_occurrence": (
        "procedure_occurrence_id", "person_id", "procedure_concept_id", "procedure_date",
        "procedure_datetime", "procedure_source_value", "procedure_source_concept_id",
    ),
    "observation": (
        "observation_id", "person_id", "observation_concept_id", "observation_date", "observation_datetime",
        "value_as_number", "value_as_string", "value_as_concept_id", "observation_source_value",
        "observation_source_concept_id",
    ),
    "concept": (
        "concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_class_id", "standard_concept",
        "concept_code",
    ),
    "concept_ancestor": (
        "ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation",
        "max_levels_of_separation",
    ),
}  # fmt: skip


# -- the demonstration people --------------------------------------------------------------------------------------


class People:
    """store: the tables of the model. carried: the canonical rows that are in them, as they are to be landed."""

    def __init__(self) -> None:
        self.store: Store = {table: [] for table in TABLES}
        self.carried: dict[str, list[Row]] = {
            table: [] for table in ("patients", "labs", "medications", "conditions", "procedures")
        }
        self._aliases = dict(code_system_aliases().select("alias", "system").iter_rows())
        self._concepts: dict[tuple[str, str, str], str] = {}
        self._sites: dict[str, str] = {}
        patients = demo.rows_of("patients")
        self._opted_out = {row["patient_id"] for row in patients if is_opted_out(row)}
        names = {row["patient_id"].strip() for table in self.carried for row in demo.rows_of(table)} - {""}
        self._numbers = {name: str(number) for number, name in enumerate(sorted(names), start=1)}
        self._known = {
            row["patient_id"].strip() for row in patients if row["patient_id"] not in self._opted_out
        }
        self._concept(FAMILY_HISTORY, "SNOMED", "416471007", "Family history of clinical finding")
        for table, add in (
            ("patients", self._patient),
            ("labs", self._lab),
            ("medications", self._medication),
            ("conditions", self._condition),
            ("procedures", self._procedure),
        ):
            for row in demo.rows_of(table):
                if row["patient_id"] not in self._opted_out:
                    add({name: text.strip() for name, text in row.items()})

    def _person(self, row: Mapping[str, str]) -> tuple[str | None, str | None]:
        """The number of a person, and the identifier that its rows are landed under."""
        name = row["patient_id"]
        if not name:
            return None, None
        number = self._numbers[name]
        return number, name if name in self._known else f"person_id {number}"

    def _concept(self, number: str, vocabulary: str, code: str, name: str) -> str:
        self.store["concept"].append(
            {
                "concept_id": number,
                "concept_name": name or None,
                "domain_id": "Metadata",
                "vocabulary_id": vocabulary,
                "concept_class_id": "Undefined",
                "concept_code": code,
            }
        )
        return number

    def _coded(self, row: Mapping[str, str], name: str) -> tuple[str, str, str, str]:
        """The source value, its concept, and the code system and code that come of it."""
        system, code = row["code_system"], row["code"]
        if not code:
            return row[name], "0", "", ""
        ours = self._aliases.get(re.sub(r"[\s_-]", "", system).lower(), system)
        vocabulary = VOCABULARIES.get(ours, ours)
        key = (vocabulary, code, row[name])
        if key not in self._concepts:
            number = str(FIRST_OWN_CONCEPT + len(self._concepts))
            self._concepts[key] = self._concept(number, vocabulary, code, row[name])
        return code, self._concepts[key], vocabulary, code

    def _patient(self, row: dict[str, str]) -> None:
        number, name = self._person(row)
        born = day(row["birth_date"])
        sex = SEXES.get(row["sex"].lower())
        clinic = row["clinic_id"]
        if clinic and clinic not in self._sites:
            self._sites[clinic] = str(len(self._sites) + 1)
            self.store["care_site"].append(
                {
                    "care_site_id": self._sites[clinic],
                    "care_site_name": f"Practice {clinic}",
                    "care_site_source_value": clinic,
                }
            )
        year, month, of_month = born.split("-") if born else ("", "", "")
        self.store["person"].append(
            {
                "person_id": number,
                "gender_concept_id": sex or "0",
                "year_of_birth": year,
                "month_of_birth": str(int(month)) if month else "",
                "day_of_birth": str(int(of_month)) if of_month else "",
                "race_concept_id": "0",
                "ethnicity_concept_id": "0",
                "care_site_id": self._sites.get(clinic),
                "person_source_value": row["patient_id"],
                "gender_source_value": row["sex"],
                "race_source_value": row["ethnicity"],
            }
        )
        died, began, ended = (
            day(row[column]) for column in ("deceased_on", "registered_on", "deregistered_on")
        )
        is_first = [one["person_id"] for one in self.store["person"]].count(number) == 1
        if died and is_first:
            self.store["death"].append({"person_id": number, "death_date": died})
        if (began or ended) and is_first:
            self.store["observation_period"].append(
                {
                    "observation_period_id": number,
                    "person_id": number,
                    "observation_period_start_date": began,
                    "observation_period_end_date": ended,
                }
            )
        # A person has one death and one period, whatever rows of the same person say.
        of_person = {
            "deceased_on": next(
                (r["death_date"] for r in self.store["death"] if r["person_id"] == number), None
            ),
            "registered_on": None,
            "deregistered_on": None,
        }
        for period in self.store["observation_period"]:
            if period["person_id"] == number:
                of_person["registered_on"] = period["observation_period_start_date"]
                of_person["deregistered_on"] = period["observation_period_end_date"]
        self._carry(
            "patients",
            patient_id=name,
            birth_date=born,
            sex={"8507": "male", "8532": "female", "8521": "other"}.get(sex or "", row["sex"] or "unknown"),
            clinic_id=clinic,
            ethnicity=row["ethnicity"],
            **of_person,
        )

    def _lab(self, row: dict[str, str]) -> None:
        number, name = self._person(row)
        source_value, concept, system, code = self._coded(row, "test_name")
        read = NUMBER.fullmatch(row["value"])
        moment = instant(row["collected_at"])
        limits = {
            column: row[column] if NUMBER.fullmatch(row[column]) else ""
            for column in ("reference_low", "reference_high")
        }
        record = str(int(re.sub(r"\D", "", row["result_id"])))
        self.store["measurement"].append(
            {
                "measurement_id": record,
                "person_id": number,
                "measurement_concept_id": "0",
                "measurement_date": moment[:10],
                "measurement_datetime": moment if "T" in moment else "",
                "operator_concept_id": OPERATORS[read[1] or ""] if read else "0",
                "value_as_number": row["value"].lstrip("<>=") if read else "",
                "value_as_concept_id": "0",
                "unit_concept_id": "0",
                "range_low": limits["reference_low"],
                "range_high": limits["reference_high"],
                "measurement_source_value": source_value,
                "measurement_source_concept_id": concept,
                "unit_source_value": row["unit"],
                "value_source_value": row["value"],
            }
        )
        self._carry(
            "labs",
            patient_id=name,
            value=row["value"],
            unit=row["unit"],
            collected_at=moment,
            code_system=system,
            code=code,
            test_name=row["test_name"] or source_value,
            result_id=record,
            **limits,
        )

    def _medication(self, row: dict[str, str]) -> None:
        number, name = self._person(row)
        source_value, concept, system, code = self._coded(row, "drug_name")
        is_given = row["kind"] == "administration"
        record = str(int(re.sub(r"\D", "", row["medication_id"])))
        amount = row["dose_quantity"] if is_given and NUMBER.fullmatch(row["dose_quantity"]) else ""
        supply = row["days_supply"] if row["days_supply"].isdigit() else ""
        self.store["drug_exposure"].append(
            {
                "drug_exposure_id": record,
                "person_id": number,
                "drug_concept_id": "0",
                "drug_exposure_start_date": day(row["start_on"]),
                "drug_exposure_end_date": day(row["end_on"]),
                "drug_type_concept_id": KINDS.get(row["kind"]),
                "stop_reason": "no longer needed" if row["status"] == "stopped" else "",
                "quantity": amount,
                "days_supply": supply,
                "route_concept_id": "0",
                "drug_source_value": source_value,
                "drug_source_concept_id": concept,
                "route_source_value": row["route"],
                "dose_unit_source_value": row["dose_unit"] if is_given else "",
            }
        )
        self._carry(
            "medications",
            patient_id=name,
            start_on=day(row["start_on"]),
            code_system=system,
            code=code,
            drug_name=row["drug_name"] or source_value,
            medication_id=record,
            kind=row["kind"] if row["kind"] in KINDS else "",
            route=row["route"],
            dose_quantity=amount,
            dose_unit=row["dose_unit"] if is_given else "",
            days_supply=supply,
            end_on=day(row["end_on"]),
            status="stopped" if row["status"] == "stopped" else "",
        )

    def _condition(self, row: dict[str, str]) -> None:
        number, name = self._person(row)
        source_value, concept, system, code = self._coded(row, "name")
        is_of_family = row["is_family_history"].lower() in ("yes", "true", "y", "1", "t")
        record = str(int(re.sub(r"\D", "", row["condition_id"])))
        began = day(row["onset_on"]) or day(row["recorded_on"])
        if is_of_family:
            self.store["observation"].append(
                {
                    "observation_id": record,
                    "person_id": number,
                    "observation_concept_id": FAMILY_HISTORY,
                    "observation_date": began,
                    "value_as_concept_id": concept,
                }
            )
        else:
            self.store["condition_occurrence"].append(
                {
                    "condition_occurrence_id": record,
                    "person_id": number,
                    "condition_concept_id": "0",
                    "condition_start_date": began,
                    "condition_end_date": day(row["resolved_on"]),
                    "condition_source_value": source_value,
                    "condition_source_concept_id": concept,
                }
            )
        self._carry(
            "conditions",
            patient_id=name,
            code_system=system,
            code=code,
            name=row["name"] or source_value,
            condition_id=f"observation {record}" if is_of_family else record,
            onset_on=began,
            resolved_on="" if is_of_family else day(row["resolved_on"]),
            is_family_history="true" if is_of_family else "",
        )

    def _procedure(self, row: dict[str, str]) -> None:
        number, name = self._person(row)
        source_value, concept, system, code = self._coded(row, "name")
        record = str(int(re.sub(r"\D", "", row["procedure_id"])))
        self.store["procedure_occurrence"].append(
            {
                "procedure_occurrence_id": record,
                "person_id": number,
                "procedure_concept_id": "0",
                "procedure_date": day(row["performed_on"]),
                "procedure_source_value": source_value,
                "procedure_source_concept_id": concept,
            }
        )
        self._carry(
            "procedures",
            patient_id=name,
            code_system=system,
            code=code,
            name=row["name"] or source_value,
            procedure_id=record,
            performed_on=day(row["performed_on"]),
        )

    def _carry(self, table: str, **row: str | None) -> None:
        self.carried[table].append({column: row.get(column) or None for column in COLUMNS[table]})


def is_opted_out(row: Mapping[str, str]) -> bool:
    return row["opted_out"].strip().lower() not in ("", "false", "no", "n", "0", "f")


def day(text: str) -> str:
    """A day as a typed column holds it; nothing where the text is none."""
    try:
        return date.fromisoformat(text[:10]).isoformat() if re.match(r"\d{4}-\d\d-\d\d", text) else ""
    except ValueError:
        return ""


def instant(text: str) -> str:
    """An instant in the clinic's own time, or a day; nothing where the text is neither."""
    if len(text) <= len("2026-06-30"):
        return day(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    local = moment.astimezone(ZONE).replace(tzinfo=None) if moment.tzinfo else moment
    written = local.isoformat(timespec="seconds")
    return written.removesuffix("T00:00:00")


# -- writing a store -------------------------------------------------------------------------------------------------


def of_type(column: str) -> str:
    if column in TYPES:
        return TYPES[column]
    if column.endswith("_id") and column not in ("domain_id", "vocabulary_id", "concept_class_id"):
        return "bigint"
    if column.endswith("_datetime"):
        return "timestamp"
    return "date" if column.endswith("_date") else "varchar"


def columns_of(table: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of a table: those of the model, or of rows that are written by hand only the ones they have."""
    own = list(dict.fromkeys(column for row in rows for column in row))
    return own or list(TABLES[table])


def as_csv(
    store: Mapping[str, list[Row]], folder: Path, is_upper: bool = False, compressed: bool = False
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in store.items():
        columns = columns_of(table, rows)
        written = [name.upper() if is_upper else name for name in columns]
        name = f"{table.upper() if is_upper else table}.csv{'.gz' if compressed else ''}"
        opened = gzip.open if compressed else open
        with opened(folder / name, "wt", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(written)
            lines.writerows([row.get(column) or "" for column in columns] for row in rows)
    return folder


def as_parquet(store: Mapping[str, list[Row]], folder: Path, is_upper: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    for table in store:
        _typed(connection, table, store[table], is_upper)
        name = table.upper() if is_upper else table
        connection.execute(f"copy (select * from \"{table}\") to '{folder / name}.parquet' (format parquet)")
    connection.close()
    return folder


def as_database(
    store: Mapping[str, list[Row]], path: Path, is_upper: bool = False, schema: str = "main"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(path))
    if schema != "main":
        connection.execute(f"create schema {schema}")
    connection.execute(f"use {schema}")
    for table in store:
        _typed(connection, table, store[table], is_upper)
        if is_upper:
            connection.execute(f'alter table "{table}" rename to "{table}_"')
            connection.execute(f'alter table "{table}_" rename to "{table.upper()}"')
    connection.close()
    return path


def _typed(connection: duckdb.DuckDBPyConnection, table: str, rows: list[Row], is_upper: bool) -> None:
    columns = columns_of(table, rows)
    given = pa.table(
        {column: pa.array([row.get(column) or None for row in rows], pa.string()) for column in columns}
    )
    connection.register("given", given)
    cast = ", ".join(
        f'cast("{column}" as {of_type(column)}) as "{column.upper() if is_upper else column}"'
        for column in columns
    )
    connection.execute(f'create or replace table "{table}" as select {cast} from given')
