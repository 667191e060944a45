"""Codelists and medicine names: which lists a code or a name belongs to."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.reference.reading import ATC, PREFIX_SYSTEMS

EXACT, BROAD = "exact", "broad"

Code = tuple[str, str, str, str]
"""Codelist, code system, code, breadth."""

DRUG_NAMES: Final[list[tuple[str, str]]] = [
    ("dabigatran", "drug_anticoagulant"),
    ("acenocoumarol", "drug_anticoagulant"),
    ("adenosylcobalamin", "drug_b12_methylcobalamin"),
    ("aneurine", "drug_thiamine"),
    ("dabigatran etexilate", "drug_anticoagulant"),
    ("dalteparin", "drug_anticoagulant"),
    ("dibencozide", "drug_b12_methylcobalamin"),
    ("edoxaban", "drug_anticoagulant"),
    ("enoxaparin", "drug_anticoagulant"),
    ("heparin", "drug_anticoagulant"),
    ("nicoumalone", "drug_anticoagulant"),
    ("nitrous oxide", "drug_nitrous_oxide"),
    ("phenindione", "drug_anticoagulant"),
    ("phenprocoumon", "drug_anticoagulant"),
    ("rivaroxaban", "drug_anticoagulant"),
    ("thiamin", "drug_thiamine"),
    ("tinzaparin", "drug_anticoagulant"),
    ("vitamin b 12", "drug_b12_cyanocobalamin_any"),
    ("vitamin b-12", "drug_b12_cyanocobalamin_any"),
    ("vitamin b12", "drug_b12_cyanocobalamin_any"),
    ("cyanocobalamin", "drug_b12_cyanocobalamin_any"),
    ("hydroxocobalamin", "drug_b12_hydroxocobalamin_any"),
    ("hydroxycobalamin", "drug_b12_hydroxocobalamin_any"),
    ("mecobalamin", "drug_b12_methylcobalamin"),
    ("methylcobalamin", "drug_b12_methylcobalamin"),
    ("cobamamide", "drug_b12_methylcobalamin"),
    ("vitamin b compound", "drug_b12_combination"),
    ("metformin", "drug_metformin"),
    ("omeprazole", "drug_ppi"),
    ("esomeprazole", "drug_ppi"),
    ("lansoprazole", "drug_ppi"),
    ("dexlansoprazole", "drug_ppi"),
    ("pantoprazole", "drug_ppi"),
    ("rabeprazole", "drug_ppi"),
    ("cimetidine", "drug_h2ra"),
    ("ranitidine", "drug_h2ra"),
    ("famotidine", "drug_h2ra"),
    ("nizatidine", "drug_h2ra"),
    ("colchicine", "drug_colchicine"),
    ("phenobarbital", "drug_phenobarbital"),
    ("phenobarbitone", "drug_phenobarbital"),
    ("pregabalin", "drug_pregabalin"),
    ("primidone", "drug_primidone"),
    ("topiramate", "drug_topiramate"),
    ("folic acid", "drug_folic_acid"),
    ("thiamine", "drug_thiamine"),
    ("warfarin", "drug_anticoagulant"),
    ("apixaban", "drug_anticoagulant"),
]

_ATC_CODE = re.compile(r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?")
_SEVERAL_INGREDIENTS = re.compile(r"[;+&]|(?<![a-z])and(?![a-z])")


def plain(code: str) -> str:
    """A code of a prefix system as it is compared: no dots, upper case."""
    return code.replace(".", "").upper()


def is_optic_atrophy(row: dict[str, str]) -> bool:
    """Reading 66: as a code of Leber's disease, H47.2 is not specific."""
    return row["concept"] == "cond_leber_tobacco_amblyopia" and plain(row["code"]).startswith("H472")


class Codelists:
    """All active codelist rows, and the lists a code belongs to."""

    def __init__(
        self,
        folder: Path,
        drug_names: list[tuple[str, str]] | None = None,
        extra_codes: Iterable[Code] = (),
    ) -> None:
        """`extra_codes`: what a site adds for itself, such as an exact code of nitrous oxide misuse."""
        self._rows: list[Code] = list(extra_codes)
        self._known: dict[tuple[str, str], dict[str, str]] = {}
        self._names = DRUG_NAMES if drug_names is None else drug_names
        for path in sorted(folder.glob("*.csv")):
            if not path.name.startswith(("cond_", "drug_", "lab_", "proc_")):
                continue  # not a codelist
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    # Reading 7: verified rows only; the nasal list never matches by code; A02BD is no PPI.
                    if row["verified"] != "yes" or row["concept"] == "drug_b12_cyanocobalamin_nasal":
                        continue
                    if row["concept"] == "drug_ppi" and plain(row["code"]).startswith("A02BD"):
                        continue
                    breadth = BROAD if is_optic_atrophy(row) else row["breadth"]
                    self._rows.append((row["concept"], row["system"], row["code"], breadth))

    def of_code(self, system: str | None, code: str | None) -> dict[str, str]:
        """List name -> exact or broad, for every list that holds the code (reading 8)."""
        if system is None or code is None:
            return {}
        if (system, code) not in self._known:
            self._known[system, code] = self._look_up(system, code)
        return self._known[system, code]

    def _look_up(self, system: str, code: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for concept, row_system, row_code, breadth in self._rows:
            if row_system == system and _matches(system, code, row_code) and found.get(concept) != EXACT:
                found[concept] = breadth
        return found

    def of_medication(self, system: str | None, code: str | None, name: str | None) -> set[str]:
        """The medicine lists of one medication row (reading 9)."""
        by_code = {concept for concept in self.of_code(system, code) if concept.startswith("drug_")}
        if system == ATC and code is not None and _ATC_CODE.fullmatch(plain(code)):
            return by_code
        if by_code:
            return by_code
        return self._of_name(name)

    def _of_name(self, name: str | None) -> set[str]:
        text = (name or "").lower()
        found = {concept for known, concept in self._names if _holds_word(text, known.lower())}
        b12 = {concept for concept in found if concept.startswith("drug_b12_")}
        # Reading 10: B12 together with another ingredient is a combination, never treatment.
        if b12 and _SEVERAL_INGREDIENTS.search(text):
            found = (found - b12) | {"drug_b12_combination"}
        return found


def _matches(system: str, code: str, row_code: str) -> bool:
    """Reading 8: by prefix, dots and case ignored, or exactly."""
    if system in PREFIX_SYSTEMS:
        return plain(code).startswith(plain(row_code))
    return code == row_code


def _holds_word(text: str, word: str) -> bool:
    """Reading 10: the name stands between non-letters or the ends."""
    start = text.find(word)
    while start >= 0:
        before = text[start - 1] if start > 0 else " "
        after = text[start + len(word)] if start + len(word) < len(text) else " "
        if not before.isalpha() and not after.isalpha():
            return True
        start = text.find(word, start + 1)
    return False
