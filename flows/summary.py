"""What a night found, as counts and words: the manifest, the report and the last words of a run all read it.

The same inputs give the same summary: no clock, no timing, no path of this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from flows.context import Night
from rules.model import Band, BandSet, Pack
from schemas.reasons import REASONS
from schemas.vocabulary import LISTS, SEEN_FROM, TABLES
from transforms.summarise import (
    b12_band_sets,
    clinic_counts,
    funnel,
    list_counts,
    status_counts,
    unseen_counts,
    untested_with_b12,
    untold_counts,
)

Summary = dict[str, Any]

_UNSEEN: Final = {
    "conditions": "no diagnosis was seen: symptoms, the neurological flag, pregnancy and causes rest on results alone",
    "procedures": "no surgery was seen as a risk factor or cause",
    "orders": "requests that are already open did not keep anybody off a list",
}


def summarised(
    night: Night,
    run_id: str,
    pack: Pack,
    decisions: pl.LazyFrame,
    histograms: pl.LazyFrame,
    conservation: Sequence[Mapping[str, Any]],
    reasons: pl.DataFrame,
    absent: Sequence[str],
) -> Summary:
    """The summary of one run; `decisions` has one row per person, `histograms` one per pass, unit and bin.

    `absent`: tables of which nothing was delivered and nothing from before is in force.
    """
    return {
        "run_id": run_id,
        "as_of": night.as_of.isoformat(),
        "timezone": night.settings.screen.timezone,
        "code_version": night.code_version,
        "suppress_below": night.settings.limits.suppress_below,
        "sign_off_line": pack.sign_off.line,
        "pack": _pack(pack),
        "funnel": _funnel(decisions, conservation),
        "lists": _lists(decisions),
        "clinics": _clinics(decisions),
        "statuses": _statuses(decisions, pack),
        "b12_histogram": _histograms(histograms.collect(), pack),
        "conservation": [dict(line) for line in conservation],
        "quarantine": _quarantine(reasons),
        "not_seen": _not_seen(decisions, absent, pack),
        "notes": _notes(absent),
    }


def _pack(pack: Pack) -> Summary:
    return {
        "id": pack.id,
        "version": pack.version,
        "title": pack.title,
        "sha256": pack.sha256,
        "sign_off": pack.sign_off.state,
        "rows_held": list(dict.fromkeys(row.id for row in pack.decisions)),
        "rows_not_held": list(pack.rows_not_held),
    }


def _funnel(decisions: pl.LazyFrame, conservation: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    counts = funnel(decisions).collect().to_dicts()[0]
    patients = next(line for line in conservation if line["table"] == "patients")
    persons = counts["decided"] + patients["quarantined"]
    stayed = persons + patients["superseded"]
    return [
        ["patient records in the extract", stayed + patients["opted_out"]],
        ["not opted out", stayed],
        *([["joined to one per person", persons]] if patients["superseded"] else []),
        ["decided on", counts["decided"]],
        ["alive and registered", counts["registered"]],
        ["of screening age", counts["adult"]],
        ["on a worklist", counts["listed"]],
    ]


def _lists(decisions: pl.LazyFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {name: {} for name in LISTS}
    for line in list_counts(decisions).collect().to_dicts():
        found[line["list"]][line["priority"]] = line["people"]
    return found


def _clinics(decisions: pl.LazyFrame) -> dict[str, dict[str, int]]:
    lines = clinic_counts(decisions).collect().to_dicts()
    return {line["clinic_id"]: {name: line[name] for name in ("people", *LISTS)} for line in lines}


def _statuses(decisions: pl.LazyFrame, pack: Pack) -> list[list[Any]]:
    labels = {row.key: row.label for row in pack.decisions}
    lines = status_counts(decisions).collect().to_dicts()
    return [
        [line["clinical_status"], line["rule_id"], labels[line["decision_key"]], line["people"]]
        for line in lines
    ]


def _histograms(bins: pl.DataFrame, pack: Pack) -> list[Summary]:
    of_unit = [(bands, bins.filter(pl.col("unit") == bands.unit)) for bands in b12_band_sets(pack)]
    return [_histogram(bands, found) for bands, found in of_unit if found["upper_edge"].count()]


def _histogram(bands: BandSet, bins: pl.DataFrame) -> Summary:
    """Counts over bins of one width from 0 up, empty ones included; the last also holds all that is higher."""
    width = float(bins.select((pl.col("upper_edge") - pl.col("lower_edge")).max()).item())
    numbered = (
        bins.with_columns(bin=(pl.col("lower_edge") / width).round().cast(pl.Int64))
        .group_by("bin")
        .agg(pl.col("results").sum())
        .sort("bin")
    )
    counts = dict(zip(numbered["bin"].to_list(), numbered["results"].to_list(), strict=True))
    last = max(counts)
    return {
        "unit": bands.unit,
        "edges": [round(number * width, 6) for number in range(last + 2)],
        "counts": [counts.get(number, 0) for number in range(last + 1)],
        "low_limit": next(band.lt for band in bands.bands if band.name == "LOW"),
        "high_limit": next(_lower_limit(band) for band in bands.bands if band.name == "UNLIKELY"),
    }


def _lower_limit(band: Band) -> float | None:
    return band.gt if band.gt is not None else band.ge


def _quarantine(reasons: pl.DataFrame) -> list[Summary]:
    return [
        {
            "table": line["table_name"],
            "reason": line["reason"],
            "sentence": REASONS[line["reason"]].sentence,
            "severity": REASONS[line["reason"]].severity,
            "count": line["rows"],
        }
        for line in reasons.sort("table_name", "reason").to_dicts()
    ]


def _not_seen(decisions: pl.LazyFrame, absent: Sequence[str], pack: Pack) -> dict[str, Any]:
    """What no rule could see: per place and reason, per decision row, and the tables that were not delivered."""
    places = [[*line["not_seen"].split(": ", 1), line["people"]] for line in _lines(unseen_counts(decisions))]
    return {
        "places": [{"place": place, "why": why, "people": people} for place, why, people in places],
        "untested_with_b12": untested_with_b12(decisions).collect().item(),
        "decision_rows": [
            {"row": line["cannot_tell"], "people": line["people"]}
            for line in _lines(untold_counts(decisions))
        ],
        "absent_tables": [
            {
                "table": table,
                "facts": [fact for fact, places in SEEN_FROM.items() if table in places],
                "decision_rows": rows_asking(pack, table),
            }
            for table in absent
        ],
    }


def rows_asking(pack: Pack, table: str) -> list[str]:
    """Keys of the decision rows that ask for a fact seen from this table."""
    return [row.key for row in pack.decisions if any(table in SEEN_FROM[fact] for fact in row.when)]


def _lines(counts: pl.LazyFrame) -> list[dict[str, Any]]:
    return counts.collect().to_dicts()


def _notes(absent: Sequence[str]) -> list[str]:
    return [
        f"There are no `{table}`: {_UNSEEN[table]}."
        for table in TABLES
        if table in absent and table in _UNSEEN
    ]
