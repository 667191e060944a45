"""One patient, built by hand for a test of the reference."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.reference.records import Row
from tests.reference.screen import Decision, screen

CODELISTS = Path(__file__).parents[2] / "rules" / "codelists"
AS_OF = date(2025, 6, 30)


def ago(days: int) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()


class Patient:
    """A woman of 40 at one clinic, and what is added to her."""

    def __init__(self, birth_date: str = "1985-01-01", sex: str = "female", **cells: str | None) -> None:
        person: Row = {"patient_id": "A", "birth_date": birth_date, "sex": sex, "clinic_id": "north", **cells}
        self.tables: dict[str, list[Row]] = {
            "patients": [person],
            "labs": [],
            "medications": [],
            "conditions": [],
            "procedures": [],
            "orders": [],
        }

    def _add(self, table: str, cells: dict[str, str | None]) -> Patient:
        self.tables[table].append({"patient_id": "A", **cells})
        return self

    def lab(self, code: str, value: str, unit: str | None, on: str, **cells: str | None) -> Patient:
        row: Row = {"code_system": "LOINC", "code": code, "value": value, "unit": unit, "collected_at": on}
        return self._add("labs", {**row, **cells})

    def b12(self, value: str, days_ago: int, unit: str = "ng/L", **cells: str | None) -> Patient:
        return self.lab("2132-9", value, unit, ago(days_ago), **cells)

    def active(self, value: str, days_ago: int, **cells: str | None) -> Patient:
        return self.lab("72160-5", value, "pmol/L", ago(days_ago), **cells)

    def mma(self, value: str, days_ago: int, unit: str = "nmol/L", **cells: str | None) -> Patient:
        return self.lab("13964-2", value, unit, ago(days_ago), **cells)

    def egfr(self, value: str, days_ago: int) -> Patient:
        return self.lab("62238-1", value, "mL/min/1.73m2", ago(days_ago))

    def haemoglobin(self, value: str, days_ago: int) -> Patient:
        return self.lab("718-7", value, "g/L", ago(days_ago))

    def icd(self, code: str, days_ago: int, **cells: str | None) -> Patient:
        row: Row = {"code_system": "ICD-10", "code": code, "recorded_on": ago(days_ago)}
        return self._add("conditions", {**row, **cells})

    def opcs(self, code: str, days_ago: int, length_cm: str | None = None) -> Patient:
        row: Row = {
            "code_system": "OPCS-4",
            "code": code,
            "performed_on": ago(days_ago),
            "length_cm": length_cm,
        }
        return self._add("procedures", row)

    def drug(self, name: str, start: str | None, **cells: str | None) -> Patient:
        return self._add("medications", {"drug_name": name, "start_on": start, **cells})

    def injections(self, *days_ago: int) -> Patient:
        for days in days_ago:
            self.drug("hydroxocobalamin", ago(days), kind="administration", route="IM")
        return self

    def order(self, code: str, days_ago: int, status: str = "active") -> Patient:
        row: Row = {"code_system": "LOINC", "code": code, "ordered_on": ago(days_ago), "status": status}
        return self._add("orders", row)

    def mcv(self, value: str, days_ago: int) -> Patient:
        return self.lab("787-2", value, "fL", ago(days_ago))

    def platelets(self, value: str, days_ago: int) -> Patient:
        return self.lab("777-3", value, "10*9/L", ago(days_ago))

    def potassium(self, value: str, days_ago: int) -> Patient:
        return self.lab("2823-3", value, "mmol/L", ago(days_ago))

    def homocysteine(self, value: str, days_ago: int, unit: str = "umol/L", **cells: str | None) -> Patient:
        return self.lab("13965-9", value, unit, ago(days_ago), **cells)

    def folate(self, value: str, days_ago: int, unit: str = "ug/L", **cells: str | None) -> Patient:
        return self.lab("2284-8", value, unit, ago(days_ago), **cells)

    def antibody(self, value: str, days_ago: int, **cells: str | None) -> Patient:
        return self.lab("31444-3", value, None, ago(days_ago), **cells)

    def snomed(self, code: str, days_ago: int) -> Patient:
        row: Row = {"code_system": "SNOMED-CT", "code": code, "recorded_on": ago(days_ago)}
        return self._add("conditions", row)

    def nitrous_oxide(self, days_ago: int) -> Patient:
        """A code that is exact only for a site that says so (`SITE_CODES`)."""
        row: Row = {"code_system": "ICD-10-CM", "code": "F18.19", "recorded_on": ago(days_ago)}
        return self._add("conditions", row)

    def tablets(self, start: int | None, micrograms: str | None = "1000", **cells: str | None) -> Patient:
        """Cyanocobalamin by mouth, ongoing unless `end_on` says otherwise."""
        dose: Row = {"dose_quantity": micrograms, "dose_unit": "ug" if micrograms else None}
        on = None if start is None else ago(start)
        return self.drug("cyanocobalamin", on, route="oral", **{**dose, **cells})

    def decided(self, as_of: date = AS_OF, **options: Any) -> Decision:
        return screen(self.tables, as_of, CODELISTS, **options)["A"]


def row_and_lists(patient: Patient) -> tuple[str, dict[str, str]]:
    decision = patient.decided()
    return decision.rule_id, decision.lists
