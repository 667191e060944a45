"""Builds canonical rows for one made-up person from a short story, as the tables of `cases.md` tell it.

A story is items joined by `;`. Days are relative to the as-of date: `@-30` is thirty days before it.

    born 1960-01-01; sex male; ethnicity Black African; registered @-10; deregistered @-1; deceased @0
    b12 179 ng/L @-30; active 24 pmol/L @-10; b12 haemolysed @-3
    mma 281 nmol/L @-5; mma 300 nmol/L ref 400 @-5; homocysteine 16 umol/L @-5; folate 4 ug/L floor 3.5 @-5
    egfr 59 @-100; creatinine 100 umol/L @-100; hb 119 g/L @-10; mcv 101 fL @-10; plt 49 10*9/L @-10
    has cond_coeliac @-900; broad cond_ataxia_gait @-10; has cond_hiv @unknown; pregnant @-294; ended @-100
    on metformin from -400 to -31; dose 1000 mg x2      (`dose` and `route` belong to the medicine before them)
    injection @-105; oral b12 from -200 to -31; dose 1000 ug x1; oral b12 from unknown; route sublingual
    procedure proc_ileal_resection @-1000 length 25; order mma @-30
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

Row = dict[str, str]
Tables = dict[str, list[Row]]

CODELISTS = Path(__file__).parents[1] / "rules" / "codelists"
TABLES = ("patients", "labs", "medications", "conditions", "procedures", "orders")

TESTS = {
    "b12": ("lab_b12_total", ""),
    "active": ("lab_b12_active", ""),
    "mma": ("lab_mma_serum", ""),
    "egfr": ("lab_egfr", "mL/min/1.73m2"),
    "variant": ("lab_egfr", "mL/min/1.73m2"),
    "creatinine": ("lab_creatinine", "umol/L"),
    "hb": ("lab_haemoglobin", "g/L"),
    "mcv": ("lab_mcv", "fL"),
    "plt": ("lab_platelets", "10*9/L"),
    "intrinsic": ("lab_intrinsic_factor_ab", ""),
    "homocysteine": ("lab_homocysteine", "umol/L"),
    "folate": ("lab_folate_serum", "ug/L"),
    "potassium": ("lab_potassium", "mmol/L"),
}

VARIANT_CODE = "48643-1"
"""LOINC of an eGFR with the ethnicity factor, which the story word `variant` stands for."""

_RESULT = re.compile(
    r"(?P<test>\w+) (?P<value>\S+)(?: (?!ref\b|floor\b)(?P<unit>[^\s@]\S*))?(?: ref (?P<limit>\S+))?"
    r"(?: floor (?P<floor>\S+))? @(?P<day>[+-]?\d+)"
)
_COURSE = re.compile(r"from (?P<start>[+-]?\d+|unknown)(?: to (?P<end>[+-]?\d+))?")
_SYSTEM_ORDER = ("LOINC", "ICD-10", "OPCS-4", "ATC", "SNOMED-CT", "ICD-10-CM", "OMOP", "dm+d", "RxNorm")
_PREFIX_SYSTEMS = ("ATC", "ICD-10", "ICD-10-CM", "OPCS-4")


class Code(NamedTuple):
    concept: str
    system: str
    code: str
    display: str
    breadth: str


@cache
def _codes() -> tuple[Code, ...]:
    rows = (
        row
        for path in sorted(CODELISTS.glob("*.csv"))
        if path.stem != "exceptions"
        for row in csv.DictReader(path.open(encoding="utf-8"))
    )
    return tuple(
        Code(row["concept"], row["system"], row["code"], row["display"], row["breadth"])
        for row in rows
        if row["verified"] == "yes"
    )


def _hits(code: Code, other: Code) -> bool:
    if code.system != other.system:
        return False
    if code.system in _PREFIX_SYSTEMS:
        return code.code.replace(".", "").startswith(other.code.replace(".", ""))
    return code.code == other.code


@cache
def code_for(concept: str, breadth: str = "exact") -> Code:
    """A verified code that shows the concept with this breadth, and as few other concepts as can be."""
    choices = [code for code in _codes() if code.concept == concept and code.breadth == breadth]
    if not choices:
        raise ValueError(f"no verified {breadth} code in {concept}")

    def rank(code: Code) -> tuple[int, bool, int, int]:
        others = {other.concept for other in _codes() if _hits(code, other)} - {concept}
        also_exact = any(
            other.concept == concept and other.breadth == "exact" and _hits(code, other) for other in _codes()
        )
        return (
            len(others),
            breadth == "broad" and also_exact,
            _SYSTEM_ORDER.index(code.system),
            -len(code.code),
        )

    return min(choices, key=rank)


def story(person: str, told: str, as_of: date) -> Tables:
    """Canonical rows of one person: table name -> rows, every cell text; a column not named is absent."""
    tables: Tables = {table: [] for table in TABLES}
    tables["patients"].append(
        {"patient_id": person, "birth_date": "1970-01-01", "sex": "female", "clinic_id": "C1"}
    )
    for number, item in enumerate(filter(None, (part.strip() for part in told.split(";"))), start=1):
        _add(tables, item, _Teller(person, number, as_of))
    return tables


class _Teller(NamedTuple):
    person: str
    number: int
    as_of: date

    def day(self, offset: str) -> str:
        return (self.as_of + timedelta(days=int(offset))).isoformat()

    def record(self, kind: str) -> str:
        return f"{self.person}-{kind}-{self.number}"


def _add(tables: Tables, item: str, told: _Teller) -> None:
    word = item.split(maxsplit=1)[0]
    if word in TESTS:
        tables["labs"].append(_result(item, told))
    elif word in ("born", "sex", "clinic", "ethnicity", "registered", "deregistered", "deceased"):
        tables["patients"][0].update(_about(item, told))
    elif word in ("has", "broad", "family", "pregnant", "ended"):
        tables["conditions"].append(_condition(item, told))
    elif word in ("on", "oral", "injection"):
        tables["medications"].append(_medication(item, told))
    elif word == "dose":
        tables["medications"][-1].update(_dose(item))
    elif word == "route":
        tables["medications"][-1].update(_matched(r"route (?P<route>\w+)", item))
    elif word == "procedure":
        tables["procedures"].append(_procedure(item, told))
    elif word == "order":
        tables["orders"].append(_order(item, told))
    else:
        raise ValueError(f"a story does not know `{item}`")


def _matched(pattern: str | re.Pattern[str], item: str) -> dict[str, str]:
    found = re.fullmatch(pattern, item)
    if found is None:
        raise ValueError(f"a story cannot read `{item}`")
    return {name: text for name, text in found.groupdict().items() if text is not None}


def _about(item: str, told: _Teller) -> Row:
    word, value = item.split(maxsplit=1)
    if word in ("sex", "clinic", "ethnicity"):
        return {"clinic_id" if word == "clinic" else word: value}
    if word == "born":
        return {"birth_date": date.fromisoformat(value).isoformat()}
    return {f"{word}_on": told.day(value.removeprefix("@"))}


def _result(item: str, told: _Teller) -> Row:
    part = _matched(_RESULT, item)
    concept, usual_unit = TESTS[part["test"]]
    code = code_for(concept)
    is_text = part["value"][0].isalpha()
    row = {
        "patient_id": told.person,
        "result_id": told.record("lab"),
        "sample_id": told.record("sample"),
        "code_system": "LOINC" if part["test"] == "variant" else code.system,
        "code": VARIANT_CODE if part["test"] == "variant" else code.code,
        "value": part["value"],
        "unit": part.get("unit", "" if is_text else usual_unit),
        "collected_at": told.day(part["day"]),
        "status": "final",
    }
    limits = {"reference_high": part.get("limit"), "reference_low": part.get("floor")}
    return row | {name: limit for name, limit in limits.items() if limit}


def _condition(item: str, told: _Teller) -> Row:
    part = _matched(r"(?P<word>\w+)(?: (?P<concept>cond_\w+|proc_\w+))? @(?P<day>[+-]?\d+|unknown)", item)
    fixed = {"pregnant": "cond_pregnancy", "ended": "cond_pregnancy_end"}
    concept = fixed.get(part["word"]) or part["concept"]
    code = code_for(concept, "broad" if part["word"] == "broad" else "exact")
    return {
        "patient_id": told.person,
        "condition_id": told.record("condition"),
        "code_system": code.system,
        "code": code.code,
        "name": code.display,
        "recorded_on": "" if part["day"] == "unknown" else told.day(part["day"]),
        "status": "active",
        "is_family_history": "yes" if part["word"] == "family" else "no",
    }


def _medication(item: str, told: _Teller) -> Row:
    if item.startswith("injection"):
        part = _matched(r"injection @(?P<day>[+-]?\d+)", item)
        given = {"kind": "administration", "route": "im", "status": "completed"}
        return _medicine("drug_b12_hydroxocobalamin_im", told) | given | {"start_on": told.day(part["day"])}
    named = _matched(r"(?:on (?P<drug>\w+)|oral b12) (?P<course>from .+)", item)
    part = _matched(_COURSE, named["course"])
    concept = f"drug_{named['drug']}" if "drug" in named else "drug_b12_cyanocobalamin_any"
    row = _medicine(concept, told) | {"kind": "prescription", "status": "active", "route": "oral"}
    row["start_on"] = "" if part["start"] == "unknown" else told.day(part["start"])
    return row | ({"end_on": told.day(part["end"])} if "end" in part else {})


def _medicine(concept: str, told: _Teller) -> Row:
    code = code_for(concept)
    return {
        "patient_id": told.person,
        "medication_id": told.record("medication"),
        "code_system": code.system,
        "code": code.code,
        "drug_name": code.display,
    }


def _dose(item: str) -> Row:
    part = _matched(r"dose (?P<quantity>[\d.]+) (?P<unit>\w+) x(?P<times>[\d.]+)", item)
    return {"dose_quantity": part["quantity"], "dose_unit": part["unit"], "doses_per_day": part["times"]}


def _procedure(item: str, told: _Teller) -> Row:
    part = _matched(r"procedure (?P<concept>proc_\w+) @(?P<day>[+-]?\d+)(?: length (?P<cm>[\d.]+))?", item)
    code = code_for(part["concept"])
    row = {
        "patient_id": told.person,
        "procedure_id": told.record("procedure"),
        "code_system": code.system,
        "code": code.code,
        "name": code.display,
        "performed_on": told.day(part["day"]),
        "status": "completed",
    }
    return row | ({"length_cm": part["cm"]} if "cm" in part else {})


def _order(item: str, told: _Teller) -> Row:
    part = _matched(r"order (?P<test>\w+) @(?P<day>[+-]?\d+)", item)
    code = code_for(TESTS[part["test"]][0])
    return {
        "patient_id": told.person,
        "code_system": code.system,
        "code": code.code,
        "ordered_on": told.day(part["day"]),
        "status": "active",
    }


class CaseTable(NamedTuple):
    """One pipe table of a `cases.md`: its kind (named in the comment before it) and its rows by column."""

    kind: str
    rows: tuple[Row, ...]


def case_tables(path: Path) -> Iterator[CaseTable]:
    """Every table that stands after a comment `<!-- cases: kind -->`, in order.

    A row that does not fill its columns is an error of the file and raises ValueError with its line number.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    for start, line in enumerate(lines):
        named = re.fullmatch(r"<!-- cases: (\w+) -->", line.strip())
        if named:
            yield CaseTable(named.group(1), tuple(_table_rows(lines, start + 1)))


def _table_rows(lines: list[str], start: int) -> Iterator[Row]:
    header: list[str] = []
    for number, line in enumerate(lines[start:], start=start + 1):
        if not line.strip() and not header:
            continue
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not header:
            header = cells
        elif not set(line) <= set("|-: "):
            if len(cells) != len(header):
                raise ValueError(f"cases line {number}: {len(cells)} cells under {len(header)} headings")
            yield dict(zip(header, cells, strict=True))
