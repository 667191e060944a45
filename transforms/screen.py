"""The screen of a population: from rows in force to one decision per person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.model import Pack
from transforms import cautions, clues, follow_up, nitrous_oxide, results, surgery
from transforms.clues import age_days, age_years
from transforms.decide import decide, regimen_id
from transforms.first_test import first_test_tier
from transforms.inputs import Inputs, Keep, lazily
from transforms.lapsed import lapsed
from transforms.lists import monitored_lists
from transforms.medication import is_current
from transforms.normalise import MMA
from transforms.records import Considered, records
from transforms.replacement import doses, state

_NO_LIST = pl.lit([], dtype=pl.List(pl.String))


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
    people = keep(inputs.patients.with_columns(age=age_years("birth_date", pl.lit(as_of))))
    happened = keep(clues.events(inputs, pack))
    supplied = keep(clues.supplied_concepts(inputs, pack))
    all_doses = keep(doses(inputs.medications, inputs.codes, pack))
    dosed = keep(all_doses.filter("is_counted"))
    pregnancies = clues.pregnancy_records(happened, people, pack, keep)
    now = keep(clues.pregnant_at(people.select("person_key", asked_on=pl.lit(as_of)), pregnancies, pack))
    blood = keep(clues.blood_signs(people, inputs.observations, now, pack, as_of))
    symptom_rows = keep(clues.symptom_rows(happened, blood, pack, as_of))
    symptoms = keep(clues.symptoms(symptom_rows, happened, pack))
    risk_rows = keep(clues.risk_rows(happened, supplied, people, pack, as_of))
    risks = keep(clues.risk_factors(risk_rows))
    samples = keep(results.samples(inputs.observations, dosed, pack))
    mma = keep(results.classified_mma(samples, inputs.observations, people, happened, dosed, pack, as_of))
    b12 = keep(results.usable_b12(samples, pack, as_of))
    outside_pregnancy = keep(_outside_pregnancy(b12, pregnancies, pack))
    index = keep(_index(outside_pregnancy, symptoms, supplied, pack))
    in_pregnancy = keep(_total_in_pregnancy(b12, now, pregnancies, pack))
    courses = keep(state(dosed, pack, as_of))
    cause = keep(clues.causes(happened, inputs.observations, risks, pack))
    neuro_ever = keep(clues.ever_neuro(happened, pack))
    earlier = samples.join(courses.filter(pl.col("replacement") == "LAPSED"), on="person_key", how="semi")
    evaluable = keep(_outside_pregnancy(results.readable_b12(earlier), pregnancies, pack))
    unreadable_b12 = results.last_sample_unreadable(samples, (results.TOTAL, results.ACTIVE), pack, as_of)
    unreadable_mma = results.last_sample_unreadable(samples, (MMA,), pack, as_of)
    flagged = symptoms.filter(pl.col("neuro").is_not_null())
    asked_by = keep(_asked_by(index, in_pregnancy))
    answered = keep(results.mma_for_index(asked_by, mma, pack))
    homocysteine = keep(nitrous_oxide.raised_homocysteine(inputs.observations, people, dosed, pack, as_of))
    facts = _beside(
        people,
        courses,
        lapsed(courses, happened, evaluable, mma, cause, neuro_ever, pack, as_of),
        neuro_ever,
        index,
        answered,
        now.select("person_key", pregnant=pl.lit("yes")),
        in_pregnancy,
        blood,
        symptoms,
        risks,
        cause,
        surgery.resections(happened, pack),
        surgery.high_risk_causes(happened, cause, pack),
        nitrous_oxide.misuse(happened, pack, as_of),
        homocysteine,
        results.high_twice(samples, pack),
        unreadable_mma.select("person_key", mma_is_unreadable=pl.lit(True), unreadable_mma_id="evidence_id"),
        unreadable_b12.select(
            "person_key", unreadable_b12_id="evidence_id", unreadable_b12_on="collected_on"
        ),
        clues.of_clue(happened, "leber_tobacco_amblyopia", pack)
        .select("person_key", has_optic_code=pl.lit(True))
        .unique(),
        first_test_tier(
            people, happened, supplied, risk_rows, blood, symptom_rows, flagged, unreadable_b12, pack, as_of
        ).join(index, on="person_key", how="anti"),
        _open_orders(inputs.orders, pack, as_of),
    )
    decided = keep(
        decide(keep(_worded(facts, pack, as_of)), pack).with_columns(
            regimen_id=pl.when(pl.col("priority_b12_replacement").is_not_null()).then(regimen_id(pack)),
            as_of=pl.lit(as_of),
        )
    )
    seen = follow_up.Seen(inputs, people, happened, dosed, samples, symptom_rows)
    treated = keep(follow_up.monitored(decided, seen, pack, as_of, keep))
    due = follow_up.items(treated, pack, as_of)
    asked = keep(cautions.caution_facts(decided, treated, supplied, seen, pack, as_of))
    held = cautions.held(asked, pack)
    considered = Considered(
        inputs=inputs,
        people=people,
        happened=happened,
        supplied=supplied,
        doses=all_doses,
        samples=samples,
        usable_b12=b12,
        evaluable_b12=outside_pregnancy,
        index=index,
        in_pregnancy=in_pregnancy,
        mma=mma,
        asked=asked_by,
        answered=answered,
        pregnant=now,
        blood=blood,
        homocysteine=homocysteine,
    )
    return Screened(
        decisions=monitored_lists(
            decided,
            follow_up.gathered(due),
            cautions.gathered(held),
            follow_up.treatment(treated),
            pack,
            as_of,
        ),
        records=records(considered, pack, as_of),
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


def _index(
    evaluable: pl.LazyFrame, symptoms: pl.LazyFrame, supplied: pl.LazyFrame, pack: Pack
) -> pl.LazyFrame:
    """One row per person with an index result, of usable B12 without the total B12 of a pregnancy or soon after."""
    pairs = results.latest_pair(evaluable, pack)
    contraceptive = supplied.filter(pl.col("concept").is_in(pack.concepts_of("combined_contraceptive")))
    on_contraceptive = (
        pairs.select("person_key", "index_on")
        .join(contraceptive, on="person_key", how="inner")
        .filter(
            (pl.col("start_on") <= pl.col("index_on")).fill_null(True)
            & is_current(pl.col("index_on"), pack.days("rx_gap_days"))
        )
        .select("person_key", is_active_preferred=True)
        .unique()
    )
    return results.index_result(
        pairs.join(on_contraceptive, on="person_key", how="left")
        .join(symptoms.select("person_key", has_symptom=True), on="person_key", how="left")
        .with_columns(pl.col("is_active_preferred", "has_symptom").fill_null(False))
    ).select(
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
        "is_pair",
        "b12_evidence_ids",
        **{
            f"{test}_b12_{name}": f"{test}_{column}"
            for test in ("total", "active")
            for name, column in (("value", "value"), ("unit", "unit"), ("on", "collected_on"))
        },
    )


def _outside_pregnancy(b12: pl.LazyFrame, pregnancies: clues.Pregnancy, pack: Pack) -> pl.LazyFrame:
    """The B12 rows but total B12 sampled in a pregnancy or soon after it."""
    sampled = b12.filter(pl.col("concept") == results.TOTAL).select("person_key", asked_on="collected_on")
    unfit = pl.concat(
        [clues.pregnant_at(sampled, pregnancies, pack), clues.postpartum_at(sampled, pregnancies, pack)]
    ).select("person_key", concept=pl.lit(results.TOTAL), collected_on="asked_on")
    return b12.join(unfit.unique(), on=["person_key", "concept", "collected_on"], how="anti")


def _asked_by(index: pl.LazyFrame, in_pregnancy: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person: the sample date an MMA is to answer, that of the pregnancy's total where it decides."""
    own = in_pregnancy.join(index.filter(pl.col("index_class") == "LOW"), on="person_key", how="anti").select(
        "person_key", index_on="pregnancy_b12_on"
    )
    others = index.join(own, on="person_key", how="anti").select("person_key", "index_on")
    return pl.concat([own, others])


def _total_in_pregnancy(
    b12: pl.LazyFrame, now: pl.LazyFrame, pregnancies: clues.Pregnancy, pack: Pack
) -> pl.LazyFrame:
    """One row per pregnant person whose latest total B12 of this pregnancy calls for an active B12.

    That total is not UNLIKELY and no active B12 lies near it. Source: specification 7, R09.
    """
    total = (
        b12.filter((pl.col("concept") == results.TOTAL) & ~pl.col("is_confounded"))
        .join(now, on="person_key", how="semi")
        .sort("person_key", "collected_on")
        .group_by("person_key", maintain_order=True)
        .last()
        .select(
            "person_key",
            "result_class",
            index_on="collected_on",
            pregnancy_b12_value="value",
            pregnancy_b12_unit="unit",
            pregnancy_b12_evidence_id="evidence_id",
        )
    )
    asked = total.select("person_key", asked_on="index_on")
    sampled_in = clues.pregnant_at(asked, pregnancies, pack)
    ended_since = (
        asked.join(pregnancies.ends, on="person_key", how="inner")
        .filter(pl.col("ended_on") >= pl.col("asked_on"))
        .select("person_key")
    )
    active = b12.filter(pl.col("concept") == results.ACTIVE).select("person_key", active_on="collected_on")
    near = (
        total.join(active, on="person_key", how="inner")
        .filter((pl.col("active_on") - pl.col("index_on")).dt.total_days().abs() <= pack.days("pair_days"))
        .select("person_key")
    )
    return (
        total.filter(pl.col("result_class") != "UNLIKELY")
        .join(sampled_in, on="person_key", how="semi")
        .join(ended_since, on="person_key", how="anti")
        .join(near, on="person_key", how="anti")
        .select(
            "person_key",
            "pregnancy_b12_value",
            "pregnancy_b12_unit",
            "pregnancy_b12_evidence_id",
            pregnancy_b12_on="index_on",
            total_b12_in_pregnancy=pl.lit("yes"),
        )
    )


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
    today = pl.lit(as_of)

    return facts.with_columns(
        pl.col(
            "has_low_haemoglobin",
            "has_high_mcv",
            "has_severe_anaemia",
            "has_haemoglobin_below_100",
            "has_very_low_platelets",
            "is_low_on_treatment",
            "is_day_mixed",
            "is_pair",
            "is_irreversible_cause",
            "is_monthly",
            "has_ever_neuro",
            "has_optic_code",
            "mma_egfr_low",
            "mma_is_unreadable",
        ).fill_null(False),
        pl.col("injection_days").fill_null(0),
        pl.col(
            "symptoms", "neuro_features", "risk_factors", "symptom_evidence_ids", "risk_evidence_ids"
        ).fill_null(_NO_LIST),
        pl.col("cause").fill_null("unknown"),
    ).with_columns(
        eligibility=pl.when(pl.col("deceased_on") <= today)
        .then(pl.lit("deceased"))
        .when((pl.col("registered_on") > today) | (pl.col("deregistered_on") <= today))
        .then(pl.lit("not_registered"))
        .otherwise(pl.lit("eligible")),
        age_group=pl.when(pl.col("age") < pack.days("age_min"))
        .then(pl.lit("under_age"))
        .otherwise(pl.lit("adult")),
        replacement=pl.col("replacement").fill_null("NEVER"),
        index_class=pl.col("index_class").fill_null("NONE"),
        low_possible=pl.col("low_possible").fill_null("no"),
        index_stale=follow_up.yes(
            (pl.col("index_class") == "LOW") & (age_days("index_on", as_of) > pack.days("b12_stale_days"))
        ),
        mma=pl.col("mma").fill_null("NONE"),
        neuro=pl.col("neuro").fill_null("none"),
        symptom=pl.col("symptom").fill_null("none"),
        risk_factor=pl.when(pl.col("risk_factors").list.len() > 0)
        .then(pl.lit("current"))
        .otherwise(pl.lit("none")),
        pregnant=pl.col("pregnant").fill_null("no"),
        total_b12_in_pregnancy=pl.col("total_b12_in_pregnancy").fill_null("no"),
        severe=follow_up.yes(pl.col("has_severe_anaemia") | pl.col("has_very_low_platelets")),
        haemoglobin_below_100=follow_up.yes(pl.col("has_haemoglobin_below_100")),
        lapsed=pl.col("lapsed").fill_null("none"),
        resection=pl.col("resection").fill_null("none"),
        high_risk_cause=pl.col("high_risk_cause").fill_null("no"),
        nitrous_oxide=pl.col("nitrous_oxide").fill_null("none"),
        homocysteine_confirms=pl.col("homocysteine_confirms").fill_null("no"),
        mma_raised_alone=follow_up.yes(_is_raised_alone(pack, as_of)),
        high_b12_twice=pl.col("high_b12_twice").fill_null("no"),
        first_test_tier=pl.col("first_test_tier").fill_null("none"),
        mma_for=pl.lit(pack.word("mma_for")),
        mma_order_open=pl.col("mma_order_open").fill_null("no"),
        b12_order_open=pl.col("b12_order_open").fill_null("no"),
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
