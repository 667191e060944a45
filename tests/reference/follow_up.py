"""Follow-up items F1 to F10 of a person on replacement (specification section 10, readings 67 to 78).

F9 is not computable: no list holds upper-gastrointestinal symptoms, weight loss or iron deficiency.
The incomplete load (S15, reading 91) is a flag of the person and makes no item.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from tests.reference.codes import EXACT
from tests.reference.features import (
    SYMPTOM_LISTS,
    has_code,
    is_below,
    low_haemoglobin_limit,
    neuro_certainty,
    neuro_ever,
)
from tests.reference.medicines import (
    Course,
    Dose,
    first_dose_on,
    injection_dates,
    injection_interval,
    is_monthly,
)
from tests.reference.parameters import (
    BASELINE_DAYS,
    BLOOD_COUNT_DAYS,
    BLOOD_COUNT_OVERDUE,
    BREASTFEEDING_DAYS,
    DEFICIENT_BEFORE_LOAD,
    HB_SEVERE,
    LOAD_DAYS,
    LOADING_DOSES,
    LOADING_GAP,
    LOW_ON_TREATMENT_AFTER,
    LOW_ON_TREATMENT_DAYS,
    MAINTENANCE_OVERDUE,
    MAINTENANCE_OVERDUE_MONTHLY,
    MCV_HIGH,
    NOT_BETTER_AFTER,
    ORAL_B12_AFTER,
    ORAL_FIRST_REVIEW,
    ORAL_OVERDUE,
    ORAL_REVIEW,
    ORDERED_ON_IM_DAYS,
    PLATEAU_EVERY,
    PLATEAU_FIRST,
    PLATEAU_OVERDUE,
    PLT_LOW,
    POTASSIUM_DAYS,
    POTASSIUM_OVERDUE,
    REVIEW_CLOSED_AFTER,
    REVIEW_CLOSED_AFTER_NEURO,
    REVIEW_DAYS,
    REVIEW_DAYS_NEURO,
    REVIEW_DAYS_PREGNANT,
    REVIEW_LAPSES,
    REVIEW_OVERDUE,
    SYMPTOM_WINDOW,
)
from tests.reference.pregnancy import is_pregnant_on
from tests.reference.records import Chart, Lab, is_within
from tests.reference.results import Result, interpretable_mmas, results_of_days

ORAL_STATES = {"ACTIVE_ORAL", "ACTIVE_SL", "ACTIVE_NASAL"}


class FollowUpItem(NamedTuple):
    due_on: date
    is_overdue: bool


@dataclass(frozen=True)
class Treatment:
    """One person's present replacement, as the items below look at it."""

    chart: Chart
    as_of: date
    state: str
    doses: list[Dose]
    course: Course


def follow_up_items(
    chart: Chart, doses: list[Dose], state: str, course: Course | None, as_of: date
) -> dict[str, FollowUpItem]:
    """The items that are due by `as_of` (reading 78), F1 first. Only for people of R03."""
    if course is None:
        return {}
    treatment = Treatment(chart, as_of, state, doses, course)
    found = {
        "F1": first_review(treatment),
        "F2": blood_count(treatment),
        "F3": potassium(treatment),
        "F4": maintenance(treatment),
        "F5": plateau_check(treatment),
        "F6": oral_review(treatment),
        "F7": not_better(treatment),
        "F8": ordered_on_injections(treatment),
        "F10": low_on_treatment(treatment),
    }
    return {item: each for item, each in found.items() if each is not None and each.due_on <= as_of}


def item_priority(name: str, item: FollowUpItem, neuro: str) -> str:
    if name == "F10":
        return "P2" if neuro == "none" else "P1"
    if name in {"F3", "F5", "F7"} or item.is_overdue:
        return "P2"
    return "P4"


def _item(due_on: date, overdue_after: int, as_of: date) -> FollowUpItem:
    return FollowUpItem(due_on, as_of >= due_on + timedelta(days=overdue_after))


# Results of the course


def _readable(chart: Chart, analytes: set[str]) -> list[Lab]:
    """Earliest first."""
    labs = [lab for lab in chart.labs if lab.analyte in analytes and lab.value is not None]
    return sorted(labs, key=lambda lab: (lab.collected_at, lab.received_at, lab.record_id or ""))


def _baseline(treatment: Treatment, analyte: str) -> Lab | None:
    """Reading 67: the latest readable result on or before the start, at most 365 days before it."""
    start_on = treatment.course.start_on
    found: Lab | None = None
    if start_on is not None:
        for lab in _readable(treatment.chart, {analyte}):
            if is_within(BASELINE_DAYS, lab.collected_on, start_on):
                found = lab
    return found


def _had_severe_anaemia(treatment: Treatment) -> bool:
    return is_below(_baseline(treatment, "haemoglobin"), HB_SEVERE)


# The items


def first_review(treatment: Treatment) -> FollowUpItem | None:
    """F1, reading 68."""
    chart, as_of, start_on = treatment.chart, treatment.as_of, treatment.course.start_on
    if start_on is None or (as_of - start_on).days > REVIEW_LAPSES:
        return None
    closing = {"b12_total", "b12_active", "haemoglobin", "mcv", "platelets"}
    seen_after = [(lab.collected_on - start_on).days for lab in _readable(chart, closing)]
    if any(days >= REVIEW_CLOSED_AFTER for days in seen_after):
        return None
    is_early = neuro_certainty(chart, as_of) != "none" or _had_severe_anaemia(treatment)
    if is_early and not any(days >= REVIEW_CLOSED_AFTER_NEURO for days in seen_after):
        return _item(start_on + timedelta(days=REVIEW_DAYS_NEURO), REVIEW_OVERDUE, as_of)
    # Reading 88: the early check done, the review of everybody is left.
    is_breastfeeding = has_code(chart, "cond_breastfeeding", EXACT, BREASTFEEDING_DAYS, as_of)
    is_soon = is_pregnant_on(chart, as_of) or is_breastfeeding
    days = REVIEW_DAYS_PREGNANT if is_soon else REVIEW_DAYS
    return _item(start_on + timedelta(days=days), REVIEW_OVERDUE, as_of)


def blood_count(treatment: Treatment) -> FollowUpItem | None:
    """F2, reading 69: every count that was abnormal at the start, until its latest result is normal.

    Reading 92: platelets that are low after the start count whatever they were before it.
    """
    start_on = treatment.course.start_on
    if start_on is None:
        return None
    due: list[date] = []
    for analyte in ("haemoglobin", "mcv", "platelets"):
        baseline = _baseline(treatment, analyte)
        was_abnormal = baseline is not None and _is_abnormal(treatment, baseline)
        later = [lab for lab in _readable(treatment.chart, {analyte}) if lab.collected_on > start_on]
        if later:
            is_followed = was_abnormal or analyte == "platelets"
            if is_followed and _is_abnormal(treatment, later[-1]):
                due.append(later[-1].collected_on + timedelta(days=BLOOD_COUNT_DAYS))
        elif was_abnormal:
            due.append(start_on + timedelta(days=BLOOD_COUNT_DAYS))
    return _item(min(due), BLOOD_COUNT_OVERDUE, treatment.as_of) if due else None


def _is_abnormal(treatment: Treatment, lab: Lab) -> bool:
    assert lab.common is not None
    if lab.analyte == "haemoglobin":
        return lab.common.wholly_below(low_haemoglobin_limit(treatment.chart, treatment.as_of))
    if lab.analyte == "mcv":
        return lab.common.wholly_above(MCV_HIGH)
    return lab.common.wholly_below(PLT_LOW)


def potassium(treatment: Treatment) -> FollowUpItem | None:
    """F3, reading 70."""
    start_on = treatment.course.start_on
    if start_on is None or not _had_severe_anaemia(treatment):
        return None
    if (treatment.as_of - start_on).days > REVIEW_LAPSES:
        return None
    if any(lab.collected_on >= start_on for lab in _readable(treatment.chart, {"potassium"})):
        return None
    return _item(start_on + timedelta(days=POTASSIUM_DAYS), POTASSIUM_OVERDUE, treatment.as_of)


def maintenance(treatment: Treatment) -> FollowUpItem | None:
    """F4, reading 71."""
    injections = injection_dates(treatment.doses)
    if treatment.state != "ACTIVE_IM" or not injections:
        return None
    interval = injection_interval(treatment.doses, neuro_ever(treatment.chart))
    overdue_after = MAINTENANCE_OVERDUE_MONTHLY if is_monthly(injections) else MAINTENANCE_OVERDUE
    return _item(injections[-1] + timedelta(days=interval), overdue_after, treatment.as_of)


def plateau_check(treatment: Treatment) -> FollowUpItem | None:
    """F5, reading 72."""
    course, as_of = treatment.course, treatment.as_of
    if treatment.state not in {"LOADING", "ACTIVE_IM"} or course.start_on is None:
        return None
    if neuro_certainty(treatment.chart, as_of) == "none" or len(course.injections) < 2:
        return None
    before_last, last = course.injections[-2:]
    if (last - before_last).days >= LOADING_GAP or (as_of - last).days > PLATEAU_EVERY:
        return None
    due_on = course.start_on + timedelta(days=PLATEAU_FIRST)
    if due_on > as_of:
        return None
    while due_on + timedelta(days=PLATEAU_EVERY) <= as_of:
        due_on += timedelta(days=PLATEAU_EVERY)
    return _item(due_on, PLATEAU_OVERDUE, as_of)


def oral_review(treatment: Treatment) -> FollowUpItem | None:
    """F6, reading 73."""
    as_of, start_on = treatment.as_of, treatment.course.start_on
    if treatment.state not in ORAL_STATES:
        return None
    tests = [lab.collected_on for lab in _readable(treatment.chart, {"b12_total", "b12_active"})]
    if start_on is not None:
        tests = [on for on in tests if (on - start_on).days >= ORAL_B12_AFTER]
    if tests:
        due_on = max(tests) + timedelta(days=ORAL_REVIEW)
    elif start_on is not None:
        due_on = start_on + timedelta(days=ORAL_FIRST_REVIEW)
    else:
        due_on = as_of
    return _item(due_on, ORAL_OVERDUE, as_of)


def not_better(treatment: Treatment) -> FollowUpItem | None:
    """F7, reading 74."""
    start_on = treatment.course.start_on
    if start_on is None:
        return None
    first: date | None = None
    for feature in treatment.chart.features:
        if not any(feature.is_in(codelist, EXACT) for codelist in SYMPTOM_LISTS.values()):
            continue
        on = feature.on
        if on is None or not is_within(SYMPTOM_WINDOW, on, treatment.as_of):
            continue
        if (on - start_on).days >= NOT_BETTER_AFTER and (first is None or on < first):
            first = on
    return None if first is None else FollowUpItem(first, False)


def ordered_on_injections(treatment: Treatment) -> FollowUpItem | None:
    """F8, reading 75."""
    if treatment.state not in {"ACTIVE_IM", "LOADING"}:
        return None
    ordered: list[date] = []
    for order in treatment.chart.orders:
        is_b12 = order.analyte in {"b12_total", "b12_active"} and order.status == "active"
        if is_b12 and is_within(ORDERED_ON_IM_DAYS, order.ordered_on, treatment.as_of):
            ordered.append(order.ordered_on)
    return FollowUpItem(min(ordered), False) if ordered else None


def low_on_treatment(treatment: Treatment) -> FollowUpItem | None:
    """F10, reading 76."""
    due: list[date] = []
    b12 = latest_b12(treatment.chart, treatment.doses)
    is_low = b12 is not None and b12.b12_class == "LOW" and b12.is_confounded
    if b12 is not None and is_low and _is_long_on_treatment(treatment, b12.sampled_on):
        due.append(b12.sampled_on)
    mmas = interpretable_mmas(treatment.chart)
    if mmas and mmas[-1].mma_class == "ELEVATED" and _is_long_on_treatment(treatment, mmas[-1].sampled_on):
        due.append(mmas[-1].sampled_on)
    return FollowUpItem(min(due), False) if due else None


def _is_long_on_treatment(treatment: Treatment, sampled_on: date) -> bool:
    if not is_within(LOW_ON_TREATMENT_DAYS, sampled_on, treatment.as_of):
        return False
    # A start that nobody knows counts as long ago (reading 27: from birth).
    start_on = treatment.course.start_on or treatment.chart.person.birth_date
    return (sampled_on - start_on).days >= LOW_ON_TREATMENT_AFTER


def is_load_incomplete(
    chart: Chart, doses: list[Dose], state: str, course: Course | None, has_neuro: bool, as_of: date
) -> bool | None:
    """S15, reading 91: fewer than six days with an injection from the course's first day to its 28th.

    None only where the answer hangs on what nobody recorded: when the course began, whether injections that
    were prescribed or stated were given (S11 counts administrations), or whether treatment began before the
    records did.
    """
    if course is None or has_neuro or state not in {"LOADING", "ACTIVE_IM"}:
        return False
    start_on = course.start_on
    if start_on is None:
        since_first = [on for on in course.given if (on - min(course.given)).days < LOAD_DAYS]
        return False if len(since_first) >= LOADING_DOSES else None
    first_on = first_dose_on(chart, doses)
    if first_on is not None and first_on < start_on:
        return False  # begun again: section 9 does not say that it is loaded again
    if (as_of - start_on).days < LOAD_DAYS or start_on not in course.injections:
        return False  # too early to say, or begun with tablets
    days = [on for on in course.given if (on - start_on).days < LOAD_DAYS]
    if len(days) >= LOADING_DOSES:
        return False
    if start_on not in course.given or not was_found_deficient(chart, doses, start_on):
        return None
    return True


def was_found_deficient(chart: Chart, doses: list[Dose], start_on: date) -> bool:
    """A LOW B12 of either kind or an ELEVATED MMA, sampled on the day of the start or in the year before."""
    results = [*results_of_days(chart, doses, "total"), *results_of_days(chart, doses, "active")]
    sampled = [result.sampled_on for result in results if result.b12_class == "LOW"]
    sampled += [mma.sampled_on for mma in interpretable_mmas(chart) if mma.mma_class == "ELEVATED"]
    return any(is_within(DEFICIENT_BEFORE_LOAD, on, start_on) for on in sampled)


def latest_b12(chart: Chart, doses: list[Dose]) -> Result | None:
    """The latest interpretable B12 result of either kind; a LOW before others on one day."""
    results = [*results_of_days(chart, doses, "total"), *results_of_days(chart, doses, "active")]
    if not results:
        return None
    return max(results, key=lambda result: (result.sampled_on, result.b12_class == "LOW"))
