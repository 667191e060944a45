"""Cautions C01 to C20 of one eligible adult (specification section 11, readings 79 and 81).

C08 is not computable: there is no allergy table and no list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from tests.reference.codes import EXACT
from tests.reference.features import (
    NEURO_LISTS,
    has_code,
    has_leber_or_tobacco_amblyopia,
    is_below,
    is_positive_antibody,
    latest_value,
)
from tests.reference.follow_up import ORAL_STATES
from tests.reference.medicines import (
    Course,
    Dose,
    current_supplies,
    injection_dates,
    is_cyanocobalamin_current,
    is_medicine_current,
    is_supply_current,
)
from tests.reference.parameters import (
    AFTER_INJECTION,
    AFTER_INJECTION_SEEN,
    B12_FRESH,
    FOLIC_ACID_UG,
    HB_SEVERE,
    NEW_ON_ORAL,
    ORAL_MALABSORPTION_UG,
    PLT_SEVERE,
    SYMPTOM_WINDOW,
)
from tests.reference.records import Chart, is_within
from tests.reference.results import Index, Mma, Result, kidney_function, results_of_days

HIGH, MEDIUM, LOW = "high", "medium", "low"


@dataclass(frozen=True)
class Situation:
    """What is already known of the person when the cautions are looked for."""

    chart: Chart
    as_of: date
    doses: list[Dose]
    course: Course | None
    facts: dict[str, str]
    lists: frozenset[str]  # worklists the decision row puts the person on
    index: Index | None
    mma: Mma | None
    cause: str
    symptoms: frozenset[str]
    is_irreversible: bool


def find_cautions(person: Situation) -> dict[str, str]:
    """Caution -> severity, in the order of their numbers."""
    found = {
        "C01": folic_acid(person),
        "C02": thiamine(person),
        "C03": oral_not_enough(person),
        "C04": kidneys(person),
        "C05": cyanocobalamin(person),
        "C06": bleeding(person),
        "C07": needle_phobia(person),
        "C09": severe_anaemia(person),
        "C10": MEDIUM if person.facts["pregnant"] == "yes" else None,
        "C11": contraceptive(person),
        "C12": LOW if is_black(person.chart.person.ethnicity) else None,
        "C13": {"recent": HIGH, "class_level": MEDIUM}.get(person.facts["nitrous_oxide"]),
        "C14a": HIGH if person.facts["replacement"] == "LAPSED" and person.is_irreversible else None,
        "C14b": oral_for_injection_cause(person),
        "C15": LOW if is_medicine_current(person.chart, {"drug_metformin"}, person.as_of) else None,
        "C16": MEDIUM if person.facts["high_b12_twice"] == "yes" else None,
        "C17": sampled_after_injection(person),
        "C18": antibody_and_unlikely(person),
        "C19": LOW
        if person.facts["index_class"] == "UNLIKELY" and "macrocytosis" in person.symptoms
        else None,
        "C20": hiv(person),
    }
    return {caution: severity for caution, severity in found.items() if severity is not None}


def is_on_treatment(person: Situation) -> bool:
    return person.facts["replacement"] not in {"NEVER", "LAPSED"}


def folic_acid(person: Situation) -> str | None:
    """C01."""
    doses = []
    for medication in person.chart.medications:
        if "drug_folic_acid" not in medication.lists or not is_supply_current(medication, person.as_of):
            continue
        if medication.daily_dose_ug is None or medication.daily_dose_ug >= FOLIC_ACID_UG:
            doses.append(medication.daily_dose_ug)
    if not doses or is_on_treatment(person):
        return None
    index_class = person.facts["index_class"]
    if index_class == "LOW":
        severity = HIGH
    elif index_class in {"INDET", "AMBIGUOUS", "DISCORDANT"} or (
        index_class == "NONE" and (person.symptoms or _is_untested_with_anaemia(person))
    ):
        severity = MEDIUM
    else:
        return None
    is_periconception = all(dose is not None and dose <= FOLIC_ACID_UG for dose in doses)
    if person.facts["pregnant"] == "yes" and is_periconception:
        return {HIGH: MEDIUM, MEDIUM: LOW}[severity]
    return severity


def _is_untested_with_anaemia(person: Situation) -> bool:
    """Never an interpretable B12, with anaemia or macrocytosis (a part of "with any symptom")."""
    has_result = any(
        lab.analyte in {"b12_total", "b12_active"} and lab.value is not None for lab in person.chart.labs
    )
    return not has_result and bool(person.symptoms & {"anaemia", "macrocytosis"})


def thiamine(person: Situation) -> str | None:
    """C02: in replacement and MMA rows."""
    if not person.lists & {"b12_replacement", "mma_testing"}:
        return None
    chart, as_of = person.chart, person.as_of
    if has_code(chart, "cond_thiamine_deficiency", EXACT, None, as_of):
        return HIGH
    if any(feature.states_alcohol_dependence for feature in chart.features):
        return HIGH
    if has_code(chart, "cond_alcohol_misuse", EXACT, None, as_of):
        return MEDIUM
    return MEDIUM if any(feature.states_eating_disorder for feature in chart.features) else None


def oral_not_enough(person: Situation) -> str | None:
    """C03: new neurological features on oral B12 although the blood level is no longer low."""
    return HIGH if neuro_on_oral_since(person) else None


def neuro_on_oral_since(person: Situation) -> date | None:
    """The first neurological code after the start where C03 holds (reading 84)."""
    if person.facts["replacement"] not in ORAL_STATES or person.course is None:
        return None
    start_on, as_of = person.course.start_on, person.as_of
    results: list[Result] = []
    for kind in ("total", "active"):
        for result in results_of_days(person.chart, person.doses, kind):
            is_after = start_on is None or result.sampled_on > start_on
            if is_after and is_within(B12_FRESH, result.sampled_on, as_of):
                results.append(result)
    if not results:
        return None
    last_on = max(result.sampled_on for result in results)
    if any(result.b12_class == "LOW" for result in results if result.sampled_on == last_on):
        return None
    found: list[date] = []
    for feature in person.chart.features:
        if not any(feature.is_in(codelist, EXACT) for codelist in NEURO_LISTS) or feature.on is None:
            continue
        is_new = start_on is None and is_within(NEW_ON_ORAL, feature.on, as_of)
        is_later = (
            start_on is not None and feature.on > start_on and is_within(SYMPTOM_WINDOW, feature.on, as_of)
        )
        if is_new or is_later:
            found.append(feature.on)
    return min(found) if found else None


def kidneys(person: Situation) -> str | None:
    """C04. Homocysteine decides R08 only with an eGFR of 60 or more, so only MMA can meet this."""
    if person.mma is None:
        return None
    return MEDIUM if kidney_function(person.chart, person.mma.sampled_on) == "below_60" else None


def cyanocobalamin(person: Situation) -> str | None:
    """C05."""
    if not has_leber_or_tobacco_amblyopia(person.chart, person.as_of):
        return None
    return HIGH if is_cyanocobalamin_current(person.chart, person.as_of) else None


def may_be_injected(person: Situation) -> bool:
    return "b12_replacement" in person.lists or person.facts["replacement"] in {"LOADING", "ACTIVE_IM"}


def bleeding(person: Situation) -> str | None:
    """C06."""
    if not may_be_injected(person):
        return None
    has_few_platelets = is_below(latest_value(person.chart, "platelets", person.as_of), PLT_SEVERE)
    is_anticoagulated = is_medicine_current(person.chart, {"drug_anticoagulant"}, person.as_of)
    return MEDIUM if has_few_platelets or is_anticoagulated else None


def needle_phobia(person: Situation) -> str | None:
    """C07: broad or exact, at any time."""
    if not may_be_injected(person):
        return None
    return LOW if has_code(person.chart, "cond_needle_phobia", None, None, person.as_of) else None


def severe_anaemia(person: Situation) -> str | None:
    """C09."""
    if "b12_replacement" not in person.lists and person.facts["replacement"] != "LOADING":
        return None
    return HIGH if is_below(latest_value(person.chart, "haemoglobin", person.as_of), HB_SEVERE) else None


def contraceptive(person: Situation) -> str | None:
    """C11."""
    lists = {"drug_combined_hormonal_contraceptive"}
    return MEDIUM if is_medicine_current(person.chart, lists, person.as_of) else None


def is_black(ethnicity: str) -> bool:
    """C12: the whole word."""
    words = re.split(r"[^a-z]+", ethnicity.lower())
    return "black" in words


def oral_for_injection_cause(person: Situation) -> str | None:
    """C14b."""
    if person.facts["replacement"] not in ORAL_STATES:
        return None
    if person.is_irreversible:
        return MEDIUM
    if person.cause != "other_malabsorption":
        return None
    known = [
        dose.daily_dose_ug
        for dose in current_supplies(person.doses, person.as_of)
        if dose.daily_dose_ug is not None
    ]
    return MEDIUM if known and max(known) < ORAL_MALABSORPTION_UG else None


def sampled_after_injection(person: Situation) -> str | None:
    """C17: an intrinsic-factor antibody or a B12 sampled 1 to 14 days after an injection."""
    injections = injection_dates(person.doses)
    for lab in person.chart.labs:
        is_b12 = lab.analyte in {"b12_total", "b12_active"} and lab.value is not None
        if not is_b12 and lab.analyte != "intrinsic_factor_ab":
            continue
        if not is_within(AFTER_INJECTION_SEEN, lab.collected_on, person.as_of):
            continue
        for injected_on in injections:
            if AFTER_INJECTION[0] <= (lab.collected_on - injected_on).days <= AFTER_INJECTION[1]:
                return LOW
    return None


def antibody_and_unlikely(person: Situation) -> str | None:
    """C18."""
    if person.facts["index_class"] != "UNLIKELY":
        return None
    antibodies = [lab for lab in person.chart.labs if lab.analyte == "intrinsic_factor_ab"]
    return LOW if any(is_positive_antibody(lab) for lab in antibodies) else None


def hiv(person: Situation) -> str | None:
    """C20."""
    if person.index is None or person.index.deciding.kind != "total":
        return None
    if person.index.index_class not in {"LOW", "INDET"}:
        return None
    return LOW if has_code(person.chart, "cond_hiv", EXACT, None, person.as_of) else None
