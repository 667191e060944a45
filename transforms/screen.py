"""The screen of a population: from rows in force to one decision per person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.model import Pack
from transforms import cautions, clues, follow_up, nitrous_oxide, results, surgery
from transforms.clues import age_days
from transforms.decide import decide, regimen_id
from transforms.first_test import first_test_tier
from transforms.history import History, Signs, history_of, signs_of
from transforms.inputs import Inputs, Keep, lazily
from transforms.laboratory import Laboratory, laboratory_of, outside_pregnancy
from transforms.lapsed import lapsed
from transforms.lists import monitored_lists
from transforms.normalise import MMA
from transforms.records import Considered, records

_NO_LIST = pl.lit([], dtype=pl.List(pl.String))
_LISTS = ("symptoms", "neuro_features", "risk_factors", "symptom_evidence_ids", "risk_evidence_ids")
_FLAGS = (
    "has_low_haemoglobin",
    "has_high_mcv",
    "has_severe_anaemia",
    "has_haemoglobin_below_100",
    "has_very_low_platelets",
    "is_low_on_treatment",
    "is_day_mixed",
    "is_irreversible_cause",
    "is_monthly",
    "has_ever_neuro",
    "has_optic_code",
    "mma_egfr_low",
    "mma_is_unreadable",
)
_NOBODY_RECORDED = {
    "replacement": "NEVER",
    "index_class": "NONE",
    "low_possible": "no",
    "mma": "NONE",
    "neuro": "none",
    "symptom": "none",
    "cause": "unknown",
    "pregnant": "no",
    "total_b12_in_pregnancy": "no",
    "lapsed": "none",
    "resection": "none",
    "high_risk_cause": "no",
    "nitrous_oxide": "none",
    "homocysteine_confirms": "no",
    "high_b12_twice": "no",
    "first_test_tier": "none",
    "mma_order_open": "no",
    "b12_order_open": "no",
}
"""Fact -> its word for people of whom nothing says otherwise."""


@dataclass(frozen=True)
class Screened:
    """decisions: one row per person. records: one row per record considered for one (`records.records`)."""

    decisions: pl.LazyFrame
    records: pl.LazyFrame


def screen(inputs: Inputs, pack: Pack, as_of: date, keep: Keep = lazily) -> Screened:
    """Per person of `inputs.patients` every fact, the decision row that holds, and the lists it gives; and the records.

    No null among the facts of the vocabulary: where nothing is known the word says so. Beside them stand what other
    transforms ask for: the days of replacement (`replacement.state`), is_irreversible_cause, has_ever_neuro,
    mma_egfr_low (unknown is false) and mma_is_unreadable. Pure: the same inputs, pack
    and `as_of` give the same rows, in order of bucket and person. `keep` says how a frame that is read several times is
    held: not at all, or collected by the caller. Source: specification sections 5 to 11.
    """
    history = history_of(inputs, pack, as_of, keep)
    signs = signs_of(history, pack, as_of, keep)
    tests = laboratory_of(history, signs.symptoms, pack, as_of, keep)
    facts = keep(_worded(_facts(history, signs, tests, pack, as_of, keep), pack, as_of))
    decided = keep(_decided(facts, pack, as_of))
    return Screened(
        decisions=_with_follow_up(decided, history, signs, tests, pack, as_of, keep),
        records=records(Considered(history, tests, signs.blood), pack, as_of),
    )


def _facts(
    history: History, signs: Signs, tests: Laboratory, pack: Pack, as_of: date, keep: Keep
) -> pl.LazyFrame:
    """One row per person with everything found about them, null where nothing was."""
    return _beside(
        history.people,
        history.courses,
        history.pregnant.select("person_key", pregnant=pl.lit("yes")),
        signs.blood,
        signs.symptoms,
        signs.risks,
        signs.cause,
        signs.neuro_ever,
        tests.index,
        tests.in_pregnancy,
        tests.answered,
        tests.homocysteine,
        results.high_twice(tests.samples, pack),
        *_from_events(history, signs.cause, pack, as_of),
        _lapsed(history, signs, tests, pack, as_of, keep),
        *_from_unreadable(history, signs, tests, pack, as_of),
        _open_orders(history.inputs.orders, pack, as_of),
    )


def _from_events(history: History, cause: pl.LazyFrame, pack: Pack, as_of: date) -> tuple[pl.LazyFrame, ...]:
    """Surgery, nitrous oxide and Leber's optic neuropathy, of those on whose record they are."""
    happened = history.happened
    optic = clues.of_clue(happened, "leber_tobacco_amblyopia", pack)
    return (
        surgery.resections(happened, pack),
        surgery.high_risk_causes(happened, cause, pack),
        nitrous_oxide.misuse(happened, pack, as_of),
        optic.select("person_key", has_optic_code=pl.lit(True)).unique(),
    )


def _lapsed(
    history: History, signs: Signs, tests: Laboratory, pack: Pack, as_of: date, keep: Keep
) -> pl.LazyFrame:
    """Lapsed replacement that is still needed, judged by results of any age."""
    ended = history.courses.filter(pl.col("replacement") == "LAPSED")
    earlier = results.readable_b12(tests.samples.join(ended, on="person_key", how="semi"))
    evaluable = keep(outside_pregnancy(earlier, history.pregnancies, pack))
    return lapsed(
        history.courses, history.happened, evaluable, tests.mma, signs.cause, signs.neuro_ever, pack, as_of
    )


def _from_unreadable(
    history: History, signs: Signs, tests: Laboratory, pack: Pack, as_of: date
) -> tuple[pl.LazyFrame, ...]:
    """Last samples that could not be read, and whom to test first: such a sample is one reason to."""
    b12 = results.last_sample_unreadable(tests.samples, (results.TOTAL, results.ACTIVE), pack, as_of)
    mma = results.last_sample_unreadable(tests.samples, (MMA,), pack, as_of)
    tier = first_test_tier(
        history.people,
        history.happened,
        history.supplied,
        signs.risk_rows,
        signs.blood,
        signs.symptom_rows,
        signs.symptoms.filter(pl.col("neuro").is_not_null()),
        b12,
        pack,
        as_of,
    )
    return (
        mma.select("person_key", mma_is_unreadable=pl.lit(True), unreadable_mma_id="evidence_id"),
        b12.select("person_key", unreadable_b12_id="evidence_id", unreadable_b12_on="collected_on"),
        tier.join(tests.index, on="person_key", how="anti"),
    )


def _decided(facts: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    on_list = pl.col("priority_b12_replacement").is_not_null()
    return decide(facts, pack).with_columns(
        regimen_id=pl.when(on_list).then(regimen_id(pack)), as_of=pl.lit(as_of)
    )


def _with_follow_up(
    decided: pl.LazyFrame,
    history: History,
    signs: Signs,
    tests: Laboratory,
    pack: Pack,
    as_of: date,
    keep: Keep,
) -> pl.LazyFrame:
    """The decisions with the follow-up of those on treatment, everybody's cautions, and the lists these give."""
    seen = follow_up.Seen(
        history.inputs,
        history.people,
        history.happened,
        history.dosed,
        tests.samples,
        signs.symptom_rows,
    )
    treated = keep(follow_up.monitored(decided, seen, pack, as_of, keep))
    asked = keep(cautions.caution_facts(decided, treated, history.supplied, seen, pack, as_of))
    return monitored_lists(
        decided,
        follow_up.gathered(follow_up.items(treated, pack, as_of)),
        cautions.gathered(cautions.held(asked, pack)),
        follow_up.treatment(treated),
        pack,
        as_of,
    )


def _beside(people: pl.LazyFrame, *found: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with the columns of every frame of findings, null where a frame has no row for them.

    Each frame is joined to the bare keys in one fixed order and the columns are set side by side: a chain of
    joins would copy the growing row once per frame.
    """
    ordered = people.sort("person_bucket", "person_key")
    keys = ordered.select("person_key")
    columns = [
        keys.join(frame, on="person_key", how="left", maintain_order="left").drop("person_key")
        for frame in found
    ]
    return pl.concat([ordered, *columns], how="horizontal")


def _open_orders(orders: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person with an active, recent order: mma_order_open, b12_order_open (yes, or null)."""
    recent = orders.filter(
        (pl.col("status") == "active") & (age_days("ordered_on", as_of) <= pack.days("order_open_days"))
    )
    concept = pl.col("concept")
    return recent.group_by("person_key").agg(
        mma_order_open=pl.when(concept.eq(MMA).any()).then(pl.lit("yes")),
        b12_order_open=pl.when(concept.is_in([results.TOTAL, results.ACTIVE]).any()).then(pl.lit("yes")),
    )


def _worded(facts: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """The joined facts as words of the vocabulary: what nobody recorded becomes the word for it."""
    is_stale = age_days("index_on", as_of) > pack.days("b12_stale_days")
    told = facts.with_columns(
        pl.col(_FLAGS).fill_null(False),
        pl.col(_LISTS).fill_null(_NO_LIST),
        pl.col("injection_days").fill_null(0),
        **{name: pl.col(name).fill_null(word) for name, word in _NOBODY_RECORDED.items()},
    )
    return told.with_columns(
        eligibility=_eligibility(as_of),
        age_group=_either(pl.col("age") < pack.days("age_min"), "under_age", "adult"),
        index_stale=follow_up.yes((pl.col("index_class") == "LOW") & is_stale),
        risk_factor=_either(pl.col("risk_factors").list.len() > 0, "current", "none"),
        severe=follow_up.yes(pl.col("has_severe_anaemia") | pl.col("has_very_low_platelets")),
        haemoglobin_below_100=follow_up.yes(pl.col("has_haemoglobin_below_100")),
        mma_raised_alone=follow_up.yes(_is_raised_alone(pack, as_of)),
        mma_for=pl.lit(pack.word("mma_for")),
    )


def _either(condition: pl.Expr, word: str, other: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(word)).otherwise(pl.lit(other))


def _eligibility(as_of: date) -> pl.Expr:
    today = pl.lit(as_of)
    return (
        pl.when(pl.col("deceased_on") <= today)
        .then(pl.lit("deceased"))
        .when((pl.col("registered_on") > today) | (pl.col("deregistered_on") <= today))
        .then(pl.lit("not_registered"))
        .otherwise(pl.lit("eligible"))
    )


def _is_raised_alone(pack: Pack, as_of: date) -> pl.Expr:
    """A raised MMA that poor kidneys do not explain, near the index result or recent where there is none."""
    near = results.answers_sample(pl.col("mma_collected_on"), pl.col("index_on"), pack)
    recent = age_days("mma_collected_on", as_of) <= pack.days("mma_alone_days")
    return (
        (pl.col("mma") == "ELEVATED")
        & ~pl.col("mma_egfr_low")
        & pl.when(pl.col("index_on").is_null()).then(recent).otherwise(near)
    )
