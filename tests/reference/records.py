"""One person's rows, read and weeded: what is in force and known at `as_of`. Refused rows are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, Protocol, TypeVar
from zoneinfo import ZoneInfo

from tests.reference.codes import BROAD, EXACT, Codelists
from tests.reference.parameters import B12_ACTIVE_PMOL_L, B12_TOTAL_NG_L, B12_TOTAL_PMOL_L, MMA_PLAUSIBLE
from tests.reference.reading import (
    Interval,
    converted,
    read_date,
    read_instant,
    read_number,
    read_system,
    read_unit,
    read_value,
    read_yes,
    trimmed,
)

Row = dict[str, str | None]

WITHDRAWN: Final = {"entered-in-error", "cancelled", "refuted"}  # reading 6
LAB_STATUSES: Final = {"preliminary", "final", "amended", "corrected"}
MEDICATION_STATUSES: Final = {"active", "completed", "stopped"}
CONDITION_STATUSES: Final = {"active", "inactive", "resolved", "recurrence", "relapse", "remission"}
PROCEDURE_STATUSES: Final = {"completed", "in-progress", "preparation", "unknown"}
ORDER_STATUSES: Final = {"active", "completed"}

LAB_LISTS: Final = {
    "lab_b12_total": "b12_total",
    "lab_b12_active": "b12_active",
    "lab_mma_serum": "mma_serum",
    "lab_creatinine": "creatinine",
    "lab_egfr": "egfr",
    "lab_haemoglobin": "haemoglobin",
    "lab_mcv": "mcv",
    "lab_platelets": "platelets",
    "lab_intrinsic_factor_ab": "intrinsic_factor_ab",
    "lab_homocysteine": "homocysteine",
    "lab_folate_serum": "folate_serum",
    "lab_potassium": "potassium",
}
NO_UNIT_NEEDED: Final = {"intrinsic_factor_ab"}  # reading 14

# Reading 11: flagged as family history, a row of these lists counts as family history.
FAMILY_HISTORY: Final = "cond_family_history_b12_autoimmune"
FAMILY_HISTORY_LISTS: Final = (
    "cond_pernicious_anaemia_autoimmune_gastritis",
    "cond_b12_deficiency",
    "cond_atrophic_gastritis",
    "cond_autoimmune_thyroid",
    "cond_sjogren",
    "cond_type1_diabetes",
    "cond_other_autoimmune",
)

# Reading 12: the codes that state CKD stage 3 to 5 or dialysis.
CKD_3_TO_5_PREFIXES: Final = ("N183", "N184", "N185", "Z992")
CKD_3_TO_5_SNOMED: Final = {"433144002", "700378005", "700379002", "431857002", "433146000"}
CKD_3_TO_5_OMOP: Final = {"443611"}


# Reading 79, C02: the codes that state alcohol dependence, and eating disorder, within their lists.
ALCOHOL_DEPENDENCE_PREFIX: Final = "F102"
ALCOHOL_DEPENDENCE: Final = {("SNOMED-CT", "7200002"), ("SNOMED-CT", "191811004"), ("OMOP", "4218106")}
EATING_DISORDER_PREFIX: Final = "F50"


@dataclass(frozen=True)
class Person:
    patient_id: str
    clinic_id: str
    birth_date: date
    sex: str  # female, male, other, unknown
    registered_on: date | None
    deregistered_on: date | None
    deceased_on: date | None
    ethnicity: str


@dataclass(frozen=True)
class Lab:
    analyte: str
    code: str
    collected_at: datetime
    received_at: datetime
    record_id: str | None
    sample_id: str | None
    status: str
    reported: str  # value text, trimmed
    value: Interval | None  # as reported; None for a result in words
    common: Interval | None  # in the analyte's common unit
    unit: str | None  # standard spelling
    reported_unit: str | None
    upper_limit: Decimal | None  # the laboratory's own, as reported
    common_upper_limit: Decimal | None
    lower_limit: Decimal | None  # as reported
    key: tuple[object, ...]

    @property
    def collected_on(self) -> date:
        return self.collected_at.date()


@dataclass(frozen=True)
class Medication:
    lists: frozenset[str]
    start_on: date | None
    end_on: date | None  # last day covered, None if open or unknown
    is_open: bool
    kind: str
    route: str | None
    daily_dose_ug: Decimal | None
    status: str
    key: tuple[object, ...]


@dataclass(frozen=True)
class Feature:
    """A coded condition or procedure: every list its code is in, with the breadth of the match."""

    lists: dict[str, str]
    on: date | None  # conditions: the later of onset and recorded
    resolved_on: date | None
    is_resolved: bool  # status says so
    states_ckd_3_to_5: bool
    states_alcohol_dependence: bool
    states_eating_disorder: bool
    length_cm: Decimal | None
    status: str
    key: tuple[object, ...]

    def is_in(self, codelist: str, breadth: str | None = None) -> bool:
        return codelist in self.lists and breadth in (None, self.lists[codelist])


@dataclass(frozen=True)
class Order:
    analyte: str
    ordered_on: date
    status: str


@dataclass(frozen=True)
class Chart:
    """Everything in force about one person."""

    person: Person
    labs: list[Lab]
    medications: list[Medication]
    features: list[Feature]
    orders: list[Order]


# People -------------------------------------------------------------------------------------------------


def read_person(rows: list[Row], zone: ZoneInfo) -> Person | None:
    """The person of these patient rows; None if opted out or quarantined (spec 13.9, inputs)."""
    distinct = {tuple(sorted((k, v) for k, v in row.items() if v is not None)) for row in rows}
    if any(read_yes(row.get("opted_out")) is not False for row in rows):
        return None  # an unreadable word counts as opted out
    if len(distinct) > 1:
        return None  # two differing rows: file order never decides
    row = rows[0]
    birth_date = read_date(row.get("birth_date"), zone)
    if birth_date is None:
        return None
    dates: dict[str, date | None] = {}
    for column in ("registered_on", "deregistered_on", "deceased_on"):
        dates[column] = read_date(row.get(column), zone)
        if row.get(column) is not None and dates[column] is None:
            return None  # a date that cannot be read refuses the row
    sex = {"f": "female", "m": "male"}.get((row.get("sex") or "").lower(), (row.get("sex") or "").lower())
    return Person(
        patient_id=row["patient_id"] or "",
        clinic_id=row.get("clinic_id") or "_unassigned",
        birth_date=birth_date,
        sex=sex if sex in {"female", "male", "other"} else "unknown",
        registered_on=dates["registered_on"],
        deregistered_on=dates["deregistered_on"],
        deceased_on=dates["deceased_on"],
        ethnicity=row.get("ethnicity") or "",
    )


def is_in_lifetime(person: Person, on: date) -> bool:
    """Reading 5: rows before birth or after death are quarantined."""
    if on < person.birth_date:
        return False
    return person.deceased_on is None or on <= person.deceased_on


def age_on(person: Person, on: date) -> int:
    """Reading 2: completed calendar years; 29 February completes its year on 1 March in a common year."""
    had_birthday = (on.month, on.day) >= (person.birth_date.month, person.birth_date.day)
    return on.year - person.birth_date.year - (0 if had_birthday else 1)


def is_within(days: int, on: date | None, as_of: date) -> bool:
    """Reading 2: at most `days` ago. What has no date lies in no window."""
    return on is not None and 0 <= (as_of - on).days <= days


# Rows in force ------------------------------------------------------------------------------------------


class Versioned(Protocol):
    @property
    def key(self) -> tuple[object, ...]: ...
    @property
    def status(self) -> str: ...


V = TypeVar("V", bound=Versioned)


def record_key(row: Row, id_column: str, name_column: str) -> tuple[object, ...]:
    """Inputs: patient, record id and code (or name); without a record id, all columns."""
    if row.get(id_column) is not None:
        return (row[id_column], row.get("code") or row.get(name_column))
    return tuple(sorted((k, v) for k, v in row.items() if v is not None))


def versions_in_force(
    versions: list[V], known_since: Callable[[V], datetime], preference: Callable[[V], tuple[object, ...]]
) -> list[V]:
    """Reading 19: of each record the version received last; a withdrawal (reading 6) leaves nothing of it.

    `preference` orders versions received at the same instant, the smallest first.
    """
    by_key: dict[tuple[object, ...], list[V]] = {}
    for version in versions:
        by_key.setdefault(version.key, []).append(version)
    kept: list[V] = []
    for same_record in by_key.values():
        latest = max(known_since(version) for version in same_record)
        newest = [version for version in same_record if known_since(version) == latest]
        if any(version.status in WITHDRAWN for version in newest):
            continue
        kept.append(min(newest, key=preference))
    return kept


STATUS_ORDER: Final = {"corrected": 0, "amended": 0, "final": 1, "preliminary": 2}


# Laboratory rows ----------------------------------------------------------------------------------------


def read_lab(row: Row, person: Person, as_of: date, codelists: Codelists, zone: ZoneInfo) -> Lab | None:
    found = codelists.of_code(read_system(row.get("code_system")), row.get("code"))
    analytes = [LAB_LISTS[name] for name in found if name in LAB_LISTS]
    if not analytes:
        return None  # out of scope
    analyte = analytes[0]
    collected_at = read_instant(row.get("collected_at"), zone)
    if collected_at is None or not is_in_lifetime(person, collected_at.date()):
        return None
    # Reading 3: without `received_at` the row counts as received on its own date.
    received_at = read_instant(row.get("received_at"), zone) if row.get("received_at") else collected_at
    if received_at is None:
        return None
    if collected_at.date() > as_of or received_at.date() > as_of:
        return None  # spec 13.8: not yet known
    status = (row.get("status") or "final").lower()  # reading 18
    if status not in LAB_STATUSES | WITHDRAWN:
        return None

    reported = row.get("value") or ""
    value: Interval | None = None
    common: Interval | None = None
    unit: str | None = None
    limit: Decimal | None = None
    lower_limit: Decimal | None = None
    common_limit: Decimal | None = None
    # A withdrawn version says nothing, so its value need not be readable.
    if status not in WITHDRAWN:
        number = read_value(reported)
        if number is None:
            return None  # reading 13: malformed, zero or negative
        if isinstance(number, Interval):
            value = common = number
            limit = common_limit = read_number(row.get("reference_high"))  # reading 33
            lower_limit = read_number(row.get("reference_low"))
            if analyte not in NO_UNIT_NEEDED:
                known_unit = read_unit(analyte, row.get("unit"))
                if known_unit is None:
                    return None  # reading 14: a number without a unit, or with an unlisted one
                unit, factor = known_unit
                common = number.times(factor)
                common_limit = None if limit is None else converted(limit, factor)
            if analyte == "mma_serum" and is_implausible_mma(common):
                return None
    return Lab(
        analyte=analyte,
        code=row["code"] or "",
        collected_at=collected_at,
        received_at=received_at,
        record_id=row.get("result_id"),
        sample_id=row.get("sample_id"),
        status=status,
        reported=reported,
        value=value,
        common=common,
        unit=unit,
        reported_unit=row.get("unit"),
        upper_limit=limit,
        common_upper_limit=common_limit,
        lower_limit=lower_limit,
        key=record_key(row, "result_id", "test_name"),
    )


def is_implausible_mma(value: Interval) -> bool:
    """Reading 16, spec 2: wholly outside 20 to 200,000 nmol/L."""
    return value.wholly_below(MMA_PLAUSIBLE[0]) or value.wholly_above(MMA_PLAUSIBLE[1])


def lab_preference(lab: Lab) -> tuple[object, ...]:
    """Readings 19 and 21 among versions received together: status, then lowest B12 or highest MMA."""
    return (STATUS_ORDER[lab.status], *value_preference(lab), lab.reported)


def value_preference(lab: Lab) -> tuple[object, ...]:
    """Reading 21: a LOW first, else the lowest B12; the highest MMA. A result in words comes last."""
    if lab.common is None:
        return (1,)
    if lab.analyte == "mma_serum":
        return (0, 0, -lab.common.low, lab.common.low_included, -lab.common.high)
    is_low_b12 = lab.analyte in {"b12_total", "b12_active"} and b12_class(lab) == "LOW"
    # `>=350` begins before `>350`, and `<150` ends before `<=150`.
    ends = (lab.common.low, not lab.common.low_included, lab.common.high, lab.common.high_included)
    return (0, 0 if is_low_b12 else 1, *ends)


def b12_limits(lab: Lab) -> tuple[Decimal, Decimal]:
    """Spec 2: each unit has its own published limits, nothing is converted."""
    if lab.analyte == "b12_active":
        return B12_ACTIVE_PMOL_L
    return B12_TOTAL_PMOL_L if lab.unit == "pmol/L" else B12_TOTAL_NG_L


def b12_class(lab: Lab) -> str:
    """Spec 1 and 6.1: the class of one B12 result in the unit reported; spec 13.3 for censored ones."""
    if lab.value is None:
        return "NOT_INTERPRETABLE"
    low, high = b12_limits(lab)
    if lab.value.wholly_below(low):
        return "LOW"
    if lab.value.wholly_above(high):
        return "UNLIKELY"
    if lab.value.wholly_at_least(low) and lab.value.wholly_at_most(high):
        return "INDET"
    return "AMBIGUOUS"


def is_low_possible(lab: Lab) -> bool:
    """Reading 30: some part of the interval lies below the LOW limit."""
    return lab.value is not None and lab.value.partly_below(b12_limits(lab)[0])


def without_repeats(labs: list[Lab]) -> list[Lab]:
    """Reading 20, spec 13.6: one sample reported under several record ids."""
    kept: list[Lab] = []
    by_sample: dict[tuple[object, ...], list[Lab]] = {}
    for lab in labs:
        if lab.sample_id is None:
            kept.append(lab)
        else:
            by_sample.setdefault((lab.analyte, lab.sample_id, lab.collected_at), []).append(lab)
    for same_sample in by_sample.values():
        replaced = [lab for lab in same_sample if lab.status in {"amended", "corrected"}]
        seen: set[tuple[str, str | None]] = set()
        for lab in sorted(replaced or same_sample, key=lambda each: each.record_id or ""):
            if (lab.reported, lab.reported_unit) not in seen:
                seen.add((lab.reported, lab.reported_unit))
                kept.append(lab)
    return kept


# Medicines ----------------------------------------------------------------------------------------------

MICROGRAMS: Final = {
    "ug": Decimal(1),
    "mcg": Decimal(1),
    "microgram": Decimal(1),
    "micrograms": Decimal(1),
    "mg": Decimal(1000),
    "g": Decimal(1_000_000),
}


def read_medication(
    row: Row, person: Person, as_of: date, codelists: Codelists, zone: ZoneInfo
) -> Medication | None:
    lists = codelists.of_medication(
        read_system(row.get("code_system")), row.get("code"), row.get("drug_name")
    )
    start_on = read_date(row.get("start_on"), zone)
    if row.get("start_on") is not None and start_on is None:
        return None
    end_given = read_date(row.get("end_on"), zone)
    if row.get("end_on") is not None and end_given is None:
        return None
    # An absent kind is read as a prescription, so that a list without this column is not a list of nothing.
    kind = (row.get("kind") or "prescription").lower()
    status = (row.get("status") or "active").lower()
    if status not in MEDICATION_STATUSES | WITHDRAWN:
        return None
    if start_on is None and kind == "administration":
        return None  # reading 26
    if start_on is not None and (not is_in_lifetime(person, start_on) or start_on > as_of):
        return None
    end_on, is_open = supply_end(row, kind, status, start_on, end_given)
    quantity = read_number(row.get("dose_quantity"))
    times_a_day = read_number(row.get("doses_per_day")) or Decimal(1)
    micrograms = MICROGRAMS.get((row.get("dose_unit") or "").replace("µ", "u").replace("μ", "u").lower())
    return Medication(
        lists=frozenset(lists),
        start_on=start_on,
        end_on=end_on,
        is_open=is_open,
        kind=kind,
        route=(row.get("route") or "").lower() or None,
        daily_dose_ug=None if quantity is None or micrograms is None else quantity * micrograms * times_a_day,
        status=status,
        key=record_key(row, "medication_id", "drug_name"),
    )


def supply_end(
    row: Row, kind: str, status: str, start_on: date | None, end_given: date | None
) -> tuple[date | None, bool]:
    """Reading 24: the last day covered, and whether the supply is open-ended."""
    if kind == "administration":
        return start_on, False
    if end_given is not None:
        return end_given, False
    days = read_number(row.get("days_supply"))
    if days is not None and start_on is not None:
        return start_on + timedelta(days=int(days) - 1), False
    if status == "active" and kind in {"prescription", "statement"}:
        return None, True
    return start_on, False


# Conditions and procedures ------------------------------------------------------------------------------


def read_condition(
    row: Row, person: Person, as_of: date, codelists: Codelists, zone: ZoneInfo
) -> Feature | None:
    days: dict[str, date | None] = {}
    for column in ("onset_on", "recorded_on", "resolved_on"):
        days[column] = read_date(row.get(column), zone)
        if row.get(column) is not None and days[column] is None:
            return None
    stated = [day for day in (days["onset_on"], days["recorded_on"]) if day is not None]
    on = max(stated) if stated else None  # spec 5.2: the later of onset and recorded
    status = (row.get("status") or "active").lower()
    if status not in CONDITION_STATUSES | WITHDRAWN:
        return None
    lists = codelists.of_code(read_system(row.get("code_system")), row.get("code"))
    is_family_history = read_yes(row.get("is_family_history")) is True
    if is_family_history:  # reading 11
        breadths = [lists[name] for name in (FAMILY_HISTORY, *FAMILY_HISTORY_LISTS) if name in lists]
        lists = {FAMILY_HISTORY: EXACT if EXACT in breadths else BROAD} if breadths else {}
    return _feature(row, person, as_of, on, lists, status, "condition_id", days["resolved_on"])


def read_procedure(
    row: Row, person: Person, as_of: date, codelists: Codelists, zone: ZoneInfo
) -> Feature | None:
    on = read_date(row.get("performed_on"), zone)
    status = (row.get("status") or "completed").lower()
    if on is None or status not in PROCEDURE_STATUSES | WITHDRAWN:
        return None
    lists = codelists.of_code(read_system(row.get("code_system")), row.get("code"))
    return _feature(row, person, as_of, on, lists, status, "procedure_id", None)


def _feature(
    row: Row,
    person: Person,
    as_of: date,
    on: date | None,
    lists: dict[str, str],
    status: str,
    id_column: str,
    resolved_on: date | None,
) -> Feature | None:
    if on is not None and (not is_in_lifetime(person, on) or on > as_of):
        return None
    code = (row.get("code") or "").replace(".", "").upper()
    system = read_system(row.get("code_system"))
    is_icd = system in {"ICD-10", "ICD-10-CM"}
    return Feature(
        # A code is looked up in every list of conditions and procedures, whichever table it comes from.
        lists={name: breadth for name, breadth in lists.items() if name.startswith(("cond_", "proc_"))},
        on=on,
        resolved_on=resolved_on,
        is_resolved=status in {"resolved", "inactive", "remission"},
        states_ckd_3_to_5="cond_ckd" in lists
        and (code.startswith(CKD_3_TO_5_PREFIXES) or code in CKD_3_TO_5_SNOMED or code in CKD_3_TO_5_OMOP),
        states_alcohol_dependence="cond_alcohol_misuse" in lists
        and ((is_icd and code.startswith(ALCOHOL_DEPENDENCE_PREFIX)) or (system, code) in ALCOHOL_DEPENDENCE),
        states_eating_disorder="cond_vegan_low_b12_diet" in lists
        and is_icd
        and code.startswith(EATING_DISORDER_PREFIX),
        length_cm=read_number(row.get("length_cm")),
        status=status,
        key=record_key(row, id_column, "name"),
    )


# Orders -------------------------------------------------------------------------------------------------


def read_order(row: Row, person: Person, as_of: date, codelists: Codelists, zone: ZoneInfo) -> Order | None:
    found = codelists.of_code(read_system(row.get("code_system")), row.get("code"))
    analytes = [LAB_LISTS[name] for name in found if name in LAB_LISTS]
    ordered_on = read_date(row.get("ordered_on"), zone)
    status = (row.get("status") or "active").lower()
    if not analytes or ordered_on is None or status not in ORDER_STATUSES:
        return None
    if not is_in_lifetime(person, ordered_on) or ordered_on > as_of:
        return None
    return Order(analytes[0], ordered_on, status)


# The chart ----------------------------------------------------------------------------------------------


def read_chart(
    person: Person, rows: dict[str, list[Row]], as_of: date, codelists: Codelists, zone: ZoneInfo
) -> Chart:
    labs: list[Lab] = []
    for row in rows["labs"]:
        lab = read_lab(row, person, as_of, codelists, zone)
        if lab is not None:
            labs.append(lab)
    medications: list[Medication] = []
    for row in rows["medications"]:
        medication = read_medication(row, person, as_of, codelists, zone)
        if medication is not None:
            medications.append(medication)
    conditions: list[Feature] = []
    for row in rows["conditions"]:
        condition = read_condition(row, person, as_of, codelists, zone)
        if condition is not None:
            conditions.append(condition)
    procedures: list[Feature] = []
    for row in rows["procedures"]:
        procedure = read_procedure(row, person, as_of, codelists, zone)
        if procedure is not None:
            procedures.append(procedure)
    orders: list[Order] = []
    for row in rows["orders"]:
        order = read_order(row, person, as_of, codelists, zone)
        if order is not None:
            orders.append(order)

    labs_in_force = versions_in_force(labs, lambda lab: lab.received_at, lab_preference)
    return Chart(
        person=person,
        labs=without_repeats(labs_in_force),
        medications=versions_in_force(
            medications,
            lambda m: _start_of_day(m.start_on),
            lambda m: (m.status, f"{m.end_on} {m.route} {m.daily_dose_ug} {sorted(m.lists)}"),
        ),
        features=[
            *versions_in_force(conditions, lambda c: _start_of_day(c.on), lambda c: (c.status, repr(c))),
            *versions_in_force(procedures, lambda p: _start_of_day(p.on), lambda p: (p.status, repr(p))),
        ],
        orders=orders,
    )


def _start_of_day(on: date | None) -> datetime:
    return datetime.combine(on or date.min, time.min)


def rows_by_person(rows: list[Row]) -> dict[str, list[Row]]:
    """Trimmed rows of each patient id; an identical row again is collapsed (inputs)."""
    by_person: dict[str, list[Row]] = {}
    seen: set[tuple[tuple[str, str | None], ...]] = set()
    for row in rows:
        clean = trimmed(row)
        patient_id = clean.get("patient_id")
        content = tuple(sorted(clean.items()))
        if patient_id is None or content in seen:
            continue
        seen.add(content)
        by_person.setdefault(patient_id, []).append(clean)
    return by_person
