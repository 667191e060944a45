"""Medicines: current supply (reading 37) and vitamin B12 replacement (readings 23 to 28)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Final

from tests.reference.parameters import (
    IM_INTERVAL,
    IM_INTERVAL_MONTHLY,
    IM_INTERVAL_NEURO,
    IM_LAPSED,
    IM_LAPSED_MONTHLY,
    INTERVALS_LAPSED,
    LOADING_DAYS,
    LOADING_DOSES,
    LOADING_GAP,
    MONTHLY_GAP,
    ORAL_INTERVAL,
    RX_GAP,
    TREATMENT_DOSE_UG,
    WASHOUT,
)
from tests.reference.records import Chart, Medication


def is_supply_current(medication: Medication, on: date) -> bool:
    """Spec 5.4: the supply covers the day, or ended at most 30 days before it."""
    if medication.start_on is not None and medication.start_on > on:
        return False
    if medication.is_open:
        return True
    return medication.end_on is not None and medication.end_on + timedelta(days=RX_GAP) >= on


def is_medicine_current(chart: Chart, lists: set[str], on: date) -> bool:
    return any(
        medication.lists & lists and is_supply_current(medication, on) for medication in chart.medications
    )


# Vitamin B12 replacement

B12_LISTS: Final = {
    "drug_b12_cyanocobalamin_any",
    "drug_b12_cyanocobalamin_im",
    "drug_b12_cyanocobalamin_oral",
    "drug_b12_cyanocobalamin_sublingual",
    "drug_b12_cyanocobalamin_nasal",
    "drug_b12_hydroxocobalamin_any",
    "drug_b12_hydroxocobalamin_im",
    "drug_b12_hydroxocobalamin_oral",
    "drug_b12_methylcobalamin",
}
INJECTION, ORAL, SUBLINGUAL, NASAL = "injection", "oral", "sublingual", "nasal"
INJECTION_WORDS: Final = {"im", "intramuscular", "sc", "subcutaneous", "injection"}


@dataclass(frozen=True)
class Dose:
    """An injection, or a supply by another route, that counts as treatment."""

    route: str
    start_on: date | None
    end_on: date | None  # None: open-ended, or unknown
    is_open: bool
    daily_dose_ug: Decimal | None = None
    is_administered: bool = False  # given on its day, not only prescribed or stated


def dose_route(medication: Medication) -> str:
    """Reading 23."""
    words = set(re.findall(r"[a-z]+", medication.route or ""))
    lists = medication.lists
    has_form = any(name.endswith(("_oral", "_sublingual", "_nasal")) for name in lists)
    if words & INJECTION_WORDS:
        return INJECTION
    if medication.route is None and any(name.endswith("_im") for name in lists):
        return INJECTION
    if medication.route is None and not has_form and medication.kind == "administration":
        return INJECTION
    if words & {"sublingual", "sl"}:
        return SUBLINGUAL
    if words & {"nasal", "intranasal"}:
        return NASAL
    if words & {"oral", "po", "mouth"}:
        return ORAL
    if any(name.endswith("_sublingual") for name in lists):
        return SUBLINGUAL
    if any(name.endswith("_nasal") for name in lists):
        return NASAL
    return ORAL


def b12_doses(chart: Chart) -> list[Dose]:
    doses: list[Dose] = []
    for medication in chart.medications:
        if not medication.lists & B12_LISTS:
            continue
        if medication.lists & {"drug_b12_combination", "drug_hydroxocobalamin_antidote_exclude"}:
            continue  # spec 5.1: never treatment
        route = dose_route(medication)
        if route == INJECTION:
            # Reading 24: an injected dose covers its date only.
            on = medication.start_on
            is_given = medication.kind == "administration"
            doses.append(Dose(INJECTION, on, on, medication.is_open, medication.daily_dose_ug, is_given))
            continue
        if medication.daily_dose_ug is not None and medication.daily_dose_ug < TREATMENT_DOSE_UG:
            continue  # reading 25
        doses.append(
            Dose(route, medication.start_on, medication.end_on, medication.is_open, medication.daily_dose_ug)
        )
    return doses


def injection_dates(doses: list[Dose]) -> list[date]:
    """Distinct days: a second row on the same day is the same injection told twice."""
    return sorted({dose.start_on for dose in doses if dose.route == INJECTION and dose.start_on is not None})


def is_monthly(injections: list[date]) -> bool:
    """Spec 5.1: the median of the last two gaps is 21 to 38 days; gaps under 14 days are ignored."""
    gaps: list[int] = []
    for earlier, later in pairwise(injections):
        gap = (later - earlier).days
        if gap >= LOADING_GAP:
            gaps.append(gap)
    if len(gaps) < 2:
        return False  # two gaps are needed for a pattern (S14: the last three injections)
    return MONTHLY_GAP[0] <= median(gaps[-2:]) <= MONTHLY_GAP[1]


def replacement_state(doses: list[Dose], as_of: date) -> str:
    """Reading 26, first match."""
    if not doses:
        return "NEVER"
    injections = injection_dates(doses)
    starts_known = all(dose.start_on is not None for dose in doses)
    if injections and starts_known:
        first_dose = min(dose.start_on for dose in doses if dose.start_on is not None)
        if (as_of - first_dose).days <= LOADING_DAYS and len(injections) < LOADING_DOSES:
            return "LOADING"
    if injections:
        span = IM_LAPSED_MONTHLY if is_monthly(injections) else IM_LAPSED
        if (as_of - injections[-1]).days <= span:
            return "ACTIVE_IM"
    if any(dose.route == INJECTION and dose.start_on is None and dose.is_open for dose in doses):
        return "ACTIVE_IM"  # undated, not an administration, active: current
    current = current_supplies(doses, as_of)
    if current:
        latest = max(current, key=lambda dose: dose.start_on or date.min)
        return {ORAL: "ACTIVE_ORAL", SUBLINGUAL: "ACTIVE_SL", NASAL: "ACTIVE_NASAL"}[latest.route]
    return "LAPSED"


def current_supplies(doses: list[Dose], as_of: date) -> list[Dose]:
    """The supplies by mouth, under the tongue or by the nose that cover the day or ended 30 days before."""
    current: list[Dose] = []
    for dose in doses:
        if dose.route == INJECTION:
            continue
        if dose.is_open or (dose.end_on is not None and dose.end_on + timedelta(days=RX_GAP) >= as_of):
            current.append(dose)
    return current


# Lapsed replacement (readings 51, 54)


def first_dose_on(chart: Chart, doses: list[Dose]) -> date | None:
    """A supply of unknown start counts from birth (27); an injection of unknown date covers nothing."""
    days: list[date] = []
    for dose in doses:
        if dose.start_on is not None:
            days.append(dose.start_on)
        elif dose.route != INJECTION:
            days.append(chart.person.birth_date)
    return min(days) if days else None


def last_injection_on(doses: list[Dose]) -> date | None:
    injections = injection_dates(doses)
    return injections[-1] if injections else None


def last_supply_end(doses: list[Dose]) -> date | None:
    ends = [dose.end_on for dose in doses if dose.route != INJECTION and dose.end_on is not None]
    return max(ends) if ends else None


def injection_interval(doses: list[Dose], has_neuro_code_ever: bool) -> int:
    """Spec 5.1."""
    if is_monthly(injection_dates(doses)):
        return IM_INTERVAL_MONTHLY
    return IM_INTERVAL_NEURO if has_neuro_code_ever else IM_INTERVAL


def is_gap_over_two_intervals(doses: list[Dose], has_neuro_code_ever: bool, as_of: date) -> bool:
    """Reading 54: counted from the last day covered, an injection on a tie. Unknown days: long ago."""
    injected, supplied = last_injection_on(doses), last_supply_end(doses)
    if injected is not None and (supplied is None or injected >= supplied):
        interval = injection_interval(doses, has_neuro_code_ever)
        return (as_of - injected).days > INTERVALS_LAPSED * interval
    if supplied is not None:
        return (as_of - supplied).days > INTERVALS_LAPSED * ORAL_INTERVAL
    return True


# The present course (reading 67)


@dataclass(frozen=True)
class Course:
    """The doses of the present replacement; no start where a supply began on an unknown day."""

    start_on: date | None
    injections: list[date]
    given: list[date]  # the injections among them that were administered


def present_course(doses: list[Dose], state: str) -> Course | None:
    if state in {"NEVER", "LAPSED"}:
        return None
    dated = [dose for dose in doses if dose.route != INJECTION or dose.start_on is not None]
    course: list[Dose] = []
    holds_until = date.min
    for dose in sorted(dated, key=lambda each: each.start_on or date.min):
        if dose.start_on is not None and dose.start_on > holds_until:
            course = []
        course.append(dose)
        holds_until = max(holds_until, _bridged_until(dose))
    # An undated injection that is in force now belongs to the present course, from nobody knows when.
    is_dateless = any(dose.route == INJECTION and dose.start_on is None and dose.is_open for dose in doses)
    starts = [dose.start_on for dose in course]
    start_on: date | None = None
    if starts and not is_dateless and None not in starts:
        start_on = min(start for start in starts if start is not None)
    given = [dose for dose in course if dose.is_administered]
    return Course(start_on, injection_dates(course), injection_dates(given))


def _bridged_until(dose: Dose) -> date:
    """The last day on which another dose still belongs to the same course."""
    if dose.route == INJECTION:
        assert dose.start_on is not None
        return dose.start_on + timedelta(days=IM_LAPSED)
    if dose.is_open:
        return date.max
    return date.min if dose.end_on is None else dose.end_on + timedelta(days=RX_GAP)


def is_cyanocobalamin_current(chart: Chart, as_of: date) -> bool:
    """Reading 79, C05: supply as in 37; an injection counts for 105 days."""
    for medication in chart.medications:
        if not any(name.startswith("drug_b12_cyanocobalamin") for name in medication.lists):
            continue
        is_injected = dose_route(medication) == INJECTION
        if is_injected and medication.start_on is not None:
            if 0 <= (as_of - medication.start_on).days <= IM_LAPSED:
                return True
        elif is_supply_current(medication, as_of):
            return True
    return False


def is_confounded(doses: list[Dose], birth_date: date, sampled_on: date) -> bool:
    """Readings 27 and 96: after a dose or supply start, and at most 120 days after the injection or supply end."""
    for dose in doses:
        start_on = dose.start_on
        if start_on is None:
            if dose.route == INJECTION:
                if dose.is_open and sampled_on > birth_date:
                    return True
                continue  # an ended injection of unknown date covers nothing
            start_on = birth_date
        if sampled_on <= start_on:
            continue
        if dose.route == INJECTION:
            if (sampled_on - start_on).days <= WASHOUT:
                return True
        elif dose.is_open or (dose.end_on is not None and (sampled_on - dose.end_on).days <= WASHOUT):
            return True
    return False


def has_dose_since(doses: list[Dose], sampled_on: date) -> bool:
    """Whether any B12 was given from the day of the sample on (that day's dose follows the blood)."""
    for dose in doses:
        if dose.route == INJECTION:
            if dose.start_on is not None and dose.start_on >= sampled_on:
                return True
        elif dose.is_open or (dose.end_on is not None and dose.end_on >= sampled_on):
            return True
    return False
