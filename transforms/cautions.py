"""What to be careful about: the pack's cautions, asked of every eligible adult whether listed or not."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Caution, Pack
from schemas.vocabulary import CAUTION_FACTS, FACTS, SEVERITIES
from transforms import clues, results
from transforms.clues import ANTIBODY, METFORMIN, age_days
from transforms.course import INJECTED
from transforms.decide import holds
from transforms.follow_up import READABLE, Seen, yes
from transforms.medication import is_current, supplies, with_concepts

_ANAEMIA = ("anaemia", "macrocytosis")
_ASKED = (
    "cause",
    "symptoms",
    "ethnicity",
    "b12_test",
    "is_irreversible_cause",
    "mma_egfr_low",
    "has_optic_code",
    "has_severe_anaemia",
    "has_very_low_platelets",
    "priority_b12_replacement",
    "priority_mma_testing",
)
"""Columns of the decisions that cautions ask for beside the facts."""


def caution_facts(
    decided: pl.LazyFrame,
    treated: pl.LazyFrame,
    supplied: pl.LazyFrame,
    seen: Seen,
    pack: Pack,
    as_of: date,
) -> pl.LazyFrame:
    """One row per eligible adult: person_key and a word for every fact a caution may ask for, never null.

    `treated` is `follow_up.monitored`; `supplied` is the screen's. Source: specification 5.6 and 11.
    """
    asked = decided.filter((pl.col("eligibility") == "eligible") & (pl.col("age_group") == "adult"))
    joined = asked.select("person_key", *FACTS, *_ASKED)
    for found in (
        treated.select("person_key", "b12_since_start", "neuro_since_start"),
        _medicines(seen, pack, as_of),
        _currently(supplied, (METFORMIN,), "takes_metformin", pack, as_of),
        _currently(supplied, pack.concepts_of("combined_contraceptive"), "takes_contraceptive", pack, as_of),
        _records(seen.happened, pack),
        _results(seen, pack, as_of),
    ):
        joined = joined.join(found, on="person_key", how="left")
    return joined.select("person_key", *[name for name in FACTS if name not in CAUTION_FACTS], **_words(pack))


def _words(pack: Pack) -> dict[str, pl.Expr]:
    """Every fact of `CAUTION_FACTS`; whoever has no row in the frame behind it has its first word, or `no`."""
    on_replacement_list = pl.col("priority_b12_replacement").is_not_null()
    on_mma_list = pl.col("priority_mma_testing").is_not_null()
    flags = {
        "anaemia_or_macrocytosis": pl.any_horizontal(
            [pl.col("symptoms").list.contains(clue) for clue in _ANAEMIA]
        ),
        "macrocytosis": pl.col("symptoms").list.contains("macrocytosis"),
        "b12_ever": pl.col("has_b12"),
        "mma_with_low_egfr": (pl.col("mma") != "NONE") & pl.col("mma_egfr_low"),
        "cyanocobalamin": pl.col("takes_cyanocobalamin"),
        "amblyopia": pl.col("has_optic_code"),
        "anticoagulant": pl.col("takes_anticoagulant"),
        "very_low_platelets": pl.col("has_very_low_platelets"),
        "needle_phobia": pl.col("fears_needles"),
        "severe_anaemia": pl.col("has_severe_anaemia"),
        "contraceptive": pl.col("takes_contraceptive"),
        "black_ethnicity": pl.col("ethnicity").str.contains(_whole_word(pack.words("ethnicity_words"))),
        "irreversible_cause": pl.col("is_irreversible_cause"),
        "metformin": pl.col("takes_metformin"),
        "sample_after_injection": pl.col("is_sampled_after_injection"),
        "positive_antibody": pl.col("has_antibody"),
        "false_low_condition": pl.col("has_false_low_condition"),
        "on_replacement_list": on_replacement_list,
        "on_replacement_or_mma_list": on_replacement_list | on_mma_list,
        "replacement_listed_or_injected": on_replacement_list | pl.col("replacement").is_in(INJECTED),
    }
    words = {
        "cause": pl.col("cause"),
        "folic_acid": pl.col("folic_acid").fill_null("none"),
        "thiamine_risk": pl.col("thiamine_risk").fill_null("none"),
        "b12_since_start": pl.col("b12_since_start").fill_null("none"),
        "neuro_since_start": pl.col("neuro_since_start").fill_null("no"),
        "oral_dose": pl.col("oral_dose").fill_null("unknown"),
        "index_test": pl.col("b12_test").fill_null("none"),
    }
    return {**words, **{name: yes(flag) for name, flag in flags.items()}}


def _whole_word(words: tuple[str, ...]) -> str:
    """A pattern for a text that holds one of the words as a whole word, in any case of letters."""
    return rf"(?i)(?:^|[^\p{{L}}])(?:{'|'.join(words)})(?:[^\p{{L}}]|$)"


def _medicines(seen: Seen, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person with a current medicine that a caution asks for.

    takes_anticoagulant, takes_cyanocobalamin, and the daily dose as a word: folic_acid and oral_dose (of B12 that is
    not injected), by the largest of the current doses. An unknown dose of folic acid beside others makes it unknown.
    """
    oral_lists = [form.concept for form in pack.replacement_forms if form.counts]
    folic, cyanocobalamin = pack.concepts_of("folic_acid"), pack.concepts_of("cyanocobalamin")
    anticoagulant = pack.concepts_of("anticoagulant")
    concept, form = pl.col("concept"), pl.col("form")
    rows = with_concepts(seen.inputs.medications, seen.inputs.codes).filter(
        concept.is_in([*folic, *anticoagulant, *cyanocobalamin, *oral_lists])
    )
    # An injection covers its day, whatever the row says of an end: it counts as long as a course does.
    is_dated_injection = ((form == "im") & pl.col("start_on").is_not_null()).fill_null(False)
    injected_lately = age_days("start_on", as_of) <= pack.days("im_lapsed_days")
    current = (
        supplies(rows, pack)
        .join(seen.dosed.select("row_no", "form"), on="row_no", how="left")
        .filter(
            pl.when(is_dated_injection)
            .then(injected_lately)
            .otherwise(is_current(as_of, pack.days("rx_gap_days")))
        )
    )
    dose = pl.col("daily_dose_ug")
    is_oral = form.is_not_null() & (form != "im")
    return (
        current.group_by("person_key")
        .agg(
            takes_anticoagulant=concept.is_in(anticoagulant).any(),
            takes_cyanocobalamin=concept.is_in(cyanocobalamin).any(),
            takes_folic=concept.is_in(folic).any(),
            folic_is_unknown=dose.is_null().filter(concept.is_in(folic)).any(),
            folic_ug=dose.filter(concept.is_in(folic)).max(),
            oral_ug=dose.filter(is_oral).max(),
        )
        .select(
            "person_key",
            "takes_anticoagulant",
            "takes_cyanocobalamin",
            folic_acid=_folic_word(pack.number("folic_acid_ug")),
            oral_dose=pl.when(pl.col("oral_ug") < pack.number("oral_malabsorption_ug"))
            .then(pl.lit("below_limit"))
            .when(pl.col("oral_ug").is_not_null())
            .then(pl.lit("enough")),
        )
    )


def _folic_word(limit: float) -> pl.Expr:
    return (
        pl.when(~pl.col("takes_folic"))
        .then(pl.lit("none"))
        .when(pl.col("folic_ug") > limit)
        .then(pl.lit("above_limit"))
        .when("folic_is_unknown")
        .then(pl.lit("unknown_dose"))
        .when(pl.col("folic_ug") == limit)
        .then(pl.lit("at_limit"))
        .otherwise(pl.lit("below_limit"))
    )


def _currently(
    supplied: pl.LazyFrame, concepts: tuple[str, ...], flag: str, pack: Pack, as_of: date
) -> pl.LazyFrame:
    """One row per person with a current supply of one of the lists: the flag, true."""
    return (
        supplied.filter(pl.col("concept").is_in(concepts) & is_current(as_of, pack.days("rx_gap_days")))
        .select("person_key", pl.lit(True).alias(flag))
        .unique()
    )


def _records(happened: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a record a caution asks for, of any age: fears_needles, thiamine_risk and others."""
    concept, is_exact = pl.col("concept"), pl.col("is_exact")
    needles, high = pack.concepts_of("needle_phobia"), pack.concepts_of("thiamine_risk_high")
    possible, false_low = pack.concepts_of("thiamine_risk_possible"), pack.concepts_of("false_low_condition")
    return (
        happened.filter(concept.is_in([*needles, *high, *possible, *false_low]))
        .group_by("person_key")
        .agg(
            fears_needles=concept.is_in(needles).any(),
            thiamine_risk=pl.when((is_exact & concept.is_in(high)).any())
            .then(pl.lit("high"))
            .when((is_exact & concept.is_in(possible)).any())
            .then(pl.lit("possible")),
            has_false_low_condition=(is_exact & concept.is_in(false_low)).any(),
        )
    )


def _results(seen: Seen, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person with a B12 or antibody result: has_b12 (readable), has_antibody (positive), and
    is_sampled_after_injection: one of either was taken too soon after an injection, at most the pack's days ago."""
    antibodies = seen.inputs.observations.filter(pl.col("concept") == ANTIBODY)
    b12 = seen.samples.filter(
        pl.col("concept").is_in([results.TOTAL, results.ACTIVE]) & pl.col("result_class").is_in(READABLE)
    )
    injected = seen.dosed.filter((pl.col("form") == "im") & pl.col("start_on").is_not_null())
    since = (pl.col("collected_on") - pl.col("start_on")).dt.total_days()
    too_soon = (
        pl.concat([rows.select("person_key", "collected_on") for rows in (antibodies, b12)])
        .filter(age_days("collected_on", as_of) <= pack.days("b12_fresh_days"))
        .join(injected.select("person_key", "start_on"), on="person_key", how="inner")
        .filter(since.is_between(1, pack.days("sample_after_injection_days")))
        .select("person_key", is_sampled_after_injection=pl.lit(True))
        .unique()
    )
    positive = (
        antibodies.filter(clues.is_positive_antibody(pack))
        .select("person_key", has_antibody=pl.lit(True))
        .unique()
    )
    readable = b12.select("person_key", has_b12=pl.lit(True)).unique()
    return readable.join(positive, on="person_key", how="full", coalesce=True).join(
        too_soon, on="person_key", how="full", coalesce=True
    )


def held(facts: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person and caution that holds: person_key, caution_id, case_id, place, severity, text, finding,
    advice, evidence, stands_alone.

    `place` is the caution's place in the pack; `case_id` its id with the case that held (as C01.low); `text` the
    sentence, of which `finding` says what is so and `advice` what to do; `stands_alone`: it lists a person who is
    on no other list.
    Needs the columns of `caution_facts`. Source: specification 11.
    """
    nobody = facts.clear().select(
        "person_key",
        caution_id=pl.lit(None, pl.String),
        case_id=pl.lit(None, pl.String),
        place=pl.lit(None, pl.UInt8),
        severity=pl.lit(None, pl.String),
        text=pl.lit(None, pl.String),
        finding=pl.lit(None, pl.String),
        advice=pl.lit(None, pl.String),
        evidence=pl.lit(None, pl.String),
        stands_alone=pl.lit(None, pl.Boolean),
    )
    found = [_held(facts, caution, place) for place, caution in enumerate(pack.cautions) if caution.cases]
    return pl.concat([nobody, *found])


def _held(facts: pl.LazyFrame, caution: Caution, place: int) -> pl.LazyFrame:
    case_no = pl.coalesce(
        [pl.when(holds(case.when)).then(pl.lit(no, pl.UInt8)) for no, case in enumerate(caution.cases)]
    )

    def of_case(values: list[str]) -> pl.Expr:
        return pl.col("case_no").replace_strict(dict(enumerate(values)), return_dtype=pl.String)

    return (
        facts.with_columns(case_no=case_no)
        .filter(pl.col("case_no").is_not_null())
        .select(
            "person_key",
            caution_id=pl.lit(caution.id),
            case_id=of_case([".".join(filter(None, (caution.id, case.case))) for case in caution.cases]),
            place=pl.lit(place, pl.UInt8),
            severity=of_case([case.severity for case in caution.cases]),
            text=of_case([case.text for case in caution.cases]),
            finding=of_case([case.finding for case in caution.cases]),
            advice=of_case([case.advice[:1].upper() + case.advice[1:] for case in caution.cases]),
        )
        .with_columns(
            evidence=pl.lit("; ".join(caution.fact.evidence)),
            stands_alone=pl.col("severity").is_in(list(caution.alone)),
        )
    )


def gathered(cautions: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with a caution.

    cautions (ids in the order of their numbers), caution_case_ids (with the case that held, in the same order),
    high_cautions, stands_alone (any does), caution_text (the sentences, high ones first), caution_refs (their
    evidence). For the safety list, where high ones and those that stand alone are the reason: caution_findings
    (what is so) and caution_advice (what to do, then the sentences of the others).
    """
    rank = pl.col("severity").replace_strict(
        {name: place for place, name in enumerate(SEVERITIES)}, return_dtype=pl.UInt8
    )
    is_high = pl.col("severity") == "high"
    is_reason = is_high | pl.col("stands_alone")
    finding = pl.format("{} ({}, {}).", "finding", "caution_id", "severity")
    advice = pl.when(is_reason).then("advice").otherwise(pl.format("Caution: {}", "text"))
    return (
        cautions.with_columns(rank=rank)
        .sort("person_key", "place")
        .group_by("person_key", maintain_order=True)
        .agg(
            cautions="caution_id",
            caution_case_ids="case_id",
            high_cautions=pl.col("caution_id").filter(is_high),
            stands_alone=pl.col("stands_alone").any(),
            caution_text=pl.format("Caution: {}", "text").sort_by("rank", "place").str.join(" "),
            caution_findings=finding.filter(is_reason)
            .sort_by(pl.col("rank").filter(is_reason), pl.col("place").filter(is_reason))
            .str.join(" "),
            caution_advice=advice.sort_by(~is_reason, "rank", "place").str.join(" "),
            caution_refs=pl.col("evidence")
            .str.split("; ")
            .explode()
            .unique(maintain_order=True)
            .str.join("; "),
        )
    )
