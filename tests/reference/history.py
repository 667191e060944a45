"""What lies behind the present index: prior deficiency, causes for life, nitrous oxide, very high B12."""

from __future__ import annotations

from datetime import date

from tests.reference.codes import BROAD, EXACT
from tests.reference.features import SURGERY_LISTS, has_code, is_positive_antibody, neuro_ever
from tests.reference.medicines import (
    INJECTION,
    Dose,
    first_dose_on,
    injection_dates,
    is_confounded,
    is_gap_over_two_intervals,
)
from tests.reference.parameters import (
    FOLATE_LOW,
    HIGH_B12_APART,
    HIGH_B12_NG_L,
    HOMOCYSTEINE_UPPER,
    ILEAL_LENGTH_CM,
    MMA_AFTER,
    MMA_ALONE_DAYS,
    MMA_BEFORE,
    NITROUS_RECENT,
    PAIR_DAYS,
    PRIOR_INJECTIONS,
    SUPPORTING_LAB_DAYS,
)
from tests.reference.pregnancy import is_postpartum_on, is_pregnant_on
from tests.reference.records import Chart, Lab, is_within
from tests.reference.results import Index, Mma, Result, kidney_function, results_of_days, usable_mmas

# Causes for life, surgery (readings 50, 55 to 57)


def has_long_ileal_resection(chart: Chart) -> bool:
    for feature in chart.features:
        length = feature.length_cm
        if feature.is_in("proc_ileal_resection", EXACT) and length is not None and length > ILEAL_LENGTH_CM:
            return True
    return False


def is_irreversible(chart: Chart, as_of: date) -> bool:
    """Reading 50: whatever the first match of the cause table is."""
    return (
        has_code(chart, "proc_gastrectomy_total", EXACT, None, as_of)
        or has_long_ileal_resection(chart)
        or has_code(chart, "cond_pernicious_anaemia_autoimmune_gastritis", EXACT, None, as_of)
        or any(is_positive_antibody(lab) for lab in chart.labs if lab.analyte == "intrinsic_factor_ab")
    )


def resection(chart: Chart, as_of: date) -> str:
    """im_for_life, length_unknown or none (R05, R06)."""
    if has_code(chart, "proc_gastrectomy_total", EXACT, None, as_of) or has_long_ileal_resection(chart):
        return "im_for_life"
    ileal = [feature for feature in chart.features if feature.is_in("proc_ileal_resection")]
    has_exact = any(feature.is_in("proc_ileal_resection", EXACT) for feature in ileal)
    if has_exact and all(feature.length_cm is None for feature in ileal):
        return "length_unknown"
    return "none"


def had_stomach_or_bowel_surgery(chart: Chart, as_of: date) -> bool:
    return any(has_code(chart, codelist, EXACT, None, as_of) for codelist in SURGERY_LISTS)


def has_high_risk_cause(chart: Chart, as_of: date) -> bool:
    """Reading 57, R23."""
    return is_irreversible(chart, as_of) or had_stomach_or_bowel_surgery(chart, as_of)


# Prior deficiency and what clears it (readings 51, 52)


def is_evaluable(chart: Chart, result: Result) -> bool:
    """Whatever its age: not confounded, and total B12 not in or just after a pregnancy."""
    return not result.is_confounded and _is_outside_pregnancy(chart, result)


def _is_outside_pregnancy(chart: Chart, result: Result) -> bool:
    if result.kind == "active":
        return True
    return not is_pregnant_on(chart, result.sampled_on) and not is_postpartum_on(chart, result.sampled_on)


def had_deficiency(chart: Chart, doses: list[Dose], as_of: date) -> bool:
    """Reading 51."""
    if has_code(chart, "cond_b12_deficiency", EXACT, None, as_of):
        return True
    if len(injection_dates(doses)) >= PRIOR_INJECTIONS:
        return True
    first = first_dose_on(chart, doses)
    for kind in ("total", "active"):
        for result in results_of_days(chart, doses, kind):
            is_before_treatment = first is None or result.sampled_on <= first
            if result.b12_class == "LOW" and is_before_treatment and is_evaluable(chart, result):
                return True
    return False


def is_cleared(chart: Chart, doses: list[Dose]) -> bool:
    """Reading 52: a result after the last dose that says there is no deficiency."""
    totals = results_of_days(chart, doses, "total")
    actives = results_of_days(chart, doses, "active")
    for results, others in ((totals, actives), (actives, totals)):
        for result in results:
            if not is_evaluable(chart, result) or not _is_after_all_doses(doses, result.sampled_on):
                continue
            if _has_low_since([*totals, *actives], chart, result.sampled_on):
                continue  # reading 89
            if result.b12_class == "UNLIKELY" and not _has_low_near(others, result.sampled_on):
                return True
            if result.b12_class == "INDET" and _own_mma_class(chart, doses, result) == "NORMAL":
                return True
    return False


def _has_low_since(results: list[Result], chart: Chart, sampled_on: date) -> bool:
    return any(
        each.b12_class == "LOW" and each.sampled_on >= sampled_on and _is_outside_pregnancy(chart, each)
        for each in results
    )


def _is_after_all_doses(doses: list[Dose], sampled_on: date) -> bool:
    for dose in doses:
        last_day = dose.start_on if dose.route == INJECTION else dose.end_on
        if dose.is_open and dose.route != INJECTION:
            return False
        if last_day is not None and sampled_on <= last_day:
            return False
    return True


def _has_low_near(others: list[Result], sampled_on: date) -> bool:
    return any(
        other.b12_class == "LOW" and abs((other.sampled_on - sampled_on).days) <= PAIR_DAYS
        for other in others
    )


def _own_mma_class(chart: Chart, doses: list[Dose], result: Result) -> str | None:
    """The latest MMA in the window of this one result."""
    found: str | None = None
    for mma in usable_mmas(chart, doses):
        if -MMA_BEFORE <= (mma.sampled_on - result.sampled_on).days <= MMA_AFTER:
            found = mma.mma_class
    return found


def lapsed(chart: Chart, doses: list[Dose], state: str, as_of: date) -> str:
    """R04 (readings 53, 54): none, due, or gap_over_two_intervals."""
    if state != "LAPSED":
        return "none"
    has_cause = is_irreversible(chart, as_of)
    if not has_cause and (not had_deficiency(chart, doses, as_of) or is_cleared(chart, doses)):
        return "none"
    if is_gap_over_two_intervals(doses, neuro_ever(chart), as_of):
        return "gap_over_two_intervals"
    return "due"


# Nitrous oxide (readings 58, 59)


def nitrous_oxide(chart: Chart, as_of: date) -> str:
    if has_code(chart, "cond_nitrous_oxide_misuse", EXACT, NITROUS_RECENT, as_of):
        return "recent"
    if has_code(chart, "cond_nitrous_oxide_misuse", BROAD, NITROUS_RECENT, as_of):
        return "class_level"
    return "none"


def does_homocysteine_confirm(chart: Chart, doses: list[Dose], as_of: date) -> bool:
    """Reading 59: raised, with folate normal and eGFR known to be 60 or more."""
    homocysteine: Lab | None = None
    folate: Lab | None = None
    for lab in sorted(
        chart.labs, key=lambda each: (each.collected_at, each.received_at, each.record_id or "")
    ):
        if lab.value is None or not is_within(SUPPORTING_LAB_DAYS, lab.collected_on, as_of):
            continue
        if lab.analyte == "homocysteine" and not is_confounded(
            doses, chart.person.birth_date, lab.collected_on
        ):
            homocysteine = lab
        if lab.analyte == "folate_serum":
            folate = lab
    if homocysteine is None or folate is None:
        return False
    return (
        _is_raised(homocysteine)
        and _is_normal_folate(folate)
        and kidney_function(chart, homocysteine.collected_on) == "at_least_60"
    )


def _is_raised(lab: Lab) -> bool:
    assert lab.value is not None
    assert lab.common is not None
    if lab.upper_limit is not None:
        return lab.value.wholly_above(lab.upper_limit)
    return lab.common.wholly_above(HOMOCYSTEINE_UPPER)


def _is_normal_folate(lab: Lab) -> bool:
    assert lab.value is not None
    limit = lab.lower_limit if lab.lower_limit is not None else FOLATE_LOW[lab.unit or "ug/L"]
    return lab.value.wholly_above(limit)


# MMA that counts alone, B12 high twice (readings 62, 63)


def is_mma_raised_alone(chart: Chart, mma: Mma | None, index: Index | None, as_of: date) -> bool:
    if mma is None or mma.mma_class != "ELEVATED":
        return False
    if kidney_function(chart, mma.sampled_on) == "below_60":
        return False
    if index is None:
        return is_within(MMA_ALONE_DAYS, mma.sampled_on, as_of)
    return -MMA_BEFORE <= (mma.sampled_on - index.sampled_on).days <= MMA_AFTER


def is_b12_high_twice(chart: Chart, doses: list[Dose]) -> bool:
    totals = [result for result in results_of_days(chart, doses, "total") if not result.is_confounded]
    if not totals or not _is_very_high(totals[-1]):
        return False
    latest_on = totals[-1].sampled_on
    for earlier in totals[:-1]:
        if _is_very_high(earlier) and (latest_on - earlier.sampled_on).days >= HIGH_B12_APART:
            return True
    return False


def _is_very_high(result: Result) -> bool:
    return result.lab.common is not None and result.lab.common.wholly_above(HIGH_B12_NG_L)
