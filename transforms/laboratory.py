"""What the B12, MMA and homocysteine of a person say: the B12 to judge by, and the MMA that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.model import Pack
from transforms import clues, nitrous_oxide, results
from transforms.clues import Pregnancy
from transforms.history import History
from transforms.inputs import Keep
from transforms.medication import is_current

_INDEX = (
    "person_key",
    "index_on",
    "index_class",
    "low_possible",
    "b12_test",
    "b12_value",
    "b12_unit",
    "b12_collected_on",
    "is_low_on_treatment",
    "is_day_mixed",
    "b12_evidence_ids",
)


@dataclass(frozen=True)
class Laboratory:
    """The results of a screen, worked out.

    samples: one row per B12 or MMA result. usable_b12: per test and day in its window; evaluable_b12: those of them
    outside pregnancy. index: one row per person who has an index result; in_pregnancy: per person whose total B12 of
    this pregnancy calls for an active one. mma: one row per day; asked: the sample date an MMA is to answer; answered:
    the MMA that does. homocysteine: the results that confirm.
    """

    samples: pl.LazyFrame
    usable_b12: pl.LazyFrame
    evaluable_b12: pl.LazyFrame
    index: pl.LazyFrame
    in_pregnancy: pl.LazyFrame
    mma: pl.LazyFrame
    asked: pl.LazyFrame
    answered: pl.LazyFrame
    homocysteine: pl.LazyFrame


def laboratory_of(
    history: History, symptoms: pl.LazyFrame, pack: Pack, as_of: date, keep: Keep
) -> Laboratory:
    people, dosed, observations = history.people, history.dosed, history.inputs.observations
    samples = keep(results.samples(observations, dosed, pack))
    mma = keep(results.classified_mma(samples, observations, people, history.happened, dosed, pack, as_of))
    usable = keep(results.usable_b12(samples, pack, as_of))
    evaluable = keep(outside_pregnancy(usable, history.pregnancies, pack))
    index = keep(_index(evaluable, symptoms, history.supplied, pack))
    in_pregnancy = keep(_total_in_pregnancy(usable, history.pregnant, history.pregnancies, pack))
    asked = keep(_asked_by(index, in_pregnancy))
    return Laboratory(
        samples=samples,
        usable_b12=usable,
        evaluable_b12=evaluable,
        index=index,
        in_pregnancy=in_pregnancy,
        mma=mma,
        asked=asked,
        answered=keep(results.mma_for_index(asked, mma, pack)),
        homocysteine=keep(nitrous_oxide.raised_homocysteine(observations, people, dosed, pack, as_of)),
    )


def outside_pregnancy(b12: pl.LazyFrame, pregnancies: Pregnancy, pack: Pack) -> pl.LazyFrame:
    """The B12 rows but total B12 sampled in a pregnancy or soon after it."""
    sampled = b12.filter(pl.col("concept") == results.TOTAL).select("person_key", asked_on="collected_on")
    unfit = pl.concat(
        [clues.pregnant_at(sampled, pregnancies, pack), clues.postpartum_at(sampled, pregnancies, pack)]
    ).select("person_key", concept=pl.lit(results.TOTAL), collected_on="asked_on")
    return b12.join(unfit.unique(), on=["person_key", "concept", "collected_on"], how="anti")


def _index(
    evaluable: pl.LazyFrame, symptoms: pl.LazyFrame, supplied: pl.LazyFrame, pack: Pack
) -> pl.LazyFrame:
    """One row per person with an index result, of usable B12 without the total B12 of a pregnancy or soon after."""
    pairs = results.latest_pair(evaluable, pack)
    found = results.index_result(
        pairs.join(_on_contraceptive(pairs, supplied, pack), on="person_key", how="left")
        .join(symptoms.select("person_key", has_symptom=True), on="person_key", how="left")
        .with_columns(pl.col("is_active_preferred", "has_symptom").fill_null(False))
    )
    of_each_test = {
        f"{test}_b12_{name}": f"{test}_{column}"
        for test in ("total", "active")
        for name, column in (("value", "value"), ("unit", "unit"), ("on", "collected_on"))
    }
    return found.select(*_INDEX, **of_each_test)


def _on_contraceptive(pairs: pl.LazyFrame, supplied: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person who took a combined contraceptive at the index sample: is_active_preferred."""
    contraceptive = supplied.filter(pl.col("concept").is_in(pack.concepts_of("combined_contraceptive")))
    return (
        pairs.select("person_key", "index_on")
        .join(contraceptive, on="person_key", how="inner")
        .filter(
            (pl.col("start_on") <= pl.col("index_on")).fill_null(True)
            & is_current(pl.col("index_on"), pack.days("rx_gap_days"))
        )
        .select("person_key", is_active_preferred=True)
        .unique()
    )


def _asked_by(index: pl.LazyFrame, in_pregnancy: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person: the sample date an MMA is to answer, that of the pregnancy's total where it decides."""
    own = in_pregnancy.join(index.filter(pl.col("index_class") == "LOW"), on="person_key", how="anti").select(
        "person_key", index_on="pregnancy_b12_on"
    )
    others = index.join(own, on="person_key", how="anti").select("person_key", "index_on")
    return pl.concat([own, others])


def _total_in_pregnancy(
    b12: pl.LazyFrame, now: pl.LazyFrame, pregnancies: Pregnancy, pack: Pack
) -> pl.LazyFrame:
    """One row per pregnant person whose latest total B12 of this pregnancy calls for an active B12.

    That total is not UNLIKELY and no active B12 lies near it. Source: specification 7, R09.
    """
    total = _latest_total(b12.join(now, on="person_key", how="semi"))
    asked = total.select("person_key", asked_on="pregnancy_b12_on")
    ended_since = asked.join(pregnancies.ends, on="person_key", how="inner").filter(
        pl.col("ended_on") >= pl.col("asked_on")
    )
    return (
        total.filter(pl.col("result_class") != "UNLIKELY")
        .join(clues.pregnant_at(asked, pregnancies, pack), on="person_key", how="semi")
        .join(ended_since, on="person_key", how="anti")
        .join(_with_active_near(total, b12, pack), on="person_key", how="anti")
        .drop("result_class")
        .with_columns(total_b12_in_pregnancy=pl.lit("yes"))
    )


def _latest_total(b12: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with a total B12 off replacement: the latest, under the names of a pregnancy's."""
    return (
        b12.filter((pl.col("concept") == results.TOTAL) & ~pl.col("is_confounded"))
        .sort("person_key", "collected_on")
        .group_by("person_key", maintain_order=True)
        .last()
        .select(
            "person_key",
            "result_class",
            pregnancy_b12_value="value",
            pregnancy_b12_unit="unit",
            pregnancy_b12_evidence_id="evidence_id",
            pregnancy_b12_on="collected_on",
        )
    )


def _with_active_near(total: pl.LazyFrame, b12: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    active = b12.filter(pl.col("concept") == results.ACTIVE).select("person_key", active_on="collected_on")
    days_apart = (pl.col("active_on") - pl.col("pregnancy_b12_on")).dt.total_days().abs()
    return total.join(active, on="person_key", how="inner").filter(days_apart <= pack.days("pair_days"))
