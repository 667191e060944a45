"""The columns of the canonical input tables, and which of them a file must have."""

from __future__ import annotations

from typing import Final

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "patients": (
        "patient_id",
        "birth_date",
        "sex",
        "clinic_id",
        "registered_on",
        "deregistered_on",
        "deceased_on",
        "ethnicity",
        "opted_out",
    ),
    "labs": (
        "patient_id",
        "value",
        "unit",
        "collected_at",
        "code_system",
        "code",
        "test_name",
        "result_id",
        "sample_id",
        "received_at",
        "status",
        "reference_low",
        "reference_high",
        "performing_lab",
    ),
    "medications": (
        "patient_id",
        "start_on",
        "code_system",
        "code",
        "drug_name",
        "medication_id",
        "kind",
        "route",
        "dose_quantity",
        "dose_unit",
        "doses_per_day",
        "days_supply",
        "end_on",
        "status",
        "received_at",
    ),
    "conditions": (
        "patient_id",
        "code_system",
        "code",
        "name",
        "condition_id",
        "onset_on",
        "recorded_on",
        "resolved_on",
        "status",
        "is_family_history",
        "received_at",
    ),
    "procedures": (
        "patient_id",
        "code_system",
        "code",
        "name",
        "procedure_id",
        "performed_on",
        "length_cm",
        "status",
        "received_at",
    ),
    "orders": (
        "patient_id",
        "code_system",
        "code",
        "test_name",
        "ordered_on",
        "status",
        "received_at",
    ),
}
"""Table -> its columns, in the order of the contract. `received_at` may be missing anywhere."""

REQUIRED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "patients": (("patient_id",), ("birth_date",), ("sex",), ("clinic_id",)),
    "labs": (("patient_id",), ("value",), ("collected_at",), ("code", "test_name")),
    "medications": (("patient_id",), ("code", "drug_name")),
    "conditions": (("patient_id",), ("code_system",), ("code",)),
    "procedures": (("patient_id",), ("code_system",), ("code",), ("performed_on",)),
    "orders": (("patient_id",), ("ordered_on",), ("code", "test_name")),
}
"""Table -> groups of columns; of each group at least one must be in the file (or be a constant)."""

RECORD_ID: Final[dict[str, str]] = {
    "labs": "result_id",
    "medications": "medication_id",
    "conditions": "condition_id",
    "procedures": "procedure_id",
}

DATE_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "patients": ("birth_date", "registered_on", "deregistered_on", "deceased_on"),
    "labs": ("collected_at", "received_at"),
    "medications": ("start_on", "end_on", "received_at"),
    "conditions": ("onset_on", "recorded_on", "resolved_on", "received_at"),
    "procedures": ("performed_on", "received_at"),
    "orders": ("ordered_on", "received_at"),
}
