"""The canonical tables of a folder of CSV files as a FHIR R4 bulk export: one NDJSON file per type of resource.

FHIR's Patient has no place for `registered_on` and `deregistered_on`, and its Condition none for the word that it is
not of the family: FamilyMemberHistory is another resource. A row with neither code nor name is no resource. All else
is carried.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from schemas.canonical_columns import COLUMNS
from sql.warehouse import NAMED

Row = Mapping[str, str]

NOT_CARRIED = {"patients": ("registered_on", "deregistered_on")}
OPT_OUT = "https://example.org/fhir/opt-out"
LENGTH = "https://example.org/fhir/length-removed"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
# As far as JSON and the engine write it the same way.
NUMBER = re.compile(r"([<>]=?)?(0|[1-9]\d*)(\.\d*[1-9])?")
KINDS = {
    "": "MedicationRequest",
    "prescription": "MedicationRequest",
    "statement": "MedicationStatement",
    "administration": "MedicationAdministration",
}


def read(folder: Path, table: str) -> list[dict[str, str]]:
    """The rows of a canonical CSV file whose lines have as many fields as its header; a missing column is empty."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        header = next(lines)
        return [
            dict.fromkeys(COLUMNS[table], "") | dict(zip(header, line, strict=True))
            for line in lines
            if len(line) == len(header)
        ]


def carried(folder: Path, table: str) -> list[dict[str, str]]:
    """The rows with what FHIR has no place for left empty, or left out."""
    rows = (row | dict.fromkeys(NOT_CARRIED.get(table, ()), "") for row in read(folder, table))
    named = NAMED.get(table)
    return [
        row | ({"is_family_history": ""} if row.get("is_family_history") == "no" else {})
        for row in rows
        if not named or row["code"] or row[named]
    ]


def write_canonical(tables: Mapping[str, Iterable[Row]], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS[table])
            writer.writeheader()
            writer.writerows(rows)
    return folder


def write_export(tables: Mapping[str, Iterable[Row]], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    resources: dict[str, list[dict[str, Any]]] = {}
    for table, rows in tables.items():
        for row in rows:
            resource = without_nothing(AS_RESOURCE[table](row))
            resources.setdefault(resource["resourceType"], []).append(resource)
    for kind, found in resources.items():
        write_lines((json.dumps(one) for one in found), folder / f"{kind}.000.ndjson")
    return folder


def write_lines(lines: Iterable[str], path: Path) -> Path:
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def without_nothing(value: Any) -> Any:
    """The value without elements that say nothing: FHIR knows no empty ones."""
    if isinstance(value, dict):
        kept = {key: without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", {}, [])}
    if isinstance(value, list):
        return [one for item in value if (one := without_nothing(item)) not in (None, "", {}, [])]
    return value


def number(text: str) -> Any:
    """JSON's number where it is written the same way, else the text."""
    return json.loads(text) if NUMBER.fullmatch(text) else text


def concept(row: Row, name: str) -> dict[str, Any]:
    return {"coding": [{"system": row["code_system"], "code": row["code"]}], "text": row[name]}


def person(row: Row) -> dict[str, str]:
    return {"reference": row["patient_id"] and f"Patient/{row['patient_id']}"}


def organisation(clinic_id: str) -> dict[str, Any]:
    """A reference to the resource, or where FHIR would not allow such an id, to what it identifies."""
    if re.fullmatch(r"[A-Za-z0-9.-]+", clinic_id):
        return {"reference": f"Organization/{clinic_id}"}
    return {"identifier": {"value": clinic_id}}


def patient(row: Row) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": row["patient_id"],
        "birthDate": row["birth_date"],
        "gender": row["sex"],
        "generalPractitioner": [organisation(row["clinic_id"])],
        "deceasedDateTime": row["deceased_on"],
        "extension": [
            row["ethnicity"]
            and {"url": ETHNICITY, "extension": [{"url": "text", "valueString": row["ethnicity"]}]},
            row["opted_out"] and {"url": OPT_OUT, "valueString": row["opted_out"]},
        ],
    }


def observation(row: Row) -> dict[str, Any]:
    found = NUMBER.fullmatch(row["value"])
    quantity = {"unit": row["unit"], "value": row["value"]}
    if found:
        quantity |= {"comparator": found[1], "value": number(row["value"].removeprefix(found[1] or ""))}
    is_quantity = bool(found or row["unit"])
    return {
        "resourceType": "Observation",
        "id": row["result_id"],
        "status": row["status"],
        "code": concept(row, "test_name"),
        "subject": person(row),
        "effectiveDateTime": row["collected_at"],
        "issued": row["received_at"],
        "performer": [{"display": row["performing_lab"]}],
        "valueQuantity": quantity if is_quantity else None,
        "valueString": None if is_quantity else row["value"],
        "specimen": {"reference": row["sample_id"] and f"Specimen/{row['sample_id']}"},
        "referenceRange": [
            {
                "low": {"value": number(row["reference_low"])},
                "high": {"value": number(row["reference_high"])},
            }
        ],
    }


def medication(row: Row) -> dict[str, Any]:
    kind = KINDS[row["kind"]]
    dose = {"value": number(row["dose_quantity"]), "unit": row["dose_unit"]}
    per_day = {"frequency": number(row["doses_per_day"]), "period": 1, "periodUnit": "d"}
    repeat: dict[str, Any] = per_day if row["doses_per_day"] else {}
    dosage = {
        "route": {"text": row["route"]},
        "doseAndRate": [{"doseQuantity": dose}],
        "timing": {"repeat": repeat},
    }
    supply = {"value": number(row["days_supply"]), "code": "d", "system": "http://unitsofmeasure.org"}
    supply = supply if row["days_supply"] else {}
    resource = {
        "resourceType": kind,
        "id": row["medication_id"],
        "status": row["status"],
        "medicationCodeableConcept": concept(row, "drug_name"),
        "subject": person(row),
    }
    if kind == "MedicationAdministration":
        assert not any(row[name] for name in ("doses_per_day", "days_supply", "end_on"))
        return resource | {
            "effectiveDateTime": row["start_on"],
            "dosage": {"route": {"text": row["route"]}, "dose": dose},
        }
    if kind == "MedicationStatement":
        repeat |= {"boundsDuration": supply}
        taken = {"start": row["start_on"], "end": row["end_on"]}
        return resource | {"effectivePeriod": taken, "dosage": [dosage]}
    repeat |= {"boundsPeriod": {"end": row["end_on"]}}
    return resource | {
        "intent": "order",
        "authoredOn": row["start_on"],
        "dosageInstruction": [dosage],
        "dispenseRequest": {"expectedSupplyDuration": supply},
    }


def condition(row: Row) -> dict[str, Any]:
    if row["is_family_history"].lower() in ("yes", "true", "y", "1"):
        return {
            "resourceType": "FamilyMemberHistory",
            "id": row["condition_id"],
            "status": row["status"],
            "patient": person(row),
            "date": row["recorded_on"],
            "condition": [{"code": concept(row, "name")}],
        }
    place = "verificationStatus" if row["status"] in ("refuted", "entered-in-error") else "clinicalStatus"
    return {
        "resourceType": "Condition",
        "id": row["condition_id"],
        place: {"coding": [{"code": row["status"]}]},
        "code": concept(row, "name"),
        "subject": person(row),
        "onsetDateTime": row["onset_on"],
        "recordedDate": row["recorded_on"],
        "abatementDateTime": row["resolved_on"],
    }


def procedure(row: Row) -> dict[str, Any]:
    length = {"value": number(row["length_cm"]), "unit": "cm", "code": "cm"}
    return {
        "resourceType": "Procedure",
        "id": row["procedure_id"],
        "status": row["status"],
        "code": concept(row, "name"),
        "subject": person(row),
        "performedDateTime": row["performed_on"],
        "extension": [row["length_cm"] and {"url": LENGTH, "valueQuantity": length}],
    }


def service_request(row: Row) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "intent": "order",
        "status": row["status"],
        "code": concept(row, "test_name"),
        "subject": person(row),
        "authoredOn": row["ordered_on"],
    }


AS_RESOURCE = {
    "patients": patient,
    "labs": observation,
    "medications": medication,
    "conditions": condition,
    "procedures": procedure,
    "orders": service_request,
}
