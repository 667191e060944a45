"""The shape of each FHIR R4 resource as far as the screen reads it: element -> its type, every leaf a text.

Elements that are not named here are passed over. What stands where another shape is expected is read as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

Shape = Mapping[str, Any]
"""Element -> "VARCHAR", the shape of an object, or a list with the shape of its items."""

TABLE_OF: Final = {
    "Patient": "patients",
    "Observation": "labs",
    "MedicationRequest": "medications",
    "MedicationDispense": "medications",
    "MedicationStatement": "medications",
    "MedicationAdministration": "medications",
    "Condition": "conditions",
    "FamilyMemberHistory": "conditions",
    "Procedure": "procedures",
    "ServiceRequest": "orders",
}
"""Resource type -> the canonical table its resources are rows of."""

LOOKED_UP: Final = {"Medication": "medications", "Encounter": "patients", "Patient": "patients"}
"""Resource type whose resources are referred to by others -> where its unreadable lines are counted."""

TEXT: Final = "VARCHAR"


def _texts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, TEXT)


CODING: Final = _texts("system", "code", "display")
CONCEPT: Final = {"coding": [CODING], "text": TEXT}
IDENTIFIER: Final = _texts("system", "value")
REFERENCE: Final = {**_texts("reference", "type", "display"), "identifier": IDENTIFIER}
QUANTITY: Final = _texts("value", "comparator", "unit", "system", "code")
LIMIT: Final = _texts("value", "unit", "code")
PERIOD: Final = _texts("start", "end")
META: Final = {"lastUpdated": TEXT, "tag": [CODING], "security": [CODING]}
TOLD: Final = {
    **_texts("url", "valueString", "valueBoolean", "valueCode"),
    "valueCoding": CODING,
    "valueCodeableConcept": CONCEPT,
    "valueQuantity": QUANTITY,
}
EXTENSION: Final = {**TOLD, "extension": [TOLD]}
VALUED: Final = {
    "code": CONCEPT,
    "valueQuantity": QUANTITY,
    **_texts("valueString", "valueInteger", "valueBoolean"),
    "valueCodeableConcept": CONCEPT,
    "dataAbsentReason": CONCEPT,
    "referenceRange": [{"low": LIMIT, "high": LIMIT}],
}
DOSAGE: Final = {
    "route": CONCEPT,
    "doseAndRate": [{"doseQuantity": QUANTITY}],
    "timing": {
        "repeat": {
            **_texts("frequency", "period", "periodUnit"),
            "boundsPeriod": PERIOD,
            "boundsDuration": QUANTITY,
        }
    },
}
ANY: Final = {**_texts("resourceType", "id"), "meta": META}
MEDICINE: Final = {
    **ANY,
    "status": TEXT,
    "subject": REFERENCE,
    "medicationCodeableConcept": CONCEPT,
    "medicationReference": REFERENCE,
    "contained": [{"id": TEXT, "code": CONCEPT}],
}

SHAPES: Final[dict[str, Shape]] = {
    "Patient": {
        **ANY,
        **_texts("gender", "birthDate", "deceasedBoolean", "deceasedDateTime"),
        "identifier": [IDENTIFIER],
        "generalPractitioner": [REFERENCE],
        "managingOrganization": REFERENCE,
        "extension": [EXTENSION],
    },
    "Observation": {
        **ANY,
        **VALUED,
        **_texts("status", "effectiveDateTime", "effectiveInstant", "issued"),
        "effectivePeriod": PERIOD,
        "subject": REFERENCE,
        "performer": [{**_texts("reference", "display"), "identifier": _texts("value")}],
        "specimen": {"reference": TEXT, "identifier": _texts("value")},
        "component": [VALUED],
    },
    "MedicationRequest": {
        **MEDICINE,
        **_texts("intent", "doNotPerform", "authoredOn"),
        "dosageInstruction": [DOSAGE],
        "dispenseRequest": {"expectedSupplyDuration": QUANTITY},
    },
    "MedicationDispense": {
        **MEDICINE,
        **_texts("whenPrepared", "whenHandedOver"),
        "daysSupply": QUANTITY,
        "dosageInstruction": [DOSAGE],
    },
    "MedicationStatement": {
        **MEDICINE,
        "effectiveDateTime": TEXT,
        "effectivePeriod": PERIOD,
        "dosage": [DOSAGE],
    },
    "MedicationAdministration": {
        **MEDICINE,
        "effectiveDateTime": TEXT,
        "effectivePeriod": PERIOD,
        "dosage": {"route": CONCEPT, "dose": QUANTITY},
    },
    "Condition": {
        **ANY,
        **_texts("onsetDateTime", "abatementDateTime", "recordedDate"),
        "clinicalStatus": CONCEPT,
        "verificationStatus": CONCEPT,
        "code": CONCEPT,
        "subject": REFERENCE,
        "onsetPeriod": PERIOD,
        "abatementPeriod": PERIOD,
    },
    "FamilyMemberHistory": {
        **ANY,
        **_texts("status", "date"),
        "patient": REFERENCE,
        "condition": [{"code": CONCEPT}],
    },
    "Procedure": {
        **ANY,
        **_texts("status", "performedDateTime"),
        "code": CONCEPT,
        "subject": REFERENCE,
        "performedPeriod": PERIOD,
        "extension": [EXTENSION],
    },
    "ServiceRequest": {
        **ANY,
        **_texts("status", "intent", "doNotPerform", "authoredOn", "occurrenceDateTime"),
        "code": CONCEPT,
        "subject": REFERENCE,
        "occurrencePeriod": PERIOD,
    },
    "Medication": {**ANY, "code": CONCEPT, "ingredient": [{"itemCodeableConcept": CONCEPT}]},
    "Encounter": {**ANY, "subject": REFERENCE, "serviceProvider": REFERENCE, "period": PERIOD},
    "": {"resourceType": TEXT},
}
"""Resource type -> its shape; the empty one is of resources that the screen does not read."""


def as_type(shape: Any) -> str:
    """A shape as a type of the engine."""
    if isinstance(shape, str):
        return shape
    if isinstance(shape, list):
        return f"{as_type(shape[0])}[]"
    return "struct(" + ", ".join(f'"{name}" {as_type(item)}' for name, item in shape.items()) + ")"


def as_columns(kind: str) -> str:
    """The shape of a resource type as the columns that a reader of JSON is told."""
    return "{" + ", ".join(f"'{name}': '{as_type(item)}'" for name, item in SHAPES[kind].items()) + "}"


def as_structure(kind: str) -> str:
    """The shape of a resource type as the structure that a single JSON text is read by."""
    return json.dumps(SHAPES[kind])
