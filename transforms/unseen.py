"""What the rules could not see of a person, and which decision rows cannot be told because of it.

Unknown is an answer of its own: a refused result, a diagnosis without a date, a sample nobody could read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from rules.model import DecisionRow, Pack
from schemas.vocabulary import SEEN_FROM
from transforms import results
from transforms.clues import age_days, events
from transforms.inputs import Inputs
from transforms.normalise import MMA

UNDATED = "undated conditions"
_NO_NAMES = pl.lit([], dtype=pl.List(pl.String))


def not_seen(
    refused: pl.LazyFrame, refused_values: pl.LazyFrame, inputs: Inputs, pack: Pack, as_of: date
) -> pl.LazyFrame:
    """One row per person, place and reason: person_key, place (table, laboratory concept or `undated conditions`), why.

    refused: person_key, table_name, concept, reasons (rows that broke their contract). refused_values: the
    observations the value boundary refused. Besides: B12 and MMA samples that were not interpretable and are recent
    enough to matter, and diagnoses without any date whose rules ask for one.
    """
    rows = pl.concat(
        [
            refused.select(
                "person_key", "reasons", place=pl.coalesce("concept", pl.col("table_name").cast(pl.String))
            ),
            refused_values.select("person_key", "reasons", place="concept"),
        ],
        how="vertical_relaxed",
    )
    unreadable = inputs.observations.filter(
        pl.col("concept").is_in([results.TOTAL, results.ACTIVE, MMA])
        & (pl.col("value_kind") == "text")
        & (age_days("collected_on", as_of) <= pack.days("b12_fresh_days"))
    ).select("person_key", place="concept", why=pl.lit("not_interpretable"))
    return pl.concat(
        [
            rows.explode("reasons", empty_as_null=True).select("person_key", "place", why="reasons"),
            unreadable,
            _undated(inputs, pack).select("person_key", place=pl.lit(UNDATED), why=pl.lit("date_missing")),
        ],
        how="vertical_relaxed",
    ).unique()


def _undated(inputs: Inputs, pack: Pack) -> pl.LazyFrame:
    """Diagnoses without a date of which a rule asks when they were: symptoms, pregnancy, nitrous oxide."""
    asked = [
        *(concept for clue in pack.symptoms() for concept in clue.concepts),
        *pack.concepts_of("pregnancy"),
        *pack.concepts_of("nitrous_oxide"),
    ]
    undated = inputs.conditions.filter(pl.col("onset_on").is_null() & pl.col("recorded_on").is_null())
    dateless = events(replace(inputs, conditions=undated, procedures=inputs.procedures.limit(0)), pack)
    return dateless.filter(pl.col("concept").is_in(asked))


def with_unseen(decisions: pl.LazyFrame, unseen: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """The decisions with what was not seen, each a sorted list of names, empty where all was seen.

    `not_seen` (`place: why`), `uncertain_facts`, and `cannot_tell`: keys of the decision rows before the one that
    decided which only an uncertain fact kept from holding.
    """
    sources = pl.LazyFrame(
        [(fact, place) for fact, places in SEEN_FROM.items() for place in places],
        schema={"fact": pl.String, "place": pl.String},
        orient="row",
    )
    named = unseen.group_by("person_key").agg(
        not_seen=pl.format("{}: {}", "place", "why").unique().sort(),
    )
    uncertain = (
        unseen.join(sources, on="place", how="inner")
        .group_by("person_key")
        .agg(uncertain_facts=pl.col("fact").unique().sort())
    )
    cannot_tell = pl.concat_list([_cannot_be_told(row, pack) for row in pack.decisions]).list.drop_nulls()
    told = (
        decisions.select("person_key", "decision_key", *SEEN_FROM)
        .join(uncertain, on="person_key", how="inner")
        .with_columns(place_of_row=_place(pack))
        .select("person_key", "uncertain_facts", cannot_tell=cannot_tell)
    )
    keys = decisions.select("person_key")
    # Set beside, not joined on: a join would copy every column of everybody for the few it concerns.
    beside = [
        keys.join(found, on="person_key", how="left", maintain_order="left").drop("person_key")
        for found in (named, told)
    ]
    return pl.concat([decisions, *beside], how="horizontal").with_columns(
        pl.col("not_seen", "uncertain_facts", "cannot_tell").fill_null(_NO_NAMES)
    )


def _place(pack: Pack) -> pl.Expr:
    places = {row.key: place for place, row in enumerate(pack.decisions)}
    return pl.col("decision_key").replace_strict(places, return_dtype=pl.UInt8)


def _cannot_be_told(row: DecisionRow, pack: Pack) -> pl.Expr:
    """The row's key where each clause that fails rests on an uncertain fact, of the rows before the deciding one."""
    place = next(number for number, one in enumerate(pack.decisions) if one is row)
    clauses = [
        pl.col(fact).is_in(list(words)) | pl.col("uncertain_facts").list.contains(fact)
        for fact, words in row.when.items()
    ]
    return pl.when(pl.all_horizontal([pl.lit(place) < pl.col("place_of_row"), *clauses])).then(
        pl.lit(row.key)
    )
