"""The ordered, first-match decision table of the pack, applied to everybody at once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules.model import Condition, Output, Pack
from schemas.vocabulary import LISTS, PRIORITIES


def holds(condition: Condition) -> pl.Expr:
    """True where every named fact has one of its words; an empty condition always holds."""
    return pl.all_horizontal(
        [pl.lit(True), *(pl.col(fact).is_in(list(words)) for fact, words in condition.items())]
    )


def decide(facts: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with the first decision row that holds and the lists it gives.

    Needs every fact of the vocabulary. Adds `decision_key`, `rule_id`, `clinical_status`, `priority_<list>` (null
    where not listed), `is_suppressed` (an open request for the same test took the person off a list), `lists`
    (List of names in the vocabulary's order) and `priority` (the most urgent, null off all lists).
    Source: specification 7.
    """
    rows = pack.decisions
    # Row numbers, not words, are compared: a table of forty rows is then cheap for a million people.
    first = pl.coalesce([pl.when(holds(row.when)).then(_number(place)) for place, row in enumerate(rows)])
    row = pl.col("decision_row")
    suppressed = {name: _is_suppressed(pack, name) for name in LISTS}
    on_list = [pl.when(pl.col(f"priority_{name}").is_not_null()).then(pl.lit(name)) for name in LISTS]
    return (
        facts.with_columns(decision_row=first)
        .with_columns([_priority_number(pack, name).alias(f"wanted_{name}") for name in LISTS])
        .with_columns(
            decision_key=_named(row, [one.key for one in rows]),
            rule_id=_named(row, [one.id for one in rows]),
            clinical_status=_named(row, [one.status for one in rows]),
            priority_number=pl.min_horizontal(
                [pl.when(~suppressed[name]).then(pl.col(f"wanted_{name}")) for name in LISTS]
            ),
            is_suppressed=pl.any_horizontal(
                [pl.col(f"wanted_{name}").is_not_null() & suppressed[name] for name in LISTS]
            ),
            **{
                f"priority_{name}": _named(
                    pl.when(~suppressed[name]).then(pl.col(f"wanted_{name}")), PRIORITIES
                )
                for name in LISTS
            },
        )
        .with_columns(
            lists=pl.concat_list(on_list).list.drop_nulls(),
            priority=_named(pl.col("priority_number"), PRIORITIES),
        )
        .drop("decision_row", "priority_number", *[f"wanted_{name}" for name in LISTS])
    )


def _number(place: int) -> pl.Expr:
    return pl.lit(place, pl.UInt8)


def _named(number: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """The name at each place; null stays null."""
    return number.replace_strict(dict(enumerate(names)), return_dtype=pl.String)


def outputs_of(pack: Pack, worklist: str) -> dict[str, Output]:
    """Decision row key -> what it puts on one worklist."""
    return {
        row.key: output for row in pack.decisions for output in row.outputs if output.worklist == worklist
    }


def _priority_number(pack: Pack, worklist: str) -> pl.Expr:
    """The place of the priority on a worklist, 0 for the most urgent; null where the row does not list."""
    places = {row.key: place for place, row in enumerate(pack.decisions)}
    alternatives = [
        pl.when((pl.col("decision_row") == _number(places[key])) & holds(alternative.when)).then(
            _number(PRIORITIES.index(alternative.priority))
        )
        for key, output in outputs_of(pack, worklist).items()
        for alternative in output.priorities
    ]
    return pl.coalesce([*alternatives, pl.lit(None, pl.UInt8)])


def _is_suppressed(pack: Pack, worklist: str) -> pl.Expr:
    condition = pack.suppressed_by.get(worklist)
    return holds(condition) if condition else pl.lit(False)


def regimen_id(pack: Pack) -> pl.Expr:
    """The regimen suggested for a replacement row: the row's own, else by code, neurological flag and cause.

    Needs decision_key, has_optic_code (Leber optic atrophy or tobacco amblyopia), neuro, cause,
    has_severe_anaemia. Source: specification 9.
    """
    own = {
        key: output.regimen
        for key, output in outputs_of(pack, "b12_replacement").items()
        if output.regimen in pack.regimens
    }
    by_cause = {cause.id: cause.regimen_id for cause in pack.causes}
    return pl.coalesce(
        pl.col("decision_key").replace_strict(own, default=None, return_dtype=pl.String),
        pl.when("has_optic_code").then(pl.lit(pack.word("regimen_optic"))),
        pl.when(pl.col("neuro") != "none").then(pl.lit(pack.word("regimen_neuro"))),
        pl.when((pl.col("cause") == "unknown") & pl.col("has_severe_anaemia")).then(
            pl.lit(pack.word("regimen_severe_anaemia"))
        ),
        pl.col("cause").replace_strict(by_cause, return_dtype=pl.String),
    )


def due_on(priority: pl.Expr, as_of: pl.Expr, pack: Pack) -> pl.Expr:
    """The day by which a row of a priority is to be seen; null for routine rows."""
    days = {
        name: pack.days(f"due_days_{name.lower()}")
        for name in PRIORITIES
        if f"due_days_{name.lower()}" in pack.parameters
    }
    return pl.coalesce(
        [pl.when(priority == name).then(as_of + pl.duration(days=wait)) for name, wait in days.items()]
    )
