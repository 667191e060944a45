"""The lists of a person once follow-up items and cautions are known: who is added, and how urgent everybody is."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from schemas.vocabulary import LISTS, PRIORITIES
from transforms.clues import age_days
from transforms.course import INJECTED, ON_REPLACEMENT
from transforms.follow_up import ITEM_SCHEMA

_NO_LIST = pl.lit([], dtype=pl.List(pl.String))
_NO_DATES = pl.lit([], dtype=pl.List(pl.Date))
_IS_SCREENED = (pl.col("eligibility") == "eligible") & (pl.col("age_group") == "adult")
_NO_STEPS = pl.lit([], dtype=pl.List(pl.Struct(ITEM_SCHEMA)))


def monitored_lists(
    decided: pl.LazyFrame,
    due: pl.LazyFrame,
    cautions: pl.LazyFrame,
    treatment: pl.LazyFrame,
    pack: Pack,
    as_of: date,
) -> pl.LazyFrame:
    """The decisions with follow-up items and cautions, and with the lists that come from them.

    Adds follow_up_items, cautions, high_cautions (lists of ids, empty for none), follow_up_case_ids and
    caution_case_ids (the same with the case that held), days_untreated (days since a LOW
    index sample where no replacement is on record since; null otherwise), row_priority (what the decision row
    itself gives on `follow_up`), follow_up_due_on (the date of each item), the columns of `treatment`
    (is_load_incomplete: false for whoever is not on injections), follow_up_steps and caution_text for the rows of
    the lists. Sets priority_follow_up (the more urgent of row and items), priority_safety_review, lists and priority.
    `due` and `cautions` are gathered, one row per person. Order of rows is kept. Source: specification 10, 11.
    """
    keys = decided.select("person_key")
    columns = [
        keys.join(found, on="person_key", how="left", maintain_order="left").drop("person_key")
        for found in (due, cautions, treatment)
    ]
    joined = pl.concat([decided, *columns], how="horizontal")
    is_high = pl.col("high_cautions").list.len() > 0
    on_list = [pl.when(pl.col(f"priority_{name}").is_not_null()).then(pl.lit(name)) for name in LISTS]
    return (
        joined.with_columns(
            pl.col(
                "follow_up_items", "follow_up_case_ids", "cautions", "caution_case_ids", "high_cautions"
            ).fill_null(_NO_LIST),
            pl.col("follow_up_steps").fill_null(_NO_STEPS),
            pl.col("follow_up_due_on").fill_null(_NO_DATES),
            pl.col("stands_alone").fill_null(False),
            row_priority="priority_follow_up",
            days_untreated=_days_untreated(as_of),
            is_load_incomplete=pl.when(_IS_SCREENED & pl.col("replacement").is_in(INJECTED))
            .then("is_load_incomplete")
            .otherwise(pl.lit(False)),
        )
        .with_columns(priority_follow_up=_most_urgent(["priority_follow_up", "item_priority"]))
        .with_columns(listed=_most_urgent([f"priority_{name}" for name in LISTS if name != "safety_review"]))
        .with_columns(
            priority_safety_review=pl.when(pl.col("listed").is_not_null())
            .then(pl.when(is_high).then("listed"))
            .when("stands_alone")
            .then(pl.lit(pack.word("safety_review_alone_priority")))
        )
        .with_columns(
            lists=pl.concat_list(on_list).list.drop_nulls(),
            priority=_most_urgent([f"priority_{name}" for name in LISTS]),
        )
        .drop("listed", "stands_alone", "item_priority")
    )


def _most_urgent(names: list[str]) -> pl.Expr:
    """The most urgent of several priorities; null where there is none."""
    return pl.coalesce(
        [
            pl.when(pl.any_horizontal([pl.col(name) == priority for name in names])).then(pl.lit(priority))
            for priority in PRIORITIES
        ]
    )


def _days_untreated(as_of: date) -> pl.Expr:
    is_untreated = ~pl.col("replacement").is_in(ON_REPLACEMENT) & (
        (pl.col("replacement") == "NEVER") | (pl.col("last_dose_on") < pl.col("index_on")).fill_null(False)
    )
    is_low = (pl.col("index_class") == "LOW") & _IS_SCREENED
    return pl.when(is_low & is_untreated).then(age_days("index_on", as_of))
