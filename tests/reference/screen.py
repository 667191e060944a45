"""The decision for every person, one at a time: the ordered table of specification section 7.

Only the rows R01 R02 R03 R09 R10 R11 R12 R20 R22 R24 R25 R26 R27 R28 R29 R40 R50 are held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.reference.codes import Codelists
from tests.reference.features import (
    find_cause,
    find_regimen,
    find_risk_factors,
    find_symptoms,
    first_test_tier,
    has_open_order,
    is_below,
    latest_value,
    neuro_certainty,
    symptom_fact,
)
from tests.reference.medicines import b12_doses, replacement_state
from tests.reference.parameters import (
    AGE_MIN,
    DUE_DAYS,
    HB_PREGNANT_REVIEW,
    HB_SEVERE,
    PLT_SEVERE,
    REPEAT_B12_DAYS,
    STALE_AFTER,
)
from tests.reference.pregnancy import is_pregnant_on
from tests.reference.records import Chart, Row, age_on, read_chart, read_person, rows_by_person
from tests.reference.results import find_index, find_mma, pregnancy_total, usable_mmas


@dataclass(frozen=True)
class Decision:
    """What the screen says of one person. One per person who is neither opted out nor quarantined."""

    patient_id: str
    clinic_id: str
    clinical_status: str
    rule_id: str
    index_class: str
    lists: dict[str, str]  # worklist name -> priority, after order suppression
    regimen_ids: dict[str, str]  # only b12_replacement
    due_on: dict[str, date | None]
    facts: dict[str, str]
    cause: str
    symptoms: frozenset[str]
    risk_factors: frozenset[str]
    b12: tuple[str, str, str, date] | None  # test, value text, unit, sample date of the deciding result
    mma_shown: tuple[str, str, date] | None  # value text, unit, sample date of the MMA used
    low_on_treatment: bool


def screen(
    tables: Mapping[str, list[Row]],
    as_of: date,
    codelists: Path,
    timezone: str = "UTC",
    drug_names: list[tuple[str, str]] | None = None,
) -> dict[str, Decision]:
    zone = ZoneInfo(timezone)
    lists = Codelists(codelists, drug_names)
    rows = {
        table: rows_by_person(tables.get(table, []))
        for table in ("patients", "labs", "medications", "conditions", "procedures", "orders")
    }
    decisions: dict[str, Decision] = {}
    for patient_id, patient_rows in rows["patients"].items():
        person = read_person(patient_rows, zone)
        if person is None:
            continue
        own_rows = {table: by_person.get(patient_id, []) for table, by_person in rows.items()}
        decisions[patient_id] = decide(read_chart(person, own_rows, as_of, lists, zone), as_of)
    return decisions


def decide(chart: Chart, as_of: date) -> Decision:
    doses = b12_doses(chart)
    symptoms = find_symptoms(chart, as_of)
    risk_factors = find_risk_factors(chart, as_of)
    cause = find_cause(chart, as_of)
    neuro = neuro_certainty(chart, as_of)
    is_pregnant = is_pregnant_on(chart, as_of)

    index = find_index(chart, doses, as_of, has_symptom=bool(symptoms))
    index_class = "NONE" if index is None else index.index_class
    own_total = pregnancy_total(chart, doses, as_of)
    # Reading 43: R09 asks for the MMA of its own total B12; every other row for that of the index.
    is_r09_candidate = is_pregnant and own_total is not None and index_class != "LOW"
    if is_r09_candidate and own_total is not None:
        mma_anchor: date | None = own_total.sampled_on
    else:
        mma_anchor = None if index is None else index.sampled_on
    mma = find_mma(usable_mmas(chart, doses), doses, mma_anchor, as_of)

    haemoglobin = latest_value(chart, "haemoglobin", as_of)
    platelets = latest_value(chart, "platelets", as_of)
    is_severe = is_below(haemoglobin, HB_SEVERE) or is_below(platelets, PLT_SEVERE)
    is_stale = index is not None and (as_of - index.sampled_on).days > STALE_AFTER

    facts = {
        "eligibility": eligibility(chart, as_of),
        "age_group": "adult" if age_on(chart.person, as_of) >= AGE_MIN else "under_age",
        "replacement": replacement_state(doses, as_of),
        "index_class": index_class,
        "low_possible": yes_no(index is not None and index.low_possible),
        "index_stale": yes_no(is_stale),
        "mma": "NONE" if mma is None else mma.mma_class,
        "neuro": neuro,
        "symptom": symptom_fact(symptoms),
        "risk_factor": "current" if risk_factors else "none",
        "pregnant": yes_no(is_pregnant),
        "total_b12_in_pregnancy": yes_no(own_total is not None),
        "severe": yes_no(is_severe),
        "haemoglobin_below_100": yes_no(is_below(haemoglobin, HB_PREGNANT_REVIEW)),
        "first_test_tier": first_test_tier(chart, as_of),
        "mma_for": "all_indeterminate",
        "mma_order_open": yes_no(has_open_order(chart, {"mma_serum"}, as_of)),
        "b12_order_open": yes_no(has_open_order(chart, {"b12_total", "b12_active"}, as_of)),
    }

    rule_id, status, lists = decision_row(facts)
    if facts["mma_order_open"] == "yes":  # reading 47
        lists.pop("mma_testing", None)
    if facts["b12_order_open"] == "yes":
        lists.pop("first_b12_test", None)

    due_on: dict[str, date | None] = {}
    for name, priority in lists.items():
        if name == "follow_up" and index is not None:
            due_on[name] = index.sampled_on + timedelta(days=REPEAT_B12_DAYS)
        elif priority in DUE_DAYS:
            due_on[name] = as_of + timedelta(days=DUE_DAYS[priority])
        else:
            due_on[name] = None
    regimen_ids: dict[str, str] = {}
    if "b12_replacement" in lists:
        regimen_ids["b12_replacement"] = find_regimen(chart, neuro, cause, as_of)

    deciding = own_total if rule_id == "R09" else (None if index is None else index.deciding)
    return Decision(
        patient_id=chart.person.patient_id,
        clinic_id=chart.person.clinic_id,
        clinical_status=status,
        rule_id=rule_id,
        index_class=index_class,
        lists=lists,
        regimen_ids=regimen_ids,
        due_on=due_on,
        facts=facts,
        cause=cause,
        symptoms=symptoms,
        risk_factors=risk_factors,
        b12=None
        if deciding is None
        else (deciding.kind, deciding.lab.reported, deciding.lab.unit or "", deciding.sampled_on),
        mma_shown=None if mma is None else (mma.lab.reported, mma.lab.unit or "", mma.sampled_on),
        low_on_treatment=deciding is not None and deciding.b12_class == "LOW" and deciding.is_confounded,
    )


def yes_no(answer: bool) -> str:
    return "yes" if answer else "no"


def eligibility(chart: Chart, as_of: date) -> str:
    """Reading 4."""
    person = chart.person
    if person.deceased_on is not None and person.deceased_on <= as_of:
        return "deceased"
    if person.registered_on is not None and person.registered_on > as_of:
        return "not_registered"
    if person.deregistered_on is not None and person.deregistered_on <= as_of:
        return "not_registered"
    return "eligible"


# The decision table -------------------------------------------------------------------------------------

Row7 = tuple[str, str, dict[str, str]]
"""Rule id, clinical status, worklist name -> priority."""


def decision_row(facts: dict[str, str]) -> Row7:
    """Specification section 7: the first row that fits."""
    if facts["eligibility"] != "eligible":
        return "R01", "NOT_ELIGIBLE", {}
    if facts["age_group"] == "under_age":
        return "R02", "UNDER_AGE", {}
    if facts["replacement"] not in {"NEVER", "LAPSED"}:
        return "R03", "ON_REPLACEMENT", {}

    index_class = facts["index_class"]
    neuro = facts["neuro"]
    if (
        facts["pregnant"] == "yes"
        and facts["total_b12_in_pregnancy"] == "yes"
        and facts["mma"] != "ELEVATED"
        and index_class != "LOW"
    ):
        lists = {"first_b12_test": "P2"}
        if neuro != "none" or facts["haemoglobin_below_100"] == "yes":
            lists["b12_replacement"] = "P1"
        return "R09", "PREG_USE_ACTIVE", lists

    if index_class == "LOW":
        if neuro != "none":
            return "R10", "CONFIRMED_NEURO", {"b12_replacement": "P1" if neuro == "high" else "P2"}
        if is_urgent(facts):
            return "R11", "CONFIRMED", {"b12_replacement": "P1"}
        if facts["index_stale"] == "yes":
            return "R11", "CONFIRMED", {"b12_replacement": "P3"}
        return "R11", "CONFIRMED", {"b12_replacement": "P2"}

    if index_class == "DISCORDANT" and facts["mma"] == "NONE":  # reading 48
        if neuro == "none":
            return "R12", "DISCORDANT", {"mma_testing": "P2", "b12_replacement": "P3"}
        priority = "P1" if neuro == "high" else "P2"
        return "R12", "DISCORDANT", {"mma_testing": priority, "b12_replacement": priority}

    if index_class in {"INDET", "DISCORDANT"}:
        return indeterminate_row(facts)

    if index_class == "AMBIGUOUS":  # R29, reading 45
        if facts["mma"] == "NORMAL" and facts["low_possible"] == "yes":
            return "R29", "AMBIGUOUS", {"first_b12_test": "P3"}
        _, _, lists = indeterminate_row(facts)
        return "R29", "AMBIGUOUS", lists

    if index_class == "UNLIKELY":  # reading 46
        if neuro == "high" and facts["risk_factor"] == "current" and facts["mma"] == "NONE":
            return "R40", "UNLIKELY", {"mma_testing": "P4"}
        return "R40", "UNLIKELY", {}

    if facts["first_test_tier"] == "C_new_signs":
        return "R50", "UNTESTED", {"first_b12_test": "P2"}
    if facts["first_test_tier"] == "C_periodic":
        return "R50", "UNTESTED", {"first_b12_test": "P4"}
    return "R50", "UNTESTED", {}


def indeterminate_row(facts: dict[str, str]) -> Row7:
    """R20 to R28: an indeterminate B12, or one read as such."""
    neuro, mma, symptom = facts["neuro"], facts["mma"], facts["symptom"]
    if mma == "ELEVATED":
        if neuro == "high":
            priority = "P1"
        elif neuro == "low":
            priority = "P2"
        else:
            priority = "P1" if is_urgent(facts) else "P2"
        return "R20", "CONFIRMED_MMA", {"b12_replacement": priority}
    if mma == "NONE":
        if symptom == "present":
            return "R22", "INDET_SYMPT", {"mma_testing": "P2"}
        if symptom == "fatigue_or_mood":
            return "R22", "INDET_SYMPT", {"mma_testing": "P3"}
        priority = "P3" if facts["risk_factor"] == "current" else "P4"
        return "R24", "INDET_ASYMPT", {"mma_testing": priority}
    if mma == "EQUIVOCAL":
        return "R25", "MMA_EQUIVOCAL", {"b12_replacement": "P1" if neuro == "high" else "P3"}
    if mma == "EQUIVOCAL_RENAL":
        return "R26", "MMA_RENAL", {"b12_replacement": "P1" if neuro == "high" else "P3"}
    if symptom != "none":
        return "R27", "MMA_NEG", {"follow_up": "P2" if neuro == "high" else "P4"}
    return "R28", "MMA_NEG_ASYMPT", {}


def is_urgent(facts: dict[str, str]) -> bool:
    """R11: pregnant, haemoglobin below 80 g/L or platelets below 50."""
    return facts["pregnant"] == "yes" or facts["severe"] == "yes"
