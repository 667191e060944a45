"""Pregnancy, now and on the day of a sample (reading 39, spec 13.10)."""

from __future__ import annotations

from datetime import date

from tests.reference.codes import EXACT
from tests.reference.parameters import POSTPARTUM_DAYS, PREGNANCY_DAYS
from tests.reference.records import Chart, Feature


def is_pregnant_on(chart: Chart, on: date) -> bool:
    """Pregnant on that day, by all that is known at `as_of`."""
    evidence = _pregnancy_evidence(chart, on)
    if not evidence:
        return False
    latest_on = max(feature.on for feature in evidence if feature.on is not None)
    if (on - latest_on).days > PREGNANCY_DAYS:
        return False
    for feature in evidence:
        if feature.on == latest_on and _is_resolved_by(feature, on):
            return False
    return not any(latest_on <= end <= on for end in _pregnancy_ends(chart))


def is_postpartum_on(chart: Chart, on: date) -> bool:
    """Spec 13.10: total B12 can be read again from day 42 after the end."""
    return any(0 <= (on - end).days < POSTPARTUM_DAYS for end in _pregnancy_ends(chart))


def is_in_present_pregnancy(chart: Chart, sampled_on: date, as_of: date) -> bool:
    """Reading 43: pregnant then and now, and nothing ended in between."""
    if not is_pregnant_on(chart, sampled_on) or not is_pregnant_on(chart, as_of):
        return False
    if any(sampled_on <= end <= as_of for end in _pregnancy_ends(chart)):
        return False
    evidence = _pregnancy_evidence(chart, sampled_on)
    latest_on = max(feature.on for feature in evidence if feature.on is not None)
    return not any(feature.on == latest_on and _is_resolved_by(feature, as_of) for feature in evidence)


def _pregnancy_evidence(chart: Chart, until: date) -> list[Feature]:
    if chart.person.sex == "male":
        return []
    found: list[Feature] = []
    for feature in chart.features:
        if feature.is_in("cond_pregnancy", EXACT) and feature.on is not None and feature.on <= until:
            found.append(feature)
    return found


def _is_resolved_by(feature: Feature, on: date) -> bool:
    """Reading 6: resolved by a date, or by its status where no date is given."""
    if feature.resolved_on is not None:
        return feature.resolved_on <= on
    return feature.is_resolved


def _pregnancy_ends(chart: Chart) -> list[date]:
    if chart.person.sex == "male":
        return []
    ends: list[date] = []
    for feature in chart.features:
        if feature.is_in("cond_pregnancy_end", EXACT) and feature.on is not None:
            ends.append(feature.on)
    return ends
