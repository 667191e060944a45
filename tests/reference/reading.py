"""Text as it arrives, read into dates, numbers, units and code systems. Nothing here knows medicine.

Comments quote the clinical specification ("spec 13.2") and the numbered readings of it ("reading 13").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Context, Decimal
from typing import Final
from zoneinfo import ZoneInfo

TEXT: Final = "text"
"""What `read_value` answers for a result in words (spec 13.2: kept as not interpretable)."""

END_OF_DAY: Final = time(23, 59, 59, 999999)
INFINITY: Final = Decimal("Infinity")
ZERO: Final = Decimal(0)

_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:?\d{2})?)?",
)
_NUMBER = re.compile(r"(<=|>=|≤|≥|<|>)?\s*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_NOT_WORDS = {"nan", "inf", "infinity"}


def trimmed(row: dict[str, str | None]) -> dict[str, str | None]:
    """Inputs: values are trimmed, only empty is null."""
    clean: dict[str, str | None] = {}
    for column, text in row.items():
        clean[column] = (text or "").strip() or None
    return clean


def read_instant(text: str | None, zone: ZoneInfo) -> datetime | None:
    """Reading 1: local time of the zone; a date alone is the end of its day. None: absent or malformed."""
    match = _INSTANT.fullmatch(text) if text else None
    if match is None:
        return None
    day, clock, offset = match.groups()
    try:
        if clock is None:
            return datetime.combine(date.fromisoformat(day), END_OF_DAY)
        instant = datetime.fromisoformat(f"{day}T{clock}{offset or ''}")
    except ValueError:
        return None
    if instant.tzinfo is None:
        return instant
    return instant.astimezone(zone).replace(tzinfo=None)


def read_date(text: str | None, zone: ZoneInfo) -> date | None:
    instant = read_instant(text, zone)
    return None if instant is None else instant.date()


def read_yes(text: str | None) -> bool | None:
    """True, False, or None for a word that is neither (an empty cell is no)."""
    word = (text or "").lower()
    if word in {"true", "yes", "y", "1", "t"}:
        return True
    if word in {"", "false", "no", "n", "0", "f"}:
        return False
    return None


def read_number(text: str | None) -> Decimal | None:
    """A plain positive number without comparator, else None."""
    value = read_value(text)
    if isinstance(value, Interval) and value.low == value.high:
        return value.low
    return None


@dataclass(frozen=True)
class Interval:
    """Reading 15: every number is an interval; an uncensored one has the same number at both ends."""

    low: Decimal
    low_included: bool
    high: Decimal
    high_included: bool

    def wholly_below(self, limit: Decimal) -> bool:
        return self.high < limit or (self.high == limit and not self.high_included)

    def wholly_at_most(self, limit: Decimal) -> bool:
        return self.high <= limit

    def wholly_above(self, limit: Decimal) -> bool:
        return self.low > limit or (self.low == limit and not self.low_included)

    def wholly_at_least(self, limit: Decimal) -> bool:
        return self.low >= limit

    def partly_below(self, limit: Decimal) -> bool:
        return self.low < limit

    def times(self, factor: Decimal) -> Interval:
        """Converted to another unit. A factor of one is no conversion, so nothing is rounded then."""
        if factor == 1:
            return self
        return Interval(
            converted(self.low, factor), self.low_included, converted(self.high, factor), self.high_included
        )


def converted(number: Decimal, factor: Decimal) -> Decimal:
    """Reading 17: the printed factor, the result rounded to 6 decimals."""
    if number.is_infinite() or factor == 1:
        return number
    wide = Context(prec=80)
    return wide.quantize(wide.multiply(number, factor), Decimal("0.000001"))


def read_value(text: str | None) -> Interval | str | None:
    """Reading 13: an Interval, TEXT, or None for what is quarantined."""
    if not text:
        return None
    if text[0].isalpha():
        return None if text.lower() in _NOT_WORDS else TEXT
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    comparator, digits = match.groups()
    number = Decimal(digits)
    if number <= 0:
        return None
    if comparator is None:
        return Interval(number, True, number, True)
    if comparator == "<":
        return Interval(ZERO, False, number, False)
    if comparator in {"<=", "≤"}:
        return Interval(ZERO, False, number, True)
    if comparator == ">":
        return Interval(number, False, INFINITY, False)
    return Interval(number, True, INFINITY, False)


# Units --------------------------------------------------------------------------------------------------
# analyte -> spelling (without spaces, lower case, u for micro) -> (spelling shown, factor to the analyte's
# common unit). Common units: total B12 ng/L, active B12 pmol/L, MMA nmol/L, creatinine umol/L, Hb g/L,
# MCV fL, platelets 10*9/L, eGFR mL/min/1.73m2. Factors: spec 2.

ONE: Final = Decimal(1)
UNITS: Final[dict[str, dict[str, tuple[str, Decimal]]]] = {
    "b12_total": {
        "ng/l": ("ng/L", ONE),
        "pg/ml": ("ng/L", ONE),  # pg/mL = ng/L exactly
        "pmol/l": ("pmol/L", Decimal("1.3554")),  # only to order results of one day (reading 21)
    },
    "b12_active": {"pmol/l": ("pmol/L", ONE)},  # ng/L and pg/mL are unit errors
    "mma_serum": {
        "nmol/l": ("nmol/L", ONE),
        "umol/l": ("umol/L", Decimal(1000)),
        "nmol/ml": ("nmol/mL", Decimal(1000)),
        "ug/l": ("ug/L", Decimal("8.468")),
        "ng/ml": ("ng/mL", Decimal("8.468")),
    },
    "homocysteine": {
        "umol/l": ("umol/L", ONE),
        "nmol/ml": ("umol/L", ONE),
        "mg/l": ("mg/L", Decimal("7.397")),
    },
    # Compared in the unit reported, each with its own printed limit, so nothing is converted.
    "folate_serum": {"ug/l": ("ug/L", ONE), "ng/ml": ("ug/L", ONE), "nmol/l": ("nmol/L", ONE)},
    "potassium": {"mmol/l": ("mmol/L", ONE), "meq/l": ("mmol/L", ONE)},
    "creatinine": {"umol/l": ("umol/L", ONE), "mg/dl": ("mg/dL", Decimal("88.42"))},
    "haemoglobin": {
        "g/l": ("g/L", ONE),
        "g/dl": ("g/dL", Decimal(10)),
        "mmol/l": ("mmol/L", Decimal("16.11")),  # g/dL = mmol/L x 1.611, g/L = g/dL x 10
    },
    "mcv": {"fl": ("fL", ONE), "um3": ("fL", ONE), "um^3": ("fL", ONE)},
    "platelets": dict.fromkeys(
        (
            "10*9/l",
            "10^9/l",
            "x10^9/l",
            "x10*9/l",
            "10*3/ul",
            "10^3/ul",
            "x10^3/ul",
            "k/ul",
        ),
        ("10*9/L", ONE),
    ),
    "egfr": dict.fromkeys(
        ("ml/min/1.73m2", "ml/min/{1.73_m2}", "ml/min/1.73m^2", "ml/min/1.73{m2}"), ("mL/min/1.73m2", ONE)
    ),
}


def read_unit(analyte: str, unit: str | None) -> tuple[str, Decimal] | None:
    """Reading 14: compared without spaces and case, both micro signs as u. None: absent or not listed."""
    if unit is None:
        return None
    spelling = re.sub(r"\s", "", unit).replace("µ", "u").replace("μ", "u").lower()
    return UNITS[analyte].get(spelling)


# Code systems -------------------------------------------------------------------------------------------

LOINC, SNOMED, ICD10, ICD10CM = "LOINC", "SNOMED-CT", "ICD-10", "ICD-10-CM"
RXNORM, ATC, DMD, OPCS4, OMOP = "RxNorm", "ATC", "dm+d", "OPCS-4", "OMOP"

_SYSTEM_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    LOINC: ("loinc", "http://loinc.org", "2.16.840.1.113883.6.1"),
    SNOMED: (
        "snomed-ct",
        "snomed",
        "snomedct",
        "snomed ct",
        "sct",
        "http://snomed.info/sct",
        "2.16.840.1.113883.6.96",
    ),
    ICD10: ("icd-10", "icd10", "icd 10", "http://hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.3"),
    ICD10CM: (
        "icd-10-cm",
        "icd10cm",
        "icd10-cm",
        "icd 10 cm",
        "http://hl7.org/fhir/sid/icd-10-cm",
        "2.16.840.1.113883.6.90",
    ),
    RXNORM: ("rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88"),
    ATC: ("atc", "http://www.whocc.no/atc", "2.16.840.1.113883.6.73"),
    DMD: ("dm+d", "dmd", "https://dmd.nhs.uk"),
    OPCS4: ("opcs-4", "opcs4", "opcs 4", "https://fhir.hl7.org.uk/codesystem/opcs-4"),
    OMOP: ("omop",),
}
PREFIX_SYSTEMS: Final = (ATC, ICD10, ICD10CM, OPCS4)


def read_system(text: str | None) -> str | None:
    """Inputs: spelling and case tolerant, FHIR URIs and OIDs accepted. None: absent or unknown."""
    if text is None:
        return None
    spelling = text.lower().removeprefix("urn:oid:").rstrip("/")
    for system, spellings in _SYSTEM_SPELLINGS.items():
        if spelling in spellings:
            return system
    return None
