"""A FHIR export becomes the canonical tables: every branch of every resource, every fault, and the demo people."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rules.loader import code_system_aliases, load_pack
from schemas.canonical_columns import COLUMNS
from schemas.errors import ConfigurationError, InputRefused, ScreenError
from sources import fhir
from sources.base import Asked, FhirSettings, Part, SourceSettings, TableMapping
from sql import statements
from sql.engine import Matching
from tests.night import screened
from tests.sources import fhir_people

AS_OF = date(2026, 6, 30)
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "sample_data" / "clinic_demo"
SENTINEL = "Zebra-4711"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01", "gender": "female"}
SUBJECT = {"reference": "Patient/p"}
B12 = {"coding": [{"system": LOINC, "code": "2132-9", "display": "B12"}], "text": "Serum B12"}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": B12,
    "subject": SUBJECT,
    "effectiveDateTime": "2026-05-01T09:15:00+01:00",
    "valueQuantity": {"value": 212, "unit": "pg per mL", "system": UCUM, "code": "pg/mL"},
}
METFORMIN = {"text": "Metformin 500 mg"}
REQUEST = {
    "resourceType": "MedicationRequest",
    "id": "m",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": METFORMIN,
    "subject": SUBJECT,
    "authoredOn": "2026-01-02",
}
CONDITION = {
    "resourceType": "Condition",
    "id": "c",
    "code": {"coding": [{"system": SNOMED, "code": "42345000"}]},
    "subject": SUBJECT,
}


def matching() -> Matching:
    pack = load_pack("b12/1.0.0")
    return Matching(pack.codes, pack.drug_names, code_system_aliases())


def lines(*resources: object) -> bytes:
    return "".join(f"{json.dumps(one)}\n" for one in resources).encode()


def deliver(folder: Path, *resources: dict[str, Any]) -> Path:
    """One file per type of resource; a person, a result and a medicine are there in any case."""
    folder.mkdir(parents=True, exist_ok=True)
    by_type: dict[str, list[dict[str, Any]]] = {}
    for one in resources:
        by_type.setdefault(one["resourceType"], []).append(one)
    for one in (PATIENT, OBSERVATION, REQUEST):
        by_type.setdefault(one["resourceType"], [one])
    for kind, found in by_type.items():
        (folder / f"{kind}.ndjson").write_bytes(lines(*found))
    return folder


def landed_parts(folder: Path, work: Path, **more: Any) -> list[Part]:
    asked = {key: more.pop(key) for key in ("sample", "matching") if key in more}
    source = SourceSettings("site", folder, kind="fhir", **more)
    return fhir.land(source, Asked(work, AS_OF, **asked))


def rows_of(parts: list[Part], table: str) -> list[dict[str, str | None]]:
    """The rows of a table without columns that say nothing."""
    found = [pl.read_parquet(part.read_path).select(**part.columns) for part in parts if part.table == table]
    rows = pl.concat(found, how="diagonal").iter_rows(named=True) if found else ()
    return [{key: value for key, value in row.items() if value not in (None, "")} for row in rows]


def landed(
    table: str, tmp_path: Path, *resources: dict[str, Any], **more: Any
) -> list[dict[str, str | None]]:
    parts = landed_parts(deliver(tmp_path / "export", *resources), tmp_path / "work", **more)
    for part in parts:
        assert part.rows == pl.read_parquet(part.read_path).height + len(part.malformed_lines)
    return rows_of(parts, table)


def one(table: str, tmp_path: Path, *resources: dict[str, Any], **more: Any) -> dict[str, str | None]:
    (row,) = landed(table, tmp_path, *resources, **more)
    return row


def test_every_statement_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that no export needs would stay untried."""
    asked = set()

    def noted(name: str) -> str:
        asked.add(name)
        return statements.statement(name)

    def noted_filled(name: str, /, **names: str) -> str:
        asked.add(name)
        return statements.filled(name, **names)

    monkeypatch.setattr(fhir, "statement", noted)
    monkeypatch.setattr(fhir, "filled", noted_filled)
    encounter = {"resourceType": "Encounter", "subject": SUBJECT}
    kinds = ("MedicationDispense", "MedicationStatement", "FamilyMemberHistory")
    export = deliver(tmp_path / "export", *WHOLE, encounter, *({"resourceType": kind} for kind in kinds))
    (export / "Binary.ndjson").write_bytes(b'{"resourceType": "Binary"}\n{broken\n')
    chosen = FhirSettings(clinic_from="encounter", patient_identifier_system="urn:mrn")
    landed_parts(export, tmp_path / "work", fhir=chosen)
    own = {f"fhir/{path.stem}" for path in (ROOT / "sql" / "fhir").glob("*.sql")}
    assert own - asked == set()


# -- resources ------------------------------------------------------------------------------------------------


def test_a_whole_observation(tmp_path: Path) -> None:
    row = one(
        "labs",
        tmp_path,
        OBSERVATION
        | {
            "issued": "2026-05-02T06:00:00Z",
            "specimen": {"reference": "Specimen/s1"},
            "performer": [{"reference": "Organization/lab", "display": "Central"}],
            "referenceRange": [
                {"low": {"value": 180, "unit": "pg/mL"}, "high": {"value": 910, "code": "pg/mL"}}
            ],
        },
    )
    assert row == {
        "patient_id": "p",
        "value": "212",
        "unit": "pg/mL",
        "collected_at": "2026-05-01T09:15:00+01:00",
        "code_system": LOINC,
        "code": "2132-9",
        "test_name": "Serum B12",
        "result_id": "o",
        "sample_id": "s1",
        "received_at": "2026-05-02T06:00:00Z",
        "status": "final",
        "reference_low": "180",
        "reference_high": "910",
        "performing_lab": "Central",
    }


NO_VALUE = {"valueQuantity": None}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"valueQuantity": {"value": 150, "comparator": "<", "unit": "ng/L"}},
            {"value": "<150", "unit": "ng/L"},
        ),
        (
            {"valueQuantity": {"value": 0.25, "code": "mg", "system": "urn:local", "unit": "mg/L"}},
            {"value": "0.25", "unit": "mg/L"},
        ),
        ({"valueQuantity": {"value": "1,5", "unit": "ng/L"}}, {"value": "1,5"}),
        (NO_VALUE | {"valueString": "haemolysed"}, {"value": "haemolysed", "unit": None}),
        (NO_VALUE | {"valueInteger": 7}, {"value": "7"}),
        (NO_VALUE | {"valueBoolean": True}, {"value": "true"}),
        (NO_VALUE | {"valueCodeableConcept": {"text": "positive"}}, {"value": "positive"}),
        (
            NO_VALUE | {"valueCodeableConcept": {"coding": [{"code": "POS", "display": "Positive"}]}},
            {"value": "Positive"},
        ),
        (NO_VALUE | {"dataAbsentReason": {"text": "insufficient sample"}}, {"value": "insufficient sample"}),
        (
            NO_VALUE | {"dataAbsentReason": {"coding": [{"code": "not-performed"}]}},
            {"value": "not-performed"},
        ),
        (NO_VALUE, {"value": None}),
        ({"dataAbsentReason": {"text": "unknown"}}, {"value": "212"}),
        (
            {"effectiveDateTime": None, "effectiveInstant": "2026-05-01T09:15:00Z"},
            {"collected_at": "2026-05-01T09:15:00Z"},
        ),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-05-01", "end": "2026-05-02"}},
            {"collected_at": "2026-05-01"},
        ),
        ({"effectiveDateTime": None}, {"collected_at": None}),
        ({"status": "entered-in-error"}, {"status": "entered-in-error"}),
        ({"status": "cancelled"}, {"status": "cancelled"}),
        ({"status": "corrected"}, {"status": "corrected"}),
        ({"status": "amended"}, {"status": "amended"}),
        ({"status": "preliminary"}, {"status": "preliminary"}),
        ({"status": "registered"}, {"status": "registered"}),
        ({"status": "unknown"}, {"status": "unknown"}),
        ({"referenceRange": [{"high": {"value": 0.4, "unit": "umol/L"}}]}, {"reference_high": None}),
        ({"referenceRange": [{"high": {"value": 910}}]}, {"reference_high": "910"}),
        ({"performer": [{"reference": "Organization/lab"}]}, {"performing_lab": "lab"}),
        ({"performer": [{"identifier": {"value": "L1"}}]}, {"performing_lab": "L1"}),
        ({"specimen": {"identifier": {"value": "S9"}}}, {"sample_id": "S9"}),
        ({"subject": {"reference": "https://ehr.example/fhir/Patient/p/_history/3"}}, {"patient_id": "p"}),
        ({"subject": {"reference": "urn:uuid:0a-1"}}, {"patient_id": "0a-1"}),
        ({"subject": {"reference": "Patient/unknown"}}, {"patient_id": "unknown"}),
        ({"subject": {"reference": "#p1"}}, {"patient_id": None}),
        ({"subject": {"reference": "Group/p"}}, {"patient_id": None}),
        ({"subject": {"identifier": {"value": "p"}}}, {"patient_id": None}),
        ({"code": {"coding": [{"display": "B12"}]}}, {"test_name": "B12", "code": None}),
        ({"code": {"text": "B12"}}, {"test_name": "B12"}),
    ],
)
def test_an_observation_says(changed: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    resource = fhir_people.without_nothing(OBSERVATION | changed)
    row = one("labs", tmp_path, resource)
    assert {key: row.get(key) for key in expected} == expected


def test_components_are_rows_of_the_day_of_their_observation(tmp_path: Path) -> None:
    parts = [
        {"code": {"text": "MCV"}, "valueQuantity": {"value": 90, "unit": "fL"}},
        {"code": {"text": "Haemoglobin"}, "dataAbsentReason": {"text": "clotted"}},
    ]
    panel = {key: value for key, value in OBSERVATION.items() if key != "valueQuantity"} | {
        "component": parts
    }
    rows = landed("labs", tmp_path, panel, OBSERVATION | {"id": "o2", "component": parts[:1]})
    assert [
        (row["result_id"], row["test_name"], row["value"])
        for row in sorted(rows, key=lambda row: row["result_id"])
    ] == [
        ("o#1", "MCV", "90"),
        ("o#2", "Haemoglobin", "clotted"),
        ("o2", "Serum B12", "212"),
        ("o2#1", "MCV", "90"),
    ]
    assert {row["collected_at"] for row in rows} == {OBSERVATION["effectiveDateTime"]}


def dosage(**more: Any) -> list[dict[str, Any]]:
    return [
        {"route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": {"value": 500, "unit": "mg"}}], **more}
    ]


def every(frequency: float, period: float, unit: str) -> list[dict[str, Any]]:
    return dosage(timing={"repeat": {"frequency": frequency, "period": period, "periodUnit": unit}})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {},
            {
                "kind": "prescription",
                "start_on": "2026-01-02",
                "status": "active",
                "drug_name": "Metformin 500 mg",
            },
        ),
        ({"status": "completed"}, {"status": "completed"}),
        ({"status": "stopped"}, {"status": "stopped"}),
        ({"status": "on-hold"}, {"status": "stopped"}),
        ({"status": "cancelled"}, {"status": "cancelled"}),
        ({"status": "entered-in-error"}, {"status": "entered-in-error"}),
        ({"status": "draft"}, {"status": "draft"}),
        ({"intent": "proposal"}, {"status": "proposal"}),
        ({"intent": "plan"}, {"status": "active"}),
        ({"doNotPerform": True}, {"status": "do-not-perform"}),
        (
            {"dosageInstruction": every(1, 1, "d")},
            {"doses_per_day": "1", "dose_quantity": "500", "dose_unit": "mg", "route": "oral"},
        ),
        ({"dosageInstruction": every(2, 1, "d")}, {"doses_per_day": "2"}),
        ({"dosageInstruction": every(1, 12, "h")}, {"doses_per_day": "2"}),
        ({"dosageInstruction": every(1, 2, "d")}, {"doses_per_day": "0.5"}),
        ({"dosageInstruction": every(7, 1, "wk")}, {"doses_per_day": "1"}),
        ({"dosageInstruction": every(1, 0, "d")}, {"doses_per_day": None}),
        ({"dosageInstruction": every(1, 1, "fortnight")}, {"doses_per_day": None}),
        ({"dosageInstruction": dosage() * 2}, {"dose_quantity": None, "route": "oral"}),
        (
            {
                "dosageInstruction": dosage(
                    timing={"repeat": {"boundsPeriod": {"start": "2026-01-05", "end": "2026-03-01"}}}
                )
            },
            {"start_on": "2026-01-05", "end_on": "2026-03-01"},
        ),
        (
            {"dispenseRequest": {"expectedSupplyDuration": {"value": 28, "unit": "days"}}},
            {"days_supply": "28"},
        ),
        ({"dispenseRequest": {"expectedSupplyDuration": {"value": 4, "code": "wk"}}}, {"days_supply": "28"}),
        (
            {"dispenseRequest": {"expectedSupplyDuration": {"value": 4, "unit": "packs"}}},
            {"days_supply": None},
        ),
        ({"authoredOn": "2025"}, {"start_on": "2025-12-31"}),
        ({"authoredOn": "2026"}, {"start_on": "2026-06-30"}),
        ({"authoredOn": "2024-02"}, {"start_on": "2024-02-29"}),
        ({"authoredOn": "2024-13"}, {"start_on": "2024-13"}),
    ],
)
def test_a_prescription_says(changed: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    row = one("medications", tmp_path, REQUEST | changed)
    assert {key: row.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            {
                "resourceType": "MedicationDispense",
                "status": "completed",
                "whenPrepared": "2026-01-01",
                "whenHandedOver": "2026-01-02",
                "daysSupply": {"value": 56},
            },
            {"kind": "prescription", "start_on": "2026-01-02", "days_supply": "56", "status": "completed"},
        ),
        ({"resourceType": "MedicationDispense", "status": "declined"}, {"status": "cancelled"}),
        (
            {
                "resourceType": "MedicationStatement",
                "status": "active",
                "effectivePeriod": {"start": "2025-01-01", "end": "2025-06-01"},
                "dosage": dosage(),
            },
            {"kind": "statement", "start_on": "2025-01-01", "end_on": "2025-06-01", "route": "oral"},
        ),
        (
            {"resourceType": "MedicationStatement", "status": "not-taken", "effectiveDateTime": "2025-01-01"},
            {"status": "cancelled", "start_on": "2025-01-01"},
        ),
        ({"resourceType": "MedicationStatement", "status": "intended"}, {"status": "intended"}),
        (
            {
                "resourceType": "MedicationAdministration",
                "status": "completed",
                "effectiveDateTime": "2026-01-02T10:00:00Z",
                "dosage": {
                    "route": {"coding": [{"code": "78421000", "display": "Intramuscular route"}]},
                    "dose": {"value": 1, "unit": "mg"},
                },
            },
            {
                "kind": "administration",
                "start_on": "2026-01-02T10:00:00Z",
                "route": "Intramuscular route",
                "dose_quantity": "1",
                "dose_unit": "mg",
            },
        ),
        ({"resourceType": "MedicationAdministration", "status": "not-done"}, {"status": "cancelled"}),
    ],
)
def test_another_medicine_says(resource: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    named = {"id": "12", "medicationCodeableConcept": METFORMIN, "subject": SUBJECT}
    rows = landed("medications", tmp_path, named | resource)
    row = next(row for row in rows if row["medication_id"] != "m")
    assert row["medication_id"] == f"{resource['resourceType']}/12"
    assert {key: row.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ({"reference": "Medication/x1"}, "Hydroxocobalamin"),
        ({"reference": "https://ehr.example/fhir/Medication/x1"}, "Hydroxocobalamin"),
        ({"reference": "Medication/x2"}, "Folic acid"),
        ({"reference": "#inside"}, "Omeprazole"),
        ({"reference": "Medication/nowhere", "display": "Metformin"}, "Metformin"),
    ],
)
def test_a_medicine_may_be_named_elsewhere(reference: dict[str, str], name: str, tmp_path: Path) -> None:
    request = {key: value for key, value in REQUEST.items() if key != "medicationCodeableConcept"}
    row = one(
        "medications",
        tmp_path,
        request
        | {
            "medicationReference": reference,
            "contained": [{"resourceType": "Medication", "id": "inside", "code": {"text": "Omeprazole"}}],
        },
        {"resourceType": "Medication", "id": "x1", "code": {"text": "Hydroxocobalamin"}},
        {
            "resourceType": "Medication",
            "id": "x2",
            "ingredient": [{"itemCodeableConcept": {"text": "Folic acid"}}],
        },
    )
    assert row["drug_name"] == name


def test_a_medicine_that_nobody_names_is_quarantined_with_its_line(tmp_path: Path) -> None:
    request = {key: value for key, value in REQUEST.items() if key != "medicationCodeableConcept"}
    export = deliver(
        tmp_path / "export", REQUEST, request | {"medicationReference": {"reference": "Medication/nowhere"}}
    )
    part = next(part for part in landed_parts(export, tmp_path / "work") if part.table == "medications")
    assert (part.rows, part.malformed_lines) == (2, (2,))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"clinicalStatus": {"coding": [{"code": "resolved"}]}},
            {"status": "resolved", "is_family_history": None},
        ),
        ({"verificationStatus": {"coding": [{"code": "confirmed"}]}}, {"status": None}),
        (
            {
                "verificationStatus": {"coding": [{"code": "refuted"}]},
                "clinicalStatus": {"coding": [{"code": "active"}]},
            },
            {"status": "refuted"},
        ),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, {"status": "entered-in-error"}),
        (
            {
                "verificationStatus": {"coding": [{"code": "provisional"}]},
                "clinicalStatus": {"coding": [{"code": "active"}]},
            },
            {"status": "active"},
        ),
        ({"verificationStatus": {"coding": [{"code": "differential"}]}}, {"status": None}),
        (
            {"onsetDateTime": "2020-03-04", "recordedDate": "2020-03-05", "abatementDateTime": "2021-01-01"},
            {"onset_on": "2020-03-04", "recorded_on": "2020-03-05", "resolved_on": "2021-01-01"},
        ),
        ({"onsetDateTime": "2020"}, {"onset_on": "2020-12-31"}),
        ({"onsetPeriod": {"start": "2020-03"}}, {"onset_on": "2020-03-31"}),
        ({"onsetString": "childhood"}, {"onset_on": None}),
    ],
)
def test_a_condition_says(changed: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    row = one("conditions", tmp_path, CONDITION | changed)
    assert (row["condition_id"], row["code"], row["code_system"]) == ("c", "42345000", SNOMED)
    assert {key: row.get(key) for key in expected} == expected


def test_a_relative_has_conditions(tmp_path: Path) -> None:
    history = {
        "resourceType": "FamilyMemberHistory",
        "id": "f",
        "status": "completed",
        "patient": SUBJECT,
        "date": "2024-05-06",
        "condition": [{"code": {"text": "Pernicious anaemia"}}, {"code": {"text": "Asthma"}}],
    }
    rows = landed("conditions", tmp_path, history, history | {"id": "g", "condition": []})
    assert sorted(
        (row["condition_id"], row["name"], row["is_family_history"], row["recorded_on"]) for row in rows
    ) == [
        ("f", "Pernicious anaemia", "yes", "2024-05-06"),
        ("f#2", "Asthma", "yes", "2024-05-06"),
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"performedDateTime": "2015", "status": "completed"},
            {"performed_on": "2015-12-31", "status": "completed"},
        ),
        ({"performedPeriod": {"start": "2015-02-03", "end": "2015-02-05"}}, {"performed_on": "2015-02-03"}),
        ({"status": "not-done"}, {"status": "cancelled"}),
        ({"status": "in-progress"}, {"status": "active"}),
        ({"status": "preparation"}, {"status": "preparation"}),
        (
            {"extension": [{"url": "urn:length", "valueQuantity": {"value": 35, "code": "cm"}}]},
            {"length_cm": "35"},
        ),
        (
            {"extension": [{"url": "urn:length", "valueQuantity": {"value": 350, "code": "mm"}}]},
            {"length_cm": None},
        ),
        (
            {"extension": [{"url": "urn:other", "valueQuantity": {"value": 35, "code": "cm"}}]},
            {"length_cm": None},
        ),
    ],
)
def test_a_procedure_says(changed: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    procedure = {"resourceType": "Procedure", "id": "x", "code": {"text": "Gastrectomy"}, "subject": SUBJECT}
    row = one("procedures", tmp_path, procedure | changed, fhir=FhirSettings(length_extension="urn:length"))
    assert (row["procedure_id"], row["name"]) == ("x", "Gastrectomy")
    assert {key: row.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"status": "active", "authoredOn": "2026-06-01", "occurrenceDateTime": "2026-07-01"},
            {"status": "active", "ordered_on": "2026-06-01"},
        ),
        ({"status": "active", "occurrencePeriod": {"start": "2026-06-02"}}, {"ordered_on": "2026-06-02"}),
        ({"status": "completed"}, {"status": "completed"}),
        ({"status": "revoked"}, {"status": "cancelled"}),
        ({"status": "on-hold"}, {"status": "on-hold"}),
        ({"status": "active", "intent": "plan"}, {"status": "plan"}),
        ({"status": "active", "doNotPerform": True}, {"status": "do-not-perform"}),
    ],
)
def test_a_request_says(changed: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    row = one(
        "orders", tmp_path, {"resourceType": "ServiceRequest", "code": B12, "subject": SUBJECT} | changed
    )
    assert (row["patient_id"], row["code"]) == ("p", "2132-9")
    assert {key: row.get(key) for key in expected} == expected


def organisation(name: str) -> dict[str, str]:
    return {"reference": f"Organization/{name}"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {},
            {
                "patient_id": "p",
                "birth_date": "1950-01-01",
                "sex": "female",
                "clinic_id": None,
                "deceased_on": None,
            },
        ),
        ({"birthDate": "1950"}, {"birth_date": "1950"}),
        ({"deceasedDateTime": "2026-01-02T03:04:05Z"}, {"deceased_on": "2026-01-02T03:04:05Z"}),
        (
            {"deceasedBoolean": True, "meta": {"lastUpdated": "2026-02-03T04:05:06Z"}},
            {"deceased_on": "2026-02-03"},
        ),
        (
            {"deceasedBoolean": True, "meta": {"lastUpdated": "2026-09-03T04:05:06Z"}},
            {"deceased_on": "2026-06-30"},
        ),
        ({"deceasedBoolean": True}, {"deceased_on": "2026-06-30"}),
        ({"deceasedBoolean": False}, {"deceased_on": None}),
        (
            {
                "generalPractitioner": [{"reference": "Practitioner/x"}, organisation("a")],
                "managingOrganization": organisation("b"),
            },
            {"clinic_id": "a"},
        ),
        (
            {
                "generalPractitioner": [{"reference": "Practitioner/x"}],
                "managingOrganization": organisation("b"),
            },
            {"clinic_id": "b"},
        ),
        (
            {"generalPractitioner": [{"type": "Practitioner", "identifier": {"value": "G1"}}]},
            {"clinic_id": None},
        ),
        ({"generalPractitioner": [{"identifier": {"value": "Y0001"}}]}, {"clinic_id": "Y0001"}),
        (
            {
                "extension": [
                    {
                        "url": fhir.ETHNICITY_EXTENSIONS[0],
                        "extension": [{"url": "text", "valueString": "Black or African American"}],
                    },
                    {
                        "url": fhir.ETHNICITY_EXTENSIONS[1],
                        "extension": [{"url": "text", "valueString": "Not Hispanic"}],
                    },
                ]
            },
            {"ethnicity": "Black or African American; Not Hispanic"},
        ),
        (
            {
                "extension": [
                    {
                        "url": fhir.ETHNICITY_EXTENSIONS[2],
                        "valueCodeableConcept": {"coding": [{"code": "M", "display": "Caribbean"}]},
                    }
                ]
            },
            {"ethnicity": "Caribbean"},
        ),
        ({"extension": [{"url": "urn:out", "valueBoolean": True}]}, {"opted_out": "true"}),
        ({"extension": [{"url": "urn:out", "valueBoolean": False}]}, {"opted_out": "false"}),
        ({"extension": [{"url": "urn:out", "valueReference": {}}]}, {"opted_out": "not told"}),
        ({"extension": [{"url": "urn:other", "valueBoolean": True}]}, {"opted_out": None}),
        ({"meta": {"security": [{"code": "urn:out"}]}}, {"opted_out": "yes"}),
        ({"meta": {"tag": [{"code": "urn:out"}]}}, {"opted_out": "yes"}),
        ({"meta": {"tag": [{"code": "other"}]}}, {"opted_out": None}),
    ],
)
def test_a_person_says(changed: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    row = one("patients", tmp_path, PATIENT | changed, fhir=FhirSettings(opt_out="urn:out"))
    assert {key: row.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("chosen", "clinic"),
    [("generalPractitioner", "gp"), ("managingOrganization", "manager"), ("encounter", "late")],
)
def test_the_clinic_is_looked_for_where_the_site_says(chosen: Any, clinic: str, tmp_path: Path) -> None:
    person = PATIENT | {
        "generalPractitioner": [organisation("gp")],
        "managingOrganization": organisation("manager"),
    }
    visit = {"resourceType": "Encounter", "subject": SUBJECT}
    rows = landed(
        "patients",
        tmp_path,
        person,
        person | {"id": "q"},
        visit | {"serviceProvider": organisation("early"), "period": {"start": "2024-01-01"}},
        visit | {"serviceProvider": organisation("late"), "period": {"start": "2025-01-01"}},
        fhir=FhirSettings(clinic_from=chosen),
    )
    found = {row["patient_id"]: row["clinic_id"] for row in rows}
    assert found == {"p": clinic, "q": "gp" if chosen == "encounter" else clinic}


def test_people_are_known_by_the_identifier_the_site_chose(tmp_path: Path) -> None:
    known = {"identifier": [{"system": "urn:other", "value": "1"}, {"system": "urn:mrn", "value": "7"}]}
    export = (
        PATIENT | known,
        # This one's resource id is the other's identifier.
        PATIENT | {"id": "7"},
        OBSERVATION,
        OBSERVATION | {"id": "o2", "subject": {"reference": "Patient/7"}},
        OBSERVATION | {"id": "o3", "subject": {"identifier": {"system": "urn:mrn", "value": "7"}}},
        OBSERVATION | {"id": "o4", "subject": {"identifier": {"system": "urn:other", "value": "7"}}},
    )
    chosen = FhirSettings(patient_identifier_system="urn:mrn")
    parts = landed_parts(deliver(tmp_path / "export", *export), tmp_path / "work", fhir=chosen)
    assert sorted(row["patient_id"] for row in rows_of(parts, "patients")) == ["7", "Patient/7"]
    found = {row["result_id"]: row.get("patient_id") for row in rows_of(parts, "labs")}
    assert found == {"o": "7", "o2": "Patient/7", "o3": "7", "o4": None}


# -- one of several codings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codings", "code"),
    [
        ([("urn:local", "B12"), (LOINC, "2132-9")], "2132-9"),
        ([(SNOMED, "999"), (LOINC, "2132-9")], "2132-9"),
        (
            [
                (SNOMED, "999"),
                ("urn:a", "1"),
                ("urn:b", "2"),
                ("urn:c", "3"),
                ("urn:d", "4"),
                (LOINC, "2132-9"),
            ],
            "2132-9",
        ),
        ([("urn:local", "2132-9"), (LOINC, "9-9"), (SNOMED, "8")], "9-9"),
        ([("urn:local", "B12"), ("urn:other", "C")], "B12"),
        ([("urn:local", "HOUSE"), (LOINC, "9-9")], "HOUSE"),
    ],
)
def test_of_several_codings_the_one_a_list_holds(
    codings: list[tuple[str, str]], code: str, tmp_path: Path
) -> None:
    concept = {"coding": [{"system": system, "code": code} for system, code in codings]}
    row = one(
        "labs",
        tmp_path,
        OBSERVATION | {"code": concept},
        matching=matching(),
        test_codes={"house": "lab_b12_total"},
    )
    assert row["code"] == code


def test_of_several_codings_one_that_matches_by_its_beginning(tmp_path: Path) -> None:
    concept = {
        "coding": [
            {"system": SNOMED, "code": "1"},
            {"system": "http://hl7.org/fhir/sid/icd-10", "code": "G62.9"},
        ]
    }
    row = one("conditions", tmp_path, CONDITION | {"code": concept}, matching=matching())
    assert row["code"] == "G62.9"


# -- files and lines -----------------------------------------------------------------------------------------------


def labs(parts: list[Part]) -> Part:
    return next(part for part in parts if part.table == "labs")


def with_labs(tmp_path: Path, content: bytes, name: str = "Observation.ndjson") -> Path:
    export = deliver(tmp_path / "export")
    (export / "Observation.ndjson").unlink()
    (export / name).write_bytes(content)
    return export


GOOD = lines(OBSERVATION)


@pytest.mark.parametrize(
    ("content", "rows", "malformed"),
    [
        (GOOD * 2 + b'{"resourceType": "Observation", "id\n' + GOOD, 3, (3,)),
        (GOOD + b"\n  \t\r\n\n" + GOOD, 2, ()),
        (GOOD.replace(b"\n", b"\r\n") * 2, 2, ()),
        (b"\xef\xbb\xbf" + GOOD + GOOD[:-1], 2, ()),
        (GOOD + b"\x00\n" + GOOD, 2, (2,)),
        (GOOD + GOOD.replace(b"final", b"fi\x00al"), 1, (2,)),
        (GOOD + GOOD.replace(b"final", b"fi\xffal"), 1, (2,)),
        (GOOD + b'[1, 2]\n"text"\n7\nnull\n', 1, (2, 3, 4, 5)),
        (GOOD + b'{"id": "nothing"}\n{"resourceType": {"a": 1}}\n', 1, (2, 3)),
        (GOOD + lines(OBSERVATION | {"code": "text"}, OBSERVATION | {"code": {"coding": {"code": "1"}}}), 1, (2, 3)),
        (GOOD + b'{"resourceType": "Observation", "id": "' + b"x" * 17_000_000 + b'"}\n' + GOOD, 2, (2,)),
        (GOOD + b"[" * 50_000 + b"\n" + GOOD, 2, (2,)),
        (GOOD + GOOD[:200], 1, (2,)),
    ],
    ids=("broken", "blank", "carriage return", "mark", "nul line", "nul", "not utf-8", "not objects", "no type",
         "no code", "huge", "deep", "cut"),
)  # fmt: skip
@pytest.mark.parametrize("name", ["Observation.ndjson", "part-7.NDJSON.gz"])
def test_lines_are_accounted_for(
    content: bytes, rows: int, malformed: tuple[int, ...], name: str, tmp_path: Path
) -> None:
    packed = gzip.compress(content, compresslevel=1) if name.endswith("gz") else content
    part = labs(landed_parts(with_labs(tmp_path, packed, name), tmp_path / "work"))
    assert (part.name, part.malformed_lines, part.rows) == (name, malformed, rows + len(malformed))
    assert pl.read_parquet(part.read_path).height == rows
    assert part.size == len(packed)


def test_a_sound_file_is_parsed_by_the_engine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fhir._Export, "_transform")
    for name, content in {
        "Observation.ndjson": GOOD * 3,
        "Observation.ndjson.gz": gzip.compress(GOOD * 3),
    }.items():
        assert labs(landed_parts(with_labs(tmp_path, content, name), tmp_path / "work")).rows == 3
        shutil.rmtree(tmp_path / "export")


def test_a_file_may_hold_several_types_in_any_order(tmp_path: Path) -> None:
    mixed = [
        {"resourceType": "Organization", "id": "x"},
        REQUEST | {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/x1"}},
        OBSERVATION,
        {"resourceType": "Medication", "id": "x1", "code": {"text": "Metformin"}},
        PATIENT | {"identifier": [{"system": "urn:mrn", "value": "7"}]},
        OBSERVATION | {"id": "o2"},
    ]
    export = tmp_path / "export"
    export.mkdir()
    (export / "everything.ndjson").write_bytes(lines(*mixed) + b"{broken\n")
    chosen = FhirSettings(patient_identifier_system="urn:mrn")
    parts = landed_parts(export, tmp_path / "work", fhir=chosen)
    assert [(part.table, part.rows, part.malformed_lines) for part in parts] == [
        ("patients", 2, (7,)),
        ("labs", 2, ()),
        ("medications", 1, ()),
    ]
    assert [row["patient_id"] for row in rows_of(parts, "labs")] == ["7", "7"]
    assert [row["drug_name"] for row in rows_of(parts, "medications")] == ["Metformin"]


def test_a_broken_line_among_resources_that_are_not_read_is_still_told(tmp_path: Path) -> None:
    export = deliver(tmp_path / "export")
    (export / "Binary.ndjson").write_bytes(lines({"resourceType": "Binary", "id": "b"}) + b"{broken\n")
    parts = [part for part in landed_parts(export, tmp_path / "work") if part.name == "Binary.ndjson"]
    assert [(part.table, part.rows, part.malformed_lines) for part in parts] == [("labs", 1, (2,))]


def damaged(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content))
    packed[-6] ^= 0xFF
    return bytes(packed)


MANY = lines(*(OBSERVATION | {"id": f"o{number}"} for number in range(3000)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Observation.ndjson", b"", "the file is empty"),
        ("Observation.ndjson.gz", gzip.compress(MANY)[:-400], "ends too early"),
        ("Observation.ndjson.gz", damaged(MANY), "a checksum differs"),
        ("Observation.ndjson.gz", MANY, "is damaged"),
        ("Observation.ndjson", GOOD.decode().encode("utf-16"), "is UTF-16, not UTF-8"),
        ("Observation.ndjson", b"patient_id,value\nA,12\n", "none of its 2 lines is a FHIR resource"),
        ("Observation.ndjson", json.dumps(OBSERVATION, indent=1).encode(), "lines is a FHIR resource"),
        ("Organization.ndjson", lines({"resourceType": "Organization"}), "no Observation in"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_is_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputRefused, match=message):
        landed_parts(with_labs(tmp_path, content, name), tmp_path / "work")


def test_without_people_it_names_what_is_there(tmp_path: Path) -> None:
    export = deliver(tmp_path / "export")
    (export / "Patient.ndjson").unlink()
    with pytest.raises(InputRefused, match=r"no Patient in .*MedicationRequest\.ndjson, Observation\.ndjson"):
        landed_parts(export, tmp_path / "work")
    assert landed_parts(export, tmp_path / "work", mode="increment")


@pytest.mark.parametrize("problem", ["missing", "file", "empty", "folder"])
def test_a_folder_that_is_no_export_is_refused(problem: str, tmp_path: Path) -> None:
    export = tmp_path / "export"
    if problem == "file":
        export.touch()
    elif problem != "missing":
        export.mkdir()
        (export / "Patient.csv").touch()
    if problem == "folder":
        (export / "Patient.ndjson").mkdir()
    with pytest.raises(InputRefused, match=r"FHIR bulk export"):
        landed_parts(export, tmp_path / "work")


def test_columns_cannot_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no columns to map"):
        landed_parts(tmp_path, tmp_path, tables={"labs": TableMapping(columns={"value": "RESULT"})})


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = deliver(tmp_path / "export")
    written = fhir._Export._written

    def replaced(self: Any, kind: str, path: Path, file: Any) -> Any:
        scanned = written(self, kind, path, file)
        if kind == "Observation":
            file.path.write_bytes(GOOD * 2)
        return scanned

    monkeypatch.setattr(fhir._Export, "_written", replaced)
    with pytest.raises(InputRefused, match=r"Observation\.ndjson"):
        landed_parts(export, tmp_path / "work")


def test_a_sample_is_small(tmp_path: Path) -> None:
    parts = landed_parts(with_labs(tmp_path, MANY), tmp_path / "work", sample=10)
    assert labs(parts).rows == 10


def test_an_increment_says_when_a_record_was_changed(tmp_path: Path) -> None:
    changed = REQUEST | {"meta": {"lastUpdated": "2026-06-01T00:00:00Z"}}
    assert one("medications", tmp_path, changed, mode="increment")["received_at"] == "2026-06-01T00:00:00Z"
    assert "received_at" not in one("medications", tmp_path, changed)


def mutated(value: Any, draw: random.Random) -> Any:
    """The value with something in it dropped, nested, or of another type."""
    if draw.random() < 0.12:
        return draw.choice(
            (
                None,
                7,
                -1.5e300,
                True,
                "",
                SENTINEL,
                "2026-02-31",
                [],
                {},
                [value],
                {"value": value},
                [[value] * 3],
            )
        )
    if isinstance(value, dict):
        return {key: mutated(item, draw) for key, item in value.items() if draw.random() > 0.05}
    if isinstance(value, list):
        return [mutated(item, draw) for item in value] * draw.choice((1, 1, 1, 2))
    return value


def as_line(resource: Any, draw: random.Random) -> bytes:
    line = json.dumps(resource).encode()
    if draw.random() < 0.1:
        cut = draw.randrange(len(line))
        line = draw.choice(
            (line[:cut], line[:cut] + b"\x00" + line[cut:], line[cut:] + line, line + b"\xc3\x28")
        )
    return line.replace(b"\n", b" ")


WHOLE = [
    OBSERVATION
    | {
        "component": [{"code": B12, "valueQuantity": {"value": 1, "unit": "ng/L"}}],
        "referenceRange": [{"high": {"value": 9}}],
    },
    REQUEST | {"dosageInstruction": every(1, 1, "d"), "contained": [{"id": "x", "code": METFORMIN}]},
    PATIENT
    | {
        "generalPractitioner": [organisation("a")],
        "extension": [{"url": "urn:out", "valueBoolean": True}],
        "meta": {"tag": [{"code": "x"}]},
    },
    CONDITION | {"onsetDateTime": "2020-01-01", "clinicalStatus": {"coding": [{"code": "active"}]}},
    {
        "resourceType": "MedicationAdministration",
        "id": "a",
        "medicationReference": {"reference": "Medication/x1"},
        "subject": SUBJECT,
        "dosage": {"dose": {"value": 1}},
    },
    {"resourceType": "FamilyMemberHistory", "id": "f", "patient": SUBJECT, "condition": [{"code": B12}]},
    {"resourceType": "Medication", "id": "x1", "code": METFORMIN},
    {
        "resourceType": "Procedure",
        "id": "x",
        "code": METFORMIN,
        "subject": SUBJECT,
        "performedDateTime": "2020",
    },
    {"resourceType": "ServiceRequest", "id": "s", "code": B12, "subject": SUBJECT, "authoredOn": "2020"},
]


def test_whatever_lines_come_they_are_counted_or_refused(tmp_path: Path, fuzz_cases: int) -> None:
    draw = random.Random(411)
    export = deliver(tmp_path / "export")
    delivered = 0
    for number in range(9):
        told = [as_line(mutated(draw.choice(WHOLE), draw), draw) for _ in range(fuzz_cases // 9 + 1)]
        told = [line for line in told if line.strip(b" \t\r")]
        delivered += len(told)
        (export / f"fuzz-{number}.ndjson").write_bytes(
            b"\n".join([*lines(WHOLE[number]).splitlines(), *told])
        )
    assert delivered >= fuzz_cases * 0.9
    parts = landed_parts(export, tmp_path / "work", matching=matching(), fhir=FhirSettings(opt_out="urn:out"))
    for number in range(9):
        name = f"fuzz-{number}.ndjson"
        numbers = [line for part in parts if part.name == name for line in part.malformed_lines]
        content = (export / name).read_bytes().split(b"\n")
        unread = {line for line, text in enumerate(content, 1) if not is_json(text)}
        assert unread <= set(numbers)
        assert set(numbers) <= set(range(1, len(content) + 1))
    for part in parts:
        assert part.rows == pl.read_parquet(part.read_path).height + len(part.malformed_lines)
    beyond = {path for path in tmp_path.rglob("*") if path.is_file()} - set((tmp_path / "work").rglob("*"))
    assert {path.parent for path in beyond} == {export}


def is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@pytest.fixture
def fuzz_cases(request: pytest.FixtureRequest) -> int:
    """300 lines in the suite; `make fuzz` asks for ten thousand."""
    return int(os.environ.get("FUZZ_CASES", "300"))


@pytest.mark.parametrize("fault", ["broken", "everywhere", "alone"])
def test_no_message_holds_what_a_line_says(
    fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(json.dumps(OBSERVATION).replace("final", SENTINEL)) | {
        "id": SENTINEL,
        "subject": {"reference": f"Patient/{SENTINEL}"},
        "valueString": SENTINEL,
        "code": {"text": SENTINEL},
    }
    text = {
        "broken": lines(told)[:-5] + b"\n" + lines(told | {"resourceType": SENTINEL}),
        "everywhere": (SENTINEL + "\n").encode() * 3,
        "alone": lines(told | {"resourceType": SENTINEL.replace("-", "")}),
    }[fault]
    export = with_labs(tmp_path, text)
    if fault != "alone":
        (export / "Patient.ndjson").write_bytes(lines({"resourceType": SENTINEL}))
    with pytest.raises(ScreenError) as refused:
        landed_parts(export, tmp_path / "work")
    told_to_people = str(refused.value) + str(refused.value.__context__) + str(refused.value.__cause__)
    assert SENTINEL not in told_to_people
    assert SENTINEL.replace("-", "") not in told_to_people
    assert SENTINEL not in "".join(capfd.readouterr())


# -- the demo people ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo people as FHIR and, without what FHIR has no place for, as CSV."""
    home = tmp_path_factory.mktemp("demo")
    tables = {table: fhir_people.carried(DEMO, table) for table in COLUMNS}
    fhir_people.write_export(tables, home / "fhir")
    fhir_people.write_canonical(tables, home / "files")
    more = f'[sources.extracts.fhir]\nopt_out = "{fhir_people.OPT_OUT}"\nlength_extension = "{fhir_people.LENGTH}"\n'
    for kind in ("fhir", "files"):
        text = f'[sources.extracts]\nkind = "{kind}"\npath = "{kind}"\n' + (more if kind == "fhir" else "")
        (home / f"{kind}.toml").write_text(text)
    return home


def test_the_demo_people_land_as_they_are(demo: Path, tmp_path: Path) -> None:
    chosen = FhirSettings(opt_out=fhir_people.OPT_OUT, length_extension=fhir_people.LENGTH)
    parts = landed_parts(demo / "fhir", tmp_path / "work", fhir=chosen)
    for table in COLUMNS:
        wanted = fhir_people.carried(DEMO, table)
        said = [{column: value for column, value in row.items() if value} for row in wanted]
        found = rows_of(parts, table)
        assert len(found) == len(said) > 0
        assert {tuple(sorted(row.items())) for row in found} == {tuple(sorted(row.items())) for row in said}


def test_the_demo_people_get_the_same_lists(demo: Path, tmp_path: Path) -> None:
    from_files, from_fhir = (
        screened(None, tmp_path / kind, AS_OF, config=demo / f"{kind}.toml") for kind in ("files", "fhir")
    )
    assert from_files.folder.name == from_fhir.folder.name
    lists = [
        path.relative_to(from_files.folder)
        for folder in ("clinics", "all")
        for path in (from_files.folder / folder).rglob("*.*")
    ]
    assert len(lists) > 40
    for path in lists:
        assert (from_files.folder / path).read_bytes() == (from_fhir.folder / path).read_bytes(), path


def test_a_file_downloaded_twice_changes_nothing_and_its_broken_line_is_told(
    demo: Path, tmp_path: Path
) -> None:
    twice = tmp_path / "fhir"
    shutil.copytree(demo / "fhir", twice)
    delivered = (twice / "Observation.000.ndjson").read_bytes()
    (twice / "Observation.001.ndjson").write_bytes(delivered + b'{"resourceType": "Observation", "id\n')
    shutil.copy(demo / "fhir.toml", tmp_path)
    once = screened(None, tmp_path / "once", AS_OF, config=demo / "fhir.toml")
    again = screened(None, tmp_path / "twice", AS_OF, config=tmp_path / "fhir.toml")
    assert again.decisions.drop("run_id", strict=False).equals(once.decisions.drop("run_id", strict=False))
    refused = pl.read_csv(again.folder / "quarantine" / "labs.csv", infer_schema=False)
    told = refused.filter(pl.col("reasons") == "malformed_line").select("file", "line").rows()
    assert told == [("Observation.001.ndjson", str(delivered.count(b"\n") + 1))]
