"""B12 replacement: who is on it, who was, and which samples it makes unfit to judge."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from transforms.medication import is_current, supplies, with_concepts

_ACTIVE = {"oral": "ACTIVE_ORAL", "sublingual": "ACTIVE_SL", "nasal": "ACTIVE_NASAL"}


def doses(medications: pl.LazyFrame, codes: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per B12 dose or supply, `is_counted` where it counts as treatment.

    Columns: person_key, row_no, evidence_id, kind (as reported), start_on (null: unknown), covered_to, is_open,
    daily_dose_ug, form (im, oral, sublingual, nasal). An unknown dose counts as treatment; a known oral dose under the
    pack's minimum does not.
    Source: specification 5.1.
    """
    forms = pl.LazyFrame(
        {
            "concept": [form.concept for form in pack.replacement_forms if form.counts],
            "list_form": [form.form for form in pack.replacement_forms if form.counts],
        },
        schema={"concept": pl.String, "list_form": pl.String},
    )
    routes = pack.routes.lazy().select(route="spelling", route_form="form")
    stated = pl.col("list_form").filter(pl.col("list_form") != "unstated").min()
    read = (
        with_concepts(medications, codes)
        .join(forms, on="concept", how="inner")
        .group_by("row_no")
        .agg(pl.exclude("list_form", "concept", "breadth", "matched_by").first(), list_form=stated)
        .join(routes, on="route", how="left")
    )
    unstated = pl.col("list_form").is_null() & (pl.col("kind") == "administration")
    form = pl.coalesce("route_form", "list_form", pl.when(unstated).then(pl.lit("im")), pl.lit("oral"))
    is_injected = pl.col("form") == "im"
    enough = (pl.col("daily_dose_ug") >= pack.number("oral_dose_min_ug")).fill_null(True)
    return supplies(read.with_columns(form=form), pack).select(
        "person_key",
        "row_no",
        "evidence_id",
        "kind",
        "start_on",
        "form",
        "daily_dose_ug",
        is_counted=is_injected | enough,
        covered_to=pl.when(is_injected & pl.col("start_on").is_not_null())
        .then("start_on")
        .otherwise("covered_to"),
        is_open=pl.when(is_injected)
        .then(pl.col("start_on").is_null() & pl.col("is_open"))
        .otherwise("is_open"),
    )


def state(dosed: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person who ever had a counting dose: `replacement` and what is known of its days.

    First match: LOADING, ACTIVE_IM, ACTIVE_ORAL/SL/NASAL, LAPSED. People without a dose are absent (NEVER).
    Also first_dose_on, last_dose_on, last_injection_on, last_covered_on (the day of the last injection or the end
    of the last supply, the later; null where no day is known), injection_days (different days with an injection)
    and is_monthly (the last two gaps between injections are about a month). Source: specification 5.1.
    """
    injected = _injection_course(dosed, pack)
    supplied = (
        dosed.filter((pl.col("form") != "im") & is_current(as_of, pack.days("rx_gap_days")))
        .sort("person_key", "start_on", "form", nulls_last=False)
        .group_by("person_key")
        .agg(current_form=pl.col("form").last())
    )
    undated = (
        dosed.filter((pl.col("form") == "im") & pl.col("is_open")).select("person_key", undated=True).unique()
    )
    first_dose_age = (pl.lit(as_of) - pl.col("first_dose_on")).dt.total_days()
    injection_age = (pl.lit(as_of) - pl.col("last_injection_on")).dt.total_days()
    active_days = (
        pl.when("is_monthly").then(pack.days("im_monthly_lapsed_days")).otherwise(pack.days("im_lapsed_days"))
    )
    is_loading = (
        (first_dose_age <= pack.days("loading_days"))
        & (pl.col("injections") < pack.days("loading_doses"))
        & ~pl.col("has_unknown_start")
    )
    return (
        dosed.group_by("person_key")
        .agg(
            first_dose_on=pl.col("start_on").min(),
            last_dose_on=pl.max_horizontal("start_on", "covered_to").max(),
            last_supplied_on=pl.coalesce("covered_to", "start_on").filter(pl.col("form") != "im").max(),
            has_unknown_start=pl.col("start_on").is_null().any(),
        )
        .join(injected, on="person_key", how="left")
        .join(supplied, on="person_key", how="left")
        .join(undated, on="person_key", how="left")
        .select(
            "person_key",
            "first_dose_on",
            "last_dose_on",
            "last_injection_on",
            last_covered_on=pl.max_horizontal("last_injection_on", "last_supplied_on"),
            injection_days=pl.col("injections").fill_null(0),
            is_monthly=pl.col("is_monthly").fill_null(False),
            replacement=pl.when(pl.col("injections").is_not_null() & is_loading)
            .then(pl.lit("LOADING"))
            .when((injection_age <= active_days) | pl.col("undated"))
            .then(pl.lit("ACTIVE_IM"))
            .when(pl.col("current_form").is_not_null())
            .then(pl.col("current_form").replace_strict(_ACTIVE, default="ACTIVE_ORAL"))
            .otherwise(pl.lit("LAPSED")),
        )
    )


def _injection_course(dosed: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a dated injection; two records of one day are one injection."""
    days = (
        dosed.filter((pl.col("form") == "im") & pl.col("start_on").is_not_null())
        .select("person_key", "start_on")
        .unique()
        .sort("person_key", "start_on")
    )
    gaps = pl.col("start_on").diff().dt.total_days()
    counted = gaps.filter(gaps >= pack.days("loading_gap_days")).tail(2)
    in_month = counted.median().is_between(pack.days("im_monthly_gap_min"), pack.days("im_monthly_gap_max"))
    return days.group_by("person_key").agg(
        injections=pl.len(),
        last_injection_on=pl.col("start_on").max(),
        is_monthly=(in_month & (counted.len() == 2)).fill_null(False),
    )


def confounded(samples: pl.LazyFrame, dosed: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per sample, with `is_confounded`: taken after a dose and before its washout ended.

    Needs person_key, row_no, collected_on. A sample on the day of a dose is not confounded by that dose: bloods
    first is usual. A supply of unknown start counts from birth. Source: specification 13.5.
    """
    washout = pl.duration(days=pack.days("washout_days"))
    spans = dosed.select(
        "person_key", dose_start="start_on", dose_end=pl.col("covered_to") + washout, open="is_open"
    )
    after = (pl.col("collected_on") > pl.col("dose_start")).fill_null(True)
    before_end = (pl.col("collected_on") <= pl.col("dose_end")).fill_null(False) | pl.col("open")
    touched = (
        samples.select("person_key", "row_no", "collected_on")
        .join(spans, on="person_key", how="inner")
        .filter(after & before_end)
        .select("row_no", is_confounded=True)
        .unique()
    )
    return samples.join(touched, on="row_no", how="left").with_columns(
        pl.col("is_confounded").fill_null(False)
    )
