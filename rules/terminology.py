"""The codelists and spellings beside the packs: read, checked and made ready to be joined with records."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import polars as pl

from rules.list_register import check_register
from rules.model import CodeList
from rules.reading import closest, read_rows
from schemas.errors import RulePackError

EXPANSION: Final[Mapping[str, Mapping[str, Any]]] = tomllib.loads(
    files("rules").joinpath("codelists", "expansion.toml").read_text(encoding="utf-8")
)
"""Code system -> how its codes match, whether dots count, and the levels of its hierarchy."""
SYSTEMS: Final = tuple(EXPANSION)
PREFIX_SYSTEMS: Final = tuple(system for system, of in EXPANSION.items() if of["match"] == "prefix")

ROUTE_FORMS: Final = ("im", "oral", "sublingual", "nasal")
NO_CONCEPTS: Final = frozenset({"exceptions"})

_CODE_COLUMNS: Final = ("concept", "system", "code", "display", "breadth", "source", "verified")
_PATTERNS: Final = {
    "LOINC": r"\d{1,7}-\d",
    "SNOMED-CT": r"[1-9]\d{5,17}",
    "dm+d": r"[1-9]\d{5,17}",
    "RxNorm": r"[1-9]\d{0,7}",
    "OMOP": r"[1-9]\d{0,9}",
    "ATC": r"[A-Z](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?",
    "ICD-10": r"[A-Z]\d{2}(\.\d{1,2})?",
    "ICD-10-CM": r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
    "OPCS-4": r"[A-Z]\d{2}(\.\d)?",
}

# Verhoeff: the dihedral group of order ten, and the permutation of each position.
_DIHEDRAL: Final = tuple(
    tuple((a + b) % 5 if a < 5 and b < 5 else
          5 + (a + b) % 5 if a < 5 else
          5 + (a - b) % 5 if b < 5 else
          (a - b) % 5 for b in range(10))
    for a in range(10)
)  # fmt: skip
_FIRST_SHUFFLE: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def is_verhoeff(digits: str) -> bool:
    """True if the last digit is the Verhoeff check digit of the others (SNOMED CT and dm+d identifiers)."""
    check = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(position % 8):
            value = _FIRST_SHUFFLE[value]
        check = _DIHEDRAL[check][value]
    return check == 0


def is_loinc(code: str) -> bool:
    """True if the digit after the dash is the mod-10 check digit of the number before it."""
    number, _, check = code.partition("-")
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number)))
    return (10 - sum(value - 9 if value > 9 else value for value in doubled) % 10) % 10 == int(check)


def code_fault(system: str, code: str) -> str | None:
    """Why a code cannot be one of its system; None if it can. It does not say that the code exists."""
    if system not in SYSTEMS:
        return f"unknown code system `{system}`"
    if not re.fullmatch(_PATTERNS[system], code):
        return f"`{code}` has not the form of a {system} code"
    if system == "LOINC" and not is_loinc(code):
        return f"`{code}` fails the check digit of LOINC"
    if system in ("SNOMED-CT", "dm+d") and not is_verhoeff(code):
        return f"`{code}` fails the check digit of SNOMED CT"
    return None


def plain_code(system: str, code: str) -> str:
    """A code as it is compared: dots dropped and upper case where a system's dots do not count."""
    return code.replace(".", "").upper() if EXPANSION[system]["ignores_dots"] else code


def concept_names(root: Traversable) -> frozenset[str]:
    """Names of all codelists; a pack may speak of these and no others."""
    files = (path.name for path in root.joinpath("codelists").iterdir())
    return frozenset(name.removesuffix(".csv") for name in files if name.endswith(".csv")) - NO_CONCEPTS


def read_codes(
    root: Traversable, switched_on: Collection[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[CodeList, ...]]:
    """The codes that may match, the codes held back, and every list with what its register says of it.

    One row per codelist code: concept, system, code, match (exact or prefix), match_code, breadth, display; held
    back ones with `why` (unverified or excepted). Ordered by concept, system and code. Of the lists named in
    `switched_on` unverified codes match too; excepted ones never do. Refuses a malformed code, a repeated row, an
    unknown word, an exception that fits no row, and a list that is not what its register says.
    """
    known = concept_names(root)
    for name in switched_on:
        if name not in known:
            raise RulePackError(
                f"[codelists] switched_on: there is no codelist `{name}`.", closest(name, known)
            )
    rows = [row for concept in sorted(known) for row in _list_rows(root, concept)]
    excepted = _exceptions(root, {_key(row) for row in rows})
    told = [row | {"why": _why_held(row, excepted, switched_on)} for row in rows]
    active = [row for row in told if not row["why"]]
    held = [row for row in told if row["why"]]
    lists = _lists(root, rows, excepted, switched_on)
    return _codes_frame(active).drop("why"), _codes_frame(held), lists


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["concept"], row["system"], row["code"]


def _why_held(
    row: Mapping[str, str], excepted: Collection[tuple[str, str, str]], switched_on: Collection[str]
) -> str:
    if _key(row) in excepted:
        return "excepted"
    return "unverified" if row["verified"] == "no" and row["concept"] not in switched_on else ""


def _lists(
    root: Traversable,
    rows: Iterable[Mapping[str, str]],
    excepted: Collection[tuple[str, str, str]],
    switched_on: Collection[str],
) -> tuple[CodeList, ...]:
    counted = Counter(row["concept"] for row in rows)
    unverified = Counter(
        row["concept"] for row in rows if row["verified"] == "no" and _key(row) not in excepted
    )
    return tuple(
        CodeList(
            name=name,
            version=said.version,
            date=said.date,
            source=said.source,
            sha256=said.sha256,
            state=said.state,
            codes=counted[name],
            unverified=unverified[name],
            is_switched_on=name in switched_on,
        )
        for name, said in check_register(root).items()
        if name not in NO_CONCEPTS
    )


def _list_rows(root: Traversable, concept: str) -> Iterable[dict[str, str]]:
    seen: set[tuple[str, str]] = set()
    for place, row in read_rows(root.joinpath("codelists", f"{concept}.csv"), _CODE_COLUMNS):
        if row["concept"] != concept:
            raise RulePackError(f"{place} names another list than its file.", f"Expected `{concept}`.")
        _refuse_unless(row["breadth"], ("exact", "broad"), place, "breadth")
        _refuse_unless(row["verified"], ("yes", "no"), place, "verified")
        fault = code_fault(row["system"], row["code"])
        if fault:
            raise RulePackError(f"{place} {fault}.", "Check the code against its source.")
        if (row["system"], row["code"]) in seen:
            raise RulePackError(f"{place} repeats a code of this list.", "Keep one of the two rows.")
        seen.add((row["system"], row["code"]))
        yield row


def _exceptions(root: Traversable, known: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    found = set()
    path = root.joinpath("codelists", "exceptions.csv")
    for place, row in read_rows(path, ("concept", "system", "code", "reason")):
        key = (row["concept"], row["system"], row["code"])
        if key not in known:
            raise RulePackError(
                f"{place} excepts a code that no list holds.", "Correct or drop the exception."
            )
        if not row["reason"]:
            raise RulePackError(f"{place} gives no reason.", "Say why the code must not match.")
        found.add(key)
    return found


def _codes_frame(rows: Iterable[Mapping[str, str]]) -> pl.DataFrame:
    columns = ("concept", "system", "code", "match", "match_code", "breadth", "display", "why")
    records = [
        {
            **row,
            "match": EXPANSION[row["system"]]["match"],
            "match_code": plain_code(row["system"], row["code"]),
        }
        for row in rows
    ]
    schema = dict.fromkeys(columns, pl.String)
    return pl.DataFrame([{column: record[column] for column in columns} for record in records], schema).sort(
        "concept", "system", "code"
    )


def read_drug_names(root: Traversable) -> tuple[pl.DataFrame, int]:
    """One row per reviewed ingredient name (name, concept), and how many names wait for review."""
    known = concept_names(root)
    seen: set[str] = set()
    reviewed: list[tuple[str, str]] = []
    columns = ("name", "concept", "ingredient_source", "reviewed")
    for place, row in read_rows(root.joinpath("drug_names.csv"), columns):
        _refuse_unless(row["concept"], known, place, "codelist")
        _refuse_unless(row["reviewed"], ("yes", "no"), place, "reviewed")
        name = row["name"]
        if name != name.strip().lower() or not name or not row["ingredient_source"]:
            raise RulePackError(f"{place} needs a name in lower case and its source.", "Complete the row.")
        if name in seen:
            raise RulePackError(f"{place} repeats the name `{name}`.", "A name stands for one codelist.")
        seen.add(name)
        if row["reviewed"] == "yes":
            reviewed.append((name, row["concept"]))
    frame = pl.DataFrame(sorted(reviewed), {"name": pl.String, "concept": pl.String}, orient="row")
    return frame, len(seen) - len(reviewed)


def read_units(root: Traversable, sources: Collection[str]) -> pl.DataFrame:
    """One row per accepted unit spelling of an analyte: analyte, spelling, unit, normal_unit, factor.

    One standard unit has one factor, and the normal unit has factor 1, whatever the spelling.
    """
    columns = ("analyte", "spelling", "unit", "normal_unit", "factor", "evidence", "source")
    rows: list[tuple[str, str, str, str, float]] = []
    seen: set[tuple[str, str]] = set()
    factors: dict[tuple[str, str], tuple[str, float]] = {}
    known = {*concept_names(root), "dose"}
    for place, row in read_rows(root.joinpath("units.csv"), columns):
        _refuse_unless(row["analyte"], known, place, "codelist")
        factor = _factor(row["factor"], place)
        _check_spelling(row, place)
        for tag in row["evidence"].split():
            _refuse_unless(tag, (*sources, "K", "P"), place, "evidence tag")
        if not row["evidence"] or not row["source"]:
            raise RulePackError(f"{place} is not cited.", "Give evidence and source.")
        if (row["analyte"], row["spelling"]) in seen:
            raise RulePackError(
                f"{place} lists `{row['spelling']}` twice for {row['analyte']}.", "Keep one row."
            )
        seen.add((row["analyte"], row["spelling"]))
        meaning = (row["normal_unit"], factor)
        if factors.setdefault((row["analyte"], row["unit"]), meaning) != meaning:
            raise RulePackError(f"{place} gives {row['unit']} a second meaning.", "One unit, one factor.")
        if row["unit"] == row["normal_unit"] and factor != 1:
            raise RulePackError(f"{place} converts {row['unit']} to itself by {factor:g}.", "Use factor 1.")
        rows.append((row["analyte"], row["spelling"], row["unit"], row["normal_unit"], factor))
    schema = dict.fromkeys(columns[:4], pl.String())
    return pl.DataFrame(rows, {**schema, "factor": pl.Float64()}, orient="row").sort("analyte", "spelling")


def _factor(text: str, place: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text) or float(text) <= 0:
        raise RulePackError(f"{place} has no usable factor.", "Write a number above zero.")
    return float(text)


def _check_spelling(row: dict[str, str], place: str) -> None:
    spelling = row["spelling"]
    if not spelling or spelling != re.sub(r"\s", "", spelling).lower().replace("µ", "u").replace("μ", "u"):
        raise RulePackError(
            f"{place} has a spelling that no unit can equal.", "Lower case, no spaces, u for the micro sign."
        )


def read_routes(root: Traversable) -> pl.DataFrame:
    """One row per spelling of a route of administration (lower case), with its form."""
    seen: dict[str, str] = {}
    for place, row in read_rows(root.joinpath("routes.csv"), ("spelling", "form")):
        _refuse_unless(row["form"], ROUTE_FORMS, place, "form")
        if row["spelling"] != row["spelling"].strip().lower() or not row["spelling"]:
            raise RulePackError(f"{place} has a spelling that no route can equal.", "Lower case, trimmed.")
        if row["spelling"] in seen:
            raise RulePackError(f"{place} lists `{row['spelling']}` twice.", "A route has one form.")
        seen[row["spelling"]] = row["form"]
    return pl.DataFrame(sorted(seen.items()), {"spelling": pl.String, "form": pl.String}, orient="row")


def squeezed(alias: str) -> str:
    """A code system's name as it is compared: lower case without spaces, dashes and underscores."""
    return re.sub(r"[\s\-_]", "", alias).lower()


def read_code_systems(root: Traversable) -> pl.DataFrame:
    """One row per accepted name of a code system: alias (squeezed), system."""
    seen: dict[str, str] = {}
    for place, row in read_rows(root.joinpath("code_systems.csv"), ("alias", "system")):
        _refuse_unless(row["system"], SYSTEMS, place, "code system")
        alias = squeezed(row["alias"])
        if not alias or alias in seen:
            raise RulePackError(f"{place} repeats an alias or is empty.", "An alias names one code system.")
        seen[alias] = row["system"]
    return pl.DataFrame(sorted(seen.items()), {"alias": pl.String, "system": pl.String}, orient="row")


def _refuse_unless(word: str, allowed: Collection[str], place: str, what: str) -> None:
    if word not in allowed:
        raise RulePackError(f"{place} has the unknown {what} `{word}`.", closest(word, allowed))
