"""The decision for every person, one at a time: the ordered table of specification section 7, first tests,
follow-up, cautions and the lists they give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.reference.cautions import Situation, find_cautions, neuro_on_oral_since
from tests.reference.codes import Code, Codelists
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
    tier_priority,
    unreadable_mma_on,
)
from tests.reference.follow_up import FollowUpItem, follow_up_items, is_load_incomplete, item_priority
from tests.reference.history import (
    does_homocysteine_confirm,
    has_high_risk_cause,
    is_b12_high_twice,
    is_irreversible,
    is_mma_raised_alone,
    lapsed,
    nitrous_oxide,
    resection,
)
from tests.reference.medicines import Dose, b12_doses, is_confounded, present_course, replacement_state
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
    tier: str  # A B C D E F where no B12 is to be read, else none
    cautions: dict[str, str]  # caution -> high, medium, low
    follow_up_items: dict[str, FollowUpItem]  # F1 to F10 that are due by now
    follow_up_reasons: tuple[str, ...]  # what put the person on follow_up, the most urgent first
    irreversible: bool
    regimen_id: str | None
    is_mma_repeat: bool  # the mma_testing row says "repeat the sample" besides (tier F)
    is_load_incomplete: bool | None  # S15; None: cannot be told


def screen(
    tables: Mapping[str, list[Row]],
    as_of: date,
    codelists: Path,
    timezone: str = "UTC",
    drug_names: list[tuple[str, str]] | None = None,
    extra_codes: Iterable[Code] = (),
    mma_for: str = "all_indeterminate",
    is_tier_e_on: bool = False,
) -> dict[str, Decision]:
    """`extra_codes` are (codelist, system, code, breadth) that stand in no file."""
    zone = ZoneInfo(timezone)
    lists = Codelists(codelists, drug_names, extra_codes)
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
        chart = read_chart(person, own_rows, as_of, lists, zone)
        decisions[patient_id] = decide(chart, as_of, mma_for, is_tier_e_on)
    return decisions


def decide(
    chart: Chart, as_of: date, mma_for: str = "all_indeterminate", is_tier_e_on: bool = False
) -> Decision:
    doses = b12_doses(chart)
    symptoms = find_symptoms(chart, as_of)
    risk_factors = find_risk_factors(chart, as_of)
    cause = find_cause(chart, as_of)
    neuro = neuro_certainty(chart, as_of)
    is_pregnant = is_pregnant_on(chart, as_of)
    state = replacement_state(doses, as_of)

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
    tier = first_test_tier(chart, as_of, is_tier_e_on)

    facts = {
        "eligibility": eligibility(chart, as_of),
        "age_group": "adult" if age_on(chart.person, as_of) >= AGE_MIN else "under_age",
        "replacement": state,
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
        "lapsed": lapsed(chart, doses, state, as_of),
        "resection": resection(chart, as_of),
        "high_risk_cause": yes_no(has_high_risk_cause(chart, as_of)),
        "nitrous_oxide": nitrous_oxide(chart, as_of),
        "homocysteine_confirms": yes_no(does_homocysteine_confirm(chart, doses, as_of)),
        "mma_raised_alone": yes_no(is_mma_raised_alone(chart, mma, index, as_of)),
        "high_b12_twice": yes_no(is_b12_high_twice(chart, doses)),
        "first_test_tier": tier if index_class == "NONE" else "none",
        "mma_for": mma_for,
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
        if name == "follow_up" and has_repeat_b12(rule_id) and index is not None:
            due_on[name] = index.sampled_on + timedelta(days=REPEAT_B12_DAYS)
        else:
            due_on[name] = due_by_priority(priority, as_of)
    regimen_ids: dict[str, str] = {}
    if "b12_replacement" in lists:
        regimen = "RG-P" if rule_id == "R05" else find_regimen(chart, neuro, cause, as_of)
        regimen_ids["b12_replacement"] = regimen

    irreversible = is_irreversible(chart, as_of)
    items: dict[str, FollowUpItem] = {}
    cautions: dict[str, str] = {}
    on_oral_since: date | None = None
    is_incomplete: bool | None = False
    if rule_id not in {"R01", "R02"}:
        course = present_course(doses, state)
        items = follow_up_items(chart, doses, state, course, as_of)
        is_incomplete = is_load_incomplete(chart, doses, state, course, neuro != "none", as_of)
        situation = Situation(
            chart=chart,
            as_of=as_of,
            doses=doses,
            course=course,
            facts=facts,
            lists=frozenset(lists),
            index=index,
            mma=mma,
            cause=cause,
            symptoms=symptoms,
            is_irreversible=irreversible,
        )
        cautions, on_oral_since = find_cautions(situation), neuro_on_oral_since(situation)
    reasons = follow_up_reasons(rule_id, lists, due_on, items, on_oral_since, neuro)
    if reasons:
        lists["follow_up"], due_on["follow_up"] = reasons[0].priority, reasons[0].due_on
    safety = safety_priority(lists, cautions)
    if safety is not None:
        lists["safety_review"] = safety
        dates = [due_by_priority(safety, as_of), *(reason.due_on for reason in reasons if reason.is_item)]
        due_on["safety_review"] = min((each for each in dates if each is not None), default=None)

    deciding = own_total if rule_id == "R09" else (None if index is None else index.deciding)
    is_repeat = index_class in {"INDET", "AMBIGUOUS"} and is_mma_to_repeat(chart, doses, as_of)
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
        tier=tier[0] if index is None and tier != "none" else "none",
        cautions=cautions,
        follow_up_items=items,
        follow_up_reasons=tuple(reason.name for reason in reasons),
        irreversible=irreversible,
        regimen_id=regimen_ids.get("b12_replacement"),
        is_mma_repeat="mma_testing" in lists and is_repeat,
        is_load_incomplete=is_incomplete,
    )


def due_by_priority(priority: str, as_of: date) -> date | None:
    """Reading 49."""
    return as_of + timedelta(days=DUE_DAYS[priority]) if priority in DUE_DAYS else None


def has_repeat_b12(rule_id: str) -> bool:
    """Whether the row's own follow-up is a repeat of B12: R24 as NG239, R27, and R29 where it gives either."""
    return rule_id in {"R24", "R27", "R29"}


def is_mma_to_repeat(chart: Chart, doses: list[Dose], as_of: date) -> bool:
    """Reading 65, F: the latest MMA could not be read, at most 90 days ago, off replacement."""
    sampled_on = unreadable_mma_on(chart, as_of)
    return sampled_on is not None and not is_confounded(doses, chart.person.birth_date, sampled_on)


# Follow-up and safety rows (readings 78, 80)


@dataclass(frozen=True)
class Reason:
    """One thing that puts a person on the follow-up list."""

    name: str  # R04, F1, C03
    priority: str
    due_on: date | None

    @property
    def is_item(self) -> bool:
        return not self.name.startswith("R")


def follow_up_reasons(
    rule_id: str,
    lists: dict[str, str],
    due_on: dict[str, date | None],
    items: dict[str, FollowUpItem],
    on_oral_since: date | None,
    neuro: str,
) -> list[Reason]:
    """Reading 78: by priority, then due date, then R before F, then the number."""
    reasons: list[Reason] = []
    if "follow_up" in lists:
        reasons.append(Reason(rule_id, lists["follow_up"], due_on["follow_up"]))
    for name, item in items.items():
        reasons.append(Reason(name, item_priority(name, item, neuro), item.due_on))
    if on_oral_since is not None:
        reasons.append(Reason("C03", "P2", on_oral_since))  # reading 84
    kinds = "RFC"
    return sorted(
        reasons,
        key=lambda each: (
            each.priority,
            each.due_on or date.max,
            kinds.index(each.name[0]),
            int(each.name[1:]),
        ),
    )


def safety_priority(lists: dict[str, str], cautions: dict[str, str]) -> str | None:
    """Reading 80."""
    if lists:
        return min(lists.values()) if "high" in cautions.values() else None
    is_enough = cautions.get("C01") in {"high", "medium"} or "C03" in cautions or "C14a" in cautions
    return "P2" if is_enough else None


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
    mma = facts["mma"]

    if facts["lapsed"] != "none":  # R04, reading 53
        priority = "P2" if neuro == "none" else "P1"
        lists = {"follow_up": priority}
        if facts["lapsed"] == "gap_over_two_intervals" or index_class == "LOW" or neuro != "none":
            lists["b12_replacement"] = priority
        return "R04", "LAPSED", lists

    is_never = facts["replacement"] == "NEVER"
    is_otherwise_clear = index_class != "LOW" and mma != "ELEVATED" and neuro == "none"
    if is_never and facts["resection"] == "im_for_life" and is_otherwise_clear:  # reading 55
        return "R05", "PROPHYLAXIS_DUE", {"b12_replacement": "P2"}
    if is_never and facts["resection"] == "length_unknown" and is_otherwise_clear and index_class == "NONE":
        return "R06", "RESECTION_CHECK", {"first_b12_test": "P3"}

    is_r09 = (
        facts["pregnant"] == "yes"
        and facts["total_b12_in_pregnancy"] == "yes"
        and mma != "ELEVATED"
        and index_class != "LOW"
    )

    if facts["nitrous_oxide"] == "recent":
        if mma == "ELEVATED" or facts["homocysteine_confirms"] == "yes":  # reading 59
            return "R08", "CONFIRMED_FUNCTIONAL", {"b12_replacement": "P1" if neuro == "high" else "P2"}
        if facts["symptom"] != "none":  # reading 60
            lists = {}
            if mma != "NORMAL":
                lists["mma_testing"] = "P2" if neuro == "none" else "P1"
            if neuro != "none":
                lists["b12_replacement"] = "P1"
            elif index_class == "LOW":
                lists["b12_replacement"] = confirmed_priority(facts)
            return "R07", "N2O", lists
    if facts["nitrous_oxide"] == "class_level" and facts["symptom"] != "none":  # reading 61
        is_untested = index_class == "NONE" and facts["first_test_tier"] == "none"
        # R09 would ask for an active B12 in 14 days; that must not be lost to this row.
        if (is_untested or index_class == "UNLIKELY") and mma == "NONE" and not is_r09:
            return "R07", "N2O", {"mma_testing": "P3"}

    if is_r09:
        lists = {"first_b12_test": "P2"}
        if neuro != "none" or facts["haemoglobin_below_100"] == "yes":
            lists["b12_replacement"] = "P1"
        return "R09", "PREG_USE_ACTIVE", lists

    if index_class == "LOW":
        if neuro != "none":
            return "R10", "CONFIRMED_NEURO", {"b12_replacement": "P1" if neuro == "high" else "P2"}
        return "R11", "CONFIRMED", {"b12_replacement": confirmed_priority(facts)}

    if index_class == "DISCORDANT" and mma == "NONE":  # reading 48
        if neuro == "none":
            return "R12", "DISCORDANT", {"mma_testing": "P2", "b12_replacement": "P3"}
        priority = "P1" if neuro == "high" else "P2"
        return "R12", "DISCORDANT", {"mma_testing": priority, "b12_replacement": priority}

    if index_class in {"INDET", "DISCORDANT"}:
        return indeterminate_row(facts)

    if index_class == "AMBIGUOUS":  # R29, reading 45
        if mma == "NORMAL" and facts["low_possible"] == "yes":
            return "R29", "AMBIGUOUS", {"first_b12_test": "P3"}
        _, _, lists = indeterminate_row(facts)
        return "R29", "AMBIGUOUS", lists

    if index_class == "UNLIKELY":
        if facts["mma_raised_alone"] == "yes":  # reading 62
            return "R39", "UNLIKELY_MMA_HIGH", {"follow_up": "P2" if neuro == "high" else "P4"}
        if facts["high_b12_twice"] == "yes":  # reading 63
            return "R41", "HIGH_B12", {}
        if neuro == "high" and facts["risk_factor"] == "current" and mma == "NONE":  # reading 46
            return "R40", "UNLIKELY", {"mma_testing": "P4"}
        return "R40", "UNLIKELY", {}

    if facts["mma_raised_alone"] == "yes":
        return "R49", "MMA_WITHOUT_B12", {"first_b12_test": "P2"}

    if facts["first_test_tier"] == "none":
        return "R50", "UNTESTED", {}
    return "R50", "UNTESTED", {"first_b12_test": tier_priority(facts["first_test_tier"], neuro)}


def confirmed_priority(facts: dict[str, str]) -> str:
    """R11."""
    if is_urgent(facts):
        return "P1"
    return "P3" if facts["index_stale"] == "yes" else "P2"


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
        if neuro == "high":  # reading 64
            return "R21", "INDET_NEURO", {"mma_testing": "P1", "b12_replacement": "P1"}
        if symptom == "present":
            return "R22", "INDET_SYMPT", {"mma_testing": "P2"}
        if symptom == "fatigue_or_mood":
            return "R22", "INDET_SYMPT", {"mma_testing": "P3"}
        has_risk = facts["risk_factor"] == "current"
        if facts["mma_for"] == "symptomatic_only":
            return "R24", "INDET_ASYMPT", {"follow_up": "P4"} if has_risk else {}
        if facts["high_risk_cause"] == "yes":  # reading 57
            return "R23", "INDET_HIGHRISK", {"mma_testing": "P3"}
        return "R24", "INDET_ASYMPT", {"mma_testing": "P3" if has_risk else "P4"}
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
