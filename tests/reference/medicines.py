"""Medicines: current supply (reading 37) and vitamin B12 replacement (readings 23 to 28)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from tests.reference.parameters import (
    IM_LAPSED,
    IM_LAPSED_MONTHLY,
    LOADING_DAYS,
    LOADING_DOSES,
    LOADING_GAP,
    MONTHLY_GAP,
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
            doses.append(Dose(INJECTION, medication.start_on, medication.start_on, medication.is_open))
            continue
        if medication.daily_dose_ug is not None and medication.daily_dose_ug < TREATMENT_DOSE_UG:
            continue  # reading 25
        doses.append(Dose(route, medication.start_on, medication.end_on, medication.is_open))
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
    current: list[Dose] = []
    for dose in doses:
        if dose.route == INJECTION:
            continue
        if dose.is_open or (dose.end_on is not None and dose.end_on + timedelta(days=RX_GAP) >= as_of):
            current.append(dose)
    if current:
        latest = max(current, key=lambda dose: dose.start_on or date.min)
        return {ORAL: "ACTIVE_ORAL", SUBLINGUAL: "ACTIVE_SL", NASAL: "ACTIVE_NASAL"}[latest.route]
    return "LAPSED"


def is_confounded(doses: list[Dose], birth_date: date, sampled_on: date) -> bool:
    """Reading 27: after a dose or supply start, and at most 120 days after the injection or supply end."""
    for dose in doses:
        start_on = dose.start_on
        if start_on is None:
            if dose.route == INJECTION:
                continue  # an injection of unknown date covers nothing
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
