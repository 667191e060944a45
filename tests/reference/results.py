"""B12, kidney function and MMA: the index result and the MMA that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from tests.reference.codes import EXACT
from tests.reference.medicines import Dose, has_dose_since, is_confounded, is_medicine_current
from tests.reference.parameters import (
    AGE_OLDER_MMA,
    B12_FRESH,
    EGFR_CAVEAT,
    EGFR_NEAREST,
    LOW_LOOKBACK,
    MMA_AFTER,
    MMA_BEFORE,
    MMA_IN_FORCE,
    MMA_NORMAL_MAX,
    MMA_RENAL_MIN,
    MMA_UPPER_16_64,
    MMA_UPPER_65,
    PAIR_DAYS,
)
from tests.reference.pregnancy import is_in_present_pregnancy, is_postpartum_on, is_pregnant_on
from tests.reference.reading import INFINITY, ZERO
from tests.reference.records import (
    Chart,
    Lab,
    age_on,
    b12_class,
    is_low_possible,
    is_within,
    value_preference,
)

# B12: the index result (readings 21, 28, 29, 30)


@dataclass(frozen=True)
class Result:
    """The B12 result that stands for one day and one kind of test."""

    lab: Lab
    kind: str  # total or active
    b12_class: str
    sampled_on: date
    is_confounded: bool


@dataclass(frozen=True)
class Index:
    """The index class, the result that decides it and the sample date that windows are counted from."""

    index_class: str
    sampled_on: date
    deciding: Result
    low_possible: bool


def results_of_days(chart: Chart, doses: list[Dose], kind: str) -> list[Result]:
    """One readable result per day (reading 21), earliest first."""
    by_day: dict[date, list[Lab]] = {}
    for lab in chart.labs:
        if lab.analyte == f"b12_{kind}" and lab.value is not None:
            by_day.setdefault(lab.collected_on, []).append(lab)
    results: list[Result] = []
    for day in sorted(by_day):
        best = min(by_day[day], key=lambda lab: (*value_preference(lab), lab.record_id or "", lab.reported))
        confounded = is_confounded(doses, chart.person.birth_date, day)
        results.append(Result(best, kind, b12_class(best), day, confounded))
    return results


def is_in_b12_window(result: Result, as_of: date) -> bool:
    """Reading 29: windows first."""
    return is_within(LOW_LOOKBACK if result.b12_class == "LOW" else B12_FRESH, result.sampled_on, as_of)


def evaluable_results(chart: Chart, doses: list[Dose], kind: str, as_of: date) -> list[Result]:
    evaluable: list[Result] = []
    for result in results_of_days(chart, doses, kind):
        if result.is_confounded and result.b12_class != "LOW":
            continue  # reading 28: falsely normal
        if kind == "total" and (
            is_pregnant_on(chart, result.sampled_on) or is_postpartum_on(chart, result.sampled_on)
        ):
            continue  # reading 29, spec 13.10
        if is_in_b12_window(result, as_of):
            evaluable.append(result)
    return evaluable


def find_index(chart: Chart, doses: list[Dose], as_of: date, has_symptom: bool) -> Index | None:
    totals = evaluable_results(chart, doses, "total", as_of)
    actives = evaluable_results(chart, doses, "active", as_of)
    if not totals and not actives:
        return None
    sampled_on = max(result.sampled_on for result in totals + actives)
    total = _latest_within_pair(totals, sampled_on)
    active = _latest_within_pair(actives, sampled_on)
    if total is None or active is None:
        only = total or active
        assert only is not None
        return Index(only.b12_class, sampled_on, only, _low_possible([only]))
    if is_medicine_current(chart, {"drug_combined_hormonal_contraceptive"}, sampled_on):
        # Spec 13.4: with a combined contraceptive the active test decides.
        return Index(active.b12_class, sampled_on, active, _low_possible([active]))
    index_class = pair_class(total.b12_class, active.b12_class, has_symptom)
    low_possible = index_class == "AMBIGUOUS" and _low_possible([total, active])
    return Index(index_class, sampled_on, _deciding(total, active), low_possible)


def _latest_within_pair(results: list[Result], sampled_on: date) -> Result | None:
    """The latest result of this kind on the index day or at most 30 days before it."""
    near = [result for result in results if is_within(PAIR_DAYS, result.sampled_on, sampled_on)]
    return max(near, key=lambda result: result.sampled_on) if near else None


def pair_class(total: str, active: str, has_symptom: bool) -> str:
    """Reading 30, spec 13.4."""
    pair = {total, active}
    if len(pair) == 1:
        return total
    if pair in ({"LOW", "INDET"}, {"LOW", "AMBIGUOUS"}):
        return "LOW"
    if pair == {"LOW", "UNLIKELY"}:
        return "DISCORDANT"
    if pair == {"INDET", "UNLIKELY"}:
        return "INDET" if has_symptom else "UNLIKELY"
    return "AMBIGUOUS"


CLASS_ORDER: Final = {"LOW": 0, "AMBIGUOUS": 1, "INDET": 2, "UNLIKELY": 3}


def _deciding(total: Result, active: Result) -> Result:
    """Reading 30: the lower class; on a tie the later; then total. Ambiguous lies between LOW and INDET."""
    if CLASS_ORDER[total.b12_class] != CLASS_ORDER[active.b12_class]:
        return min(total, active, key=lambda result: CLASS_ORDER[result.b12_class])
    return active if active.sampled_on > total.sampled_on else total


def _low_possible(results: list[Result]) -> bool:
    return any(result.b12_class == "AMBIGUOUS" and is_low_possible(result.lab) for result in results)


def pregnancy_total(chart: Chart, doses: list[Dose], as_of: date) -> Result | None:
    """Reading 43: the total B12 that R09 rests on, without looking at MMA."""
    totals: list[Result] = []
    for result in results_of_days(chart, doses, "total"):
        if not result.is_confounded and is_in_b12_window(result, as_of):
            totals.append(result)
    if not totals:
        return None
    latest = totals[-1]
    if latest.b12_class == "UNLIKELY" or not is_in_present_pregnancy(chart, latest.sampled_on, as_of):
        return None
    for active in evaluable_results(chart, doses, "active", as_of):
        if abs((active.sampled_on - latest.sampled_on).days) <= PAIR_DAYS:
            return None
    return latest


# Kidney function (reading 32)


def has_renal_caveat(chart: Chart, mma_on: date) -> bool:
    return kidney_function(chart, mma_on) == "below_60"


def kidney_function(chart: Chart, mma_on: date) -> str:
    """below_60, at_least_60 or unknown: reported eGFR, else computed from creatinine, else a CKD 3-5 code."""
    reported: list[tuple[Lab, bool]] = []
    for lab in chart.labs:
        if lab.analyte == "egfr" and lab.common is not None:
            if lab.common.wholly_below(EGFR_CAVEAT):
                reported.append((lab, True))
            elif lab.common.wholly_at_least(EGFR_CAVEAT):
                reported.append((lab, False))
    # Reading 22, spec 2: the ethnicity variant gives way to another eGFR of the same day.
    plain_days = {lab.collected_on for lab, _ in reported if lab.code != "48643-1"}
    reported = [
        (lab, below) for lab, below in reported if lab.code != "48643-1" or lab.collected_on not in plain_days
    ]
    nearest = _nearest(reported, mma_on)
    if nearest is not None:
        return "below_60" if nearest else "at_least_60"

    computed: list[tuple[Lab, bool]] = []
    for lab in chart.labs:
        if lab.analyte == "creatinine" and lab.common is not None:
            age = age_on(chart.person, lab.collected_on)
            highest = computed_egfr(chart.person.sex, age, lab.common.low)
            lowest = computed_egfr(chart.person.sex, age, lab.common.high)
            if highest is None or lowest is None:
                continue
            # eGFR falls as creatinine rises, so an interval's ends change places.
            if highest < EGFR_CAVEAT or (highest == EGFR_CAVEAT and not lab.common.low_included):
                computed.append((lab, True))
            elif lowest >= EGFR_CAVEAT:
                computed.append((lab, False))
    nearest = _nearest(computed, mma_on)
    if nearest is not None:
        return "below_60" if nearest else "at_least_60"
    return "below_60" if any(feature.states_ckd_3_to_5 for feature in chart.features) else "unknown"


def _nearest(labs: list[tuple[Lab, bool]], mma_on: date) -> bool | None:
    """Nearest in days within 365 either way; then the later; of one day the latest (reading 22).

    Of two that nothing else tells apart the lower eGFR counts (reading 95).
    """
    near = [(lab, below) for lab, below in labs if abs((lab.collected_on - mma_on).days) <= EGFR_NEAREST]
    if not near:
        return None
    best = near[0]
    for candidate in near[1:]:
        if (_nearness(candidate[0], mma_on), candidate[1]) > (_nearness(best[0], mma_on), best[1]):
            best = candidate
    return best[1]


def _nearness(lab: Lab, mma_on: date) -> tuple[object, ...]:
    distance = abs((lab.collected_on - mma_on).days)
    return (-distance, lab.collected_at, lab.received_at, lab.record_id or "")


def computed_egfr(sex: str, age: int, creatinine_umol: Decimal) -> Decimal | None:
    """CKD-EPI 2009 without an ethnicity term, from creatinine in umol/L (88.42 umol/L = 1 mg/dL)."""
    if sex == "female":
        kappa, alpha, factor = 0.7, -0.329, 1.018
    elif sex == "male":
        kappa, alpha, factor = 0.9, -0.411, 1.0
    else:
        return None
    if creatinine_umol == ZERO:
        return INFINITY
    if creatinine_umol == INFINITY:
        return ZERO
    ratio = float(creatinine_umol) / 88.42 / kappa
    egfr = 141 * min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.209 * 0.993**age * factor
    return Decimal(egfr)


# MMA (readings 15, 16, 31 to 33)


@dataclass(frozen=True)
class Mma:
    lab: Lab
    mma_class: str
    sampled_on: date


def mma_class(chart: Chart, lab: Lab) -> str:
    """Spec 6.3: the laboratory's own limit, else three zones; with eGFR below 60 the renal rule."""
    value = lab.common
    assert value is not None
    if lab.common_upper_limit is not None:
        normal_max = upper = lab.common_upper_limit
    else:
        normal_max = MMA_NORMAL_MAX
        is_older = age_on(chart.person, lab.collected_on) >= AGE_OLDER_MMA
        upper = MMA_UPPER_65 if is_older else MMA_UPPER_16_64
    if value.wholly_at_most(normal_max):
        return "NORMAL"
    if not value.wholly_above(normal_max):
        return "AMBIGUOUS"
    if has_renal_caveat(chart, lab.collected_on):
        upper, between = max(MMA_RENAL_MIN, normal_max), "EQUIVOCAL_RENAL"
    else:
        between = "EQUIVOCAL"
    if value.wholly_above(upper):
        return "ELEVATED"
    if value.wholly_at_most(upper):
        return between
    return "AMBIGUOUS"


def usable_mmas(chart: Chart, doses: list[Dose]) -> list[Mma]:
    """The MMAs of days off replacement."""
    birth_date = chart.person.birth_date
    return [mma for mma in interpretable_mmas(chart) if not is_confounded(doses, birth_date, mma.sampled_on)]


def interpretable_mmas(chart: Chart) -> list[Mma]:
    """One MMA a day that answers something: readable, one class; earliest first."""
    if any(feature.is_in("cond_inherited_mma_exclude", EXACT) for feature in chart.features):
        return []  # spec 6.3: not interpretable
    by_day: dict[date, list[Lab]] = {}
    for lab in chart.labs:
        if lab.analyte == "mma_serum" and lab.value is not None:
            by_day.setdefault(lab.collected_on, []).append(lab)
    usable: list[Mma] = []
    for day in sorted(by_day):
        highest = min(
            by_day[day], key=lambda lab: (*value_preference(lab), lab.record_id or "", lab.reported)
        )
        found = mma_class(chart, highest)
        if found != "AMBIGUOUS":  # reading 15: as if there were none
            usable.append(Mma(highest, found, day))
    return usable


def find_mma(mmas: list[Mma], doses: list[Dose], b12_sampled_on: date | None, as_of: date) -> Mma | None:
    """Reading 31: an ELEVATED in force, else the latest in the window of the B12 sample."""
    if not mmas:
        return None
    latest = mmas[-1]
    if (
        latest.mma_class == "ELEVATED"
        and is_within(MMA_IN_FORCE, latest.sampled_on, as_of)
        and not has_dose_since(doses, latest.sampled_on)
    ):
        return latest
    if b12_sampled_on is None:
        return None
    for mma in reversed(mmas):
        if -MMA_BEFORE <= (mma.sampled_on - b12_sampled_on).days <= MMA_AFTER:
            return mma
    return None
