"""The present course of B12 replacement: when it began, how it is given, and the blood counts around its start."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from transforms.clues import HAEMOGLOBIN, MCV, PLATELETS, haemoglobin_limit, last_of_each
from transforms.intervals import wholly_above, wholly_below

COUNTS = (HAEMOGLOBIN, MCV, PLATELETS)
INJECTED = ("LOADING", "ACTIVE_IM")
ORAL = ("ACTIVE_ORAL", "ACTIVE_SL", "ACTIVE_NASAL")
ON_REPLACEMENT = (*INJECTED, *ORAL)


def last_course(dosed: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a dose: the last course of replacement, present if replacement is.

    Columns: person_key, course_start_on (null: unknown), has_injection, latest_gap_days (between the last two days
    with an injection; null with fewer), is_begun_again (a dose before the course is on record),
    is_begun_by_injection (on its first day), is_begun_by_administration (by one recorded when it was given) and
    load_injections (different days with an administration in the pack's first days of the course; where its start
    is unknown, from its first known day). A new course begins where the one before has run out: longer after an
    injection than its interval with margin, or after a supply's end than the gap allowed. Needs the columns of
    `replacement.doses`. Source: specification 10; 5.1 for the margins; S15.
    """
    is_injected = pl.col("form") == "im"
    lasts_to = (
        pl.when("is_open")
        .then(pl.lit(date.max))
        .when(is_injected)
        .then(pl.col("start_on") + pl.duration(days=pack.days("im_lapsed_days")))
        .otherwise(pl.col("covered_to") + pl.duration(days=pack.days("rx_gap_days")))
    )
    begins = (pl.col("start_on") > pl.col("lasted_to")).fill_null(False)
    injected_on = pl.col("start_on").filter(is_injected).drop_nulls().unique().sort()
    is_administered = (is_injected & (pl.col("kind") == "administration")).fill_null(False)
    since_start = (pl.col("start_on") - pl.col("start_on").min()).dt.total_days()
    return (
        dosed.select("person_key", "start_on", "form", "kind", lasts_to=lasts_to.fill_null(date.min))
        .sort("person_key", "start_on", "lasts_to", nulls_last=False)
        .with_columns(lasted_to=pl.col("lasts_to").cum_max().shift(1).over("person_key"))
        .with_columns(course=begins.cast(pl.UInt32).cum_sum().over("person_key"))
        .filter(pl.col("course") == pl.col("course").max().over("person_key"))
        .group_by("person_key")
        .agg(
            course_start_on=pl.when(pl.col("start_on").is_null().any().not_()).then(pl.col("start_on").min()),
            has_injection=is_injected.any(),
            latest_gap_days=injected_on.diff().last().dt.total_days(),
            is_begun_again=pl.col("course").first() > 0,
            is_begun_by_injection=(is_injected & (since_start == 0)).any(),
            is_begun_by_administration=(is_administered & (since_start == 0)).any(),
            load_injections=pl.col("start_on")
            .filter(is_administered & (since_start < pack.days("loading_check_days")))
            .n_unique(),
        )
    )


def counts_of_course(courses: pl.LazyFrame, observations: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person and blood count with a baseline, or a result after the start of the course.

    Baseline: the latest result on or before the start. Needs person_key, course_start_on, sex and is_pregnant of
    `courses`. Columns: person_key, concept, is_severe (haemoglobin at the baseline; null without one), is_open (was
    abnormal and is not known to be normal: low haemoglobin by sex and pregnancy, high MCV, low platelets; platelets
    may be low only since the start), later_on (the latest result after the start; null where there is none), and
    of that result, else of the baseline, shown_value, shown_unit, shown_on and shown_id. A censored value is
    abnormal only if its whole interval is. Source: specification 10, F1 to F3; S21.
    """
    since = (pl.col("collected_on") - pl.col("course_start_on")).dt.total_days()
    counted = (
        observations.filter(pl.col("concept").is_in(COUNTS) & pl.col("low").is_not_null())
        .join(
            courses.select("person_key", "course_start_on", "sex", "is_pregnant"),
            on="person_key",
            how="inner",
        )
        .with_columns(since=since, is_abnormal=_is_abnormal(pack))
        .with_columns(is_severe=_is_severe(pack))
    )
    is_baseline = pl.col("since").is_between(-pack.days("baseline_days"), 0)
    baseline = last_of_each(counted.filter(is_baseline), "person_key", "concept")
    later = last_of_each(counted.filter(pl.col("since") > 0), "person_key", "concept")
    was_abnormal, is_still_abnormal = pl.col("is_abnormal").fill_null(False), pl.col("later_is_abnormal")
    may_begin_later = pl.col("concept") == PLATELETS
    names = {"value": "value", "unit": "unit", "on": "collected_on", "id": "evidence_id"}
    return (
        baseline.select("person_key", "concept", "is_abnormal", "is_severe", *names.values())
        .join(
            later.select(
                "person_key",
                "concept",
                later_is_abnormal="is_abnormal",
                **{f"later_{name}": column for name, column in names.items()},
            ),
            on=["person_key", "concept"],
            how="full",
            coalesce=True,
        )
        .select(
            "person_key",
            "concept",
            "is_severe",
            "later_on",
            is_open=pl.when(is_still_abnormal.is_null())
            .then(was_abnormal)
            .otherwise(is_still_abnormal & (was_abnormal | may_begin_later)),
            **{f"shown_{name}": pl.coalesce(f"later_{name}", column) for name, column in names.items()},
        )
    )


def _is_abnormal(pack: Pack) -> pl.Expr:
    concept = pl.col("concept")
    return (
        pl.when(concept == HAEMOGLOBIN)
        .then(wholly_below(haemoglobin_limit(pack)))
        .when(concept == MCV)
        .then(wholly_above(pack.number("mcv_high")))
        .otherwise(wholly_below(pack.number("plt_low")))
    )


def _is_severe(pack: Pack) -> pl.Expr:
    return (pl.col("concept") == HAEMOGLOBIN) & wholly_below(pack.number("hb_severe"))
