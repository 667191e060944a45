"""Symptoms, signs, risk factors, pregnancy and cause, from records and blood counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl
import polars.selectors as cs

from rules.model import Clue, Pack
from transforms.inputs import Inputs, Keep, record_order
from transforms.intervals import wholly_above, wholly_at_least, wholly_below
from transforms.medication import is_current, supplies, with_concepts

FAMILY_HISTORY = "cond_family_history_b12_autoimmune"
ANTIBODY, METFORMIN = "lab_intrinsic_factor_ab", "drug_metformin"
HAEMOGLOBIN, MCV, PLATELETS = "lab_haemoglobin", "lab_mcv", "lab_platelets"


def age_days(day: str | pl.Expr, as_of: date) -> pl.Expr:
    """Calendar days from `day` to `as_of`; null where the day is unknown."""
    return (pl.lit(as_of) - (pl.col(day) if isinstance(day, str) else day)).dt.total_days()


def age_years(birth: str, on: pl.Expr) -> pl.Expr:
    """Completed calendar years; 29 February completes its year on 1 March of a common year."""
    born = pl.col(birth).dt
    before_birthday = (on.dt.month() < born.month()) | (
        (on.dt.month() == born.month()) & (on.dt.day() < born.day())
    )
    return on.dt.year() - born.year() - before_birthday.cast(pl.Int32)


def events(inputs: Inputs, pack: Pack) -> pl.LazyFrame:
    """One row per condition or procedure record and concept.

    Columns: person_key, evidence_id, concept, is_exact, feature_on (the later of onset and recorded date, or the
    date performed; null where undated), resolved_on, length_cm. A family-history row stands for family history
    only. Source: specification 5.2 and section 4.
    """
    conditions = with_concepts(inputs.conditions, inputs.codes).select(
        "person_key",
        "evidence_id",
        "breadth",
        "is_family_history",
        "resolved_on",
        concept=_concept_of_history(pack),
        feature_on=pl.max_horizontal("onset_on", "recorded_on"),
        length_cm=pl.lit(None, pl.Float64),
    )
    procedures = with_concepts(inputs.procedures, inputs.codes).select(
        "person_key",
        "evidence_id",
        "breadth",
        "concept",
        "length_cm",
        is_family_history=pl.lit(False),
        resolved_on=pl.lit(None, pl.Date),
        feature_on="performed_on",
    )
    return (
        pl.concat([conditions, procedures], how="diagonal")
        .filter(pl.col("concept").is_not_null())
        .with_columns(is_exact=pl.col("breadth") == "exact")
        .drop("breadth", "is_family_history")
    )


def _concept_of_history(pack: Pack) -> pl.Expr:
    concept = pl.col("concept")
    inherited = concept.is_in([*pack.concepts_of("family_history_of"), FAMILY_HISTORY])
    return (
        pl.when(~pl.col("is_family_history").fill_null(False))
        .then(concept)
        .when(inherited)
        .then(pl.lit(FAMILY_HISTORY))
    )


def _clue_table(clues: Iterable[Clue]) -> pl.LazyFrame:
    rows = [
        (
            clue.id,
            clue.label,
            concept,
            clue.group,
            clue.neuro,
            clue.low_weight,
            clue.tier_c,
            clue.current_only,
        )
        for clue in clues
        for concept in clue.concepts
    ]
    return pl.LazyFrame(
        rows,
        schema={
            "clue": pl.String,
            "label": pl.String,
            "concept": pl.String,
            "group": pl.String,
            "neuro_rule": pl.String,
            "is_low_weight": pl.Boolean,
            "is_tier_c": pl.Boolean,
            "is_current_only": pl.Boolean,
        },
        orient="row",
    )


def _label(clue_id: str, pack: Pack) -> pl.Expr:
    return pl.lit(next(clue.label for clue in pack.clues if clue.id == clue_id))


def told(labels: pl.Expr) -> pl.Expr:
    """The labels of a group as one phrase, each once, in alphabetical order."""
    return labels.unique().sort().str.join(", ")


def haemoglobin_limit(pack: Pack) -> pl.Expr:
    """Below it haemoglobin (g/L) is low. Needs sex and is_pregnant. Source: specification 1 and 5.3."""
    return (
        pl.when("is_pregnant")
        .then(pack.number("hb_low_pregnant"))
        .when(pl.col("sex") == "male")
        .then(pack.number("hb_low_male"))
        .when(pl.col("sex") == "female")
        .then(pack.number("hb_low_female"))
        .otherwise(pack.number("hb_low_unknown_sex"))
    )


def latest_readable(observations: pl.LazyFrame, concept: str, days: int, as_of: date) -> pl.LazyFrame:
    """One row per person: the latest readable result of a test, at most `days` old. Source: specification 13.11."""
    return last_of_each(
        observations.filter(
            (pl.col("concept") == concept)
            & pl.col("low").is_not_null()
            & (age_days("collected_on", as_of) <= days)
        ),
        "person_key",
    )


def last_of_each(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """One row per key: the last by sample time, then time received, then record id."""
    order = ("collected_at", "received_at", record_order(), "evidence_id")
    return rows.sort(*keys, *order, nulls_last=False).group_by(*keys, maintain_order=True).last()


def latest_blood(observations: pl.LazyFrame, concept: str, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person: the latest readable result of a blood count, at most the pack's window old.

    Columns person_key, low, high, low_open, high_open, evidence_id.
    """
    shown = ("person_key", "low", "high", "low_open", "high_open", "evidence_id")
    return latest_readable(observations, concept, pack.days("blood_sign_days"), as_of).select(shown)


def blood_signs(
    people: pl.LazyFrame, observations: pl.LazyFrame, pregnancies: pl.LazyFrame, pack: Pack, as_of: date
) -> pl.LazyFrame:
    """One row per person with a readable blood count in the window.

    Booleans, never null: `has_low_haemoglobin` (limit by sex and pregnancy), `has_high_mcv`,
    `has_severe_anaemia`, `has_haemoglobin_below_100`, `has_very_low_platelets`; ids in `haemoglobin_id`, `mcv_id`.
    A censored value is a sign only if its whole interval is. Source: specification 1 and 5.3.
    """
    haemoglobin = (
        latest_blood(observations, HAEMOGLOBIN, pack, as_of)
        .join(people.select("person_key", "sex"), on="person_key", how="inner")
        .join(pregnancies.select("person_key", is_pregnant=True), on="person_key", how="left")
        .with_columns(pl.col("is_pregnant").fill_null(False))
        .select(
            "person_key",
            haemoglobin_id="evidence_id",
            has_low_haemoglobin=wholly_below(haemoglobin_limit(pack)),
            has_severe_anaemia=wholly_below(pack.number("hb_severe")),
            has_haemoglobin_below_100=wholly_below(pack.number("hb_review_pregnancy")),
        )
    )
    mcv = latest_blood(observations, MCV, pack, as_of).select(
        "person_key", mcv_id="evidence_id", has_high_mcv=wholly_above(pack.number("mcv_high"))
    )
    platelets = latest_blood(observations, PLATELETS, pack, as_of).select(
        "person_key", has_very_low_platelets=wholly_below(pack.number("plt_severe"))
    )
    return (
        haemoglobin.join(mcv, on="person_key", how="full", coalesce=True)
        .join(platelets, on="person_key", how="full", coalesce=True)
        .with_columns(cs.boolean().fill_null(False))
    )


def symptom_rows(happened: pl.LazyFrame, blood: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person, symptom and record in the window: clue, is_exact, is_low_weight, neuro_rule, days_ago."""
    days_ago = age_days("feature_on", as_of)
    coded = (
        happened.join(_clue_table(pack.symptoms()), on="concept", how="inner")
        .with_columns(days_ago=days_ago)
        .filter(pl.col("days_ago").is_between(0, pack.days("symptom_window_days")))
        .select(
            "person_key",
            "evidence_id",
            "clue",
            "label",
            "is_exact",
            "is_low_weight",
            "neuro_rule",
            "days_ago",
        )
    )
    anaemia = blood.filter("has_low_haemoglobin").select(
        "person_key", evidence_id="haemoglobin_id", clue=pl.lit("anaemia"), label=_label("anaemia", pack)
    )
    macrocytosis = blood.filter("has_high_mcv").select(
        "person_key", evidence_id="mcv_id", clue=pl.lit("macrocytosis"), label=_label("macrocytosis", pack)
    )
    counted = pl.concat([anaemia, macrocytosis]).with_columns(
        is_exact=pl.lit(True),
        is_low_weight=pl.lit(False),
        neuro_rule=pl.lit(""),
        days_ago=pl.lit(None, pl.Int64),
    )
    return pl.concat([coded, counted], how="vertical_relaxed")


def symptoms(rows: pl.LazyFrame, happened: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with any symptom or sign in the window.

    Columns: symptoms (sorted ids), neuro_features (sorted ids that set the flag), both also as labels, symptom (a
    word of the vocabulary), neuro (low or high, null without an exact neurological code), symptom_evidence_ids.
    Source: specification 5.2, 5.3.
    """
    other_cause = (
        happened.filter(
            pl.col("is_exact") & pl.col("concept").is_in(pack.concepts_of("alternative_neuro_cause"))
        )
        .select("person_key", has_other_cause=True)
        .unique()
    )
    is_new = pl.col("days_ago") <= pack.days("new_feature_days")
    is_neuro = pl.col("is_exact") & (pl.col("neuro_rule") != "")
    is_high = is_neuro & (
        (pl.col("neuro_rule") == "high")
        | ((pl.col("neuro_rule") == "high_when_new") & is_new & pl.col("has_other_cause").is_null())
    )
    return (
        rows.join(other_cause, on="person_key", how="left")
        .group_by("person_key")
        .agg(
            symptoms=pl.col("clue").unique().sort(),
            neuro_features=pl.col("clue").filter(is_neuro).unique().sort(),
            symptom_labels=told(pl.col("label")),
            neuro_labels=told(pl.col("label").filter(is_neuro)),
            symptom_evidence_ids=pl.col("evidence_id").unique().sort(),
            is_low_weight=pl.col("is_low_weight").all(),
            neuro=pl.when(is_high.any()).then(pl.lit("high")).when(is_neuro.any()).then(pl.lit("low")),
        )
        .with_columns(
            symptom=pl.when("is_low_weight").then(pl.lit("fatigue_or_mood")).otherwise(pl.lit("present"))
        )
        .drop("is_low_weight")
    )


def of_clue(happened: pl.LazyFrame, clue_id: str, pack: Pack) -> pl.LazyFrame:
    """The exact rows of `happened` whose list belongs to the clue, whatever their date."""
    return happened.filter(pl.col("is_exact") & pl.col("concept").is_in(pack.concepts_of(clue_id)))


def ever_neuro(happened: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with an exact neurological code at any time: person_key, has_ever_neuro."""
    lists = [concept for clue in pack.symptoms() if clue.neuro for concept in clue.concepts]
    return (
        happened.filter(pl.col("is_exact") & pl.col("concept").is_in(lists))
        .select("person_key", has_ever_neuro=pl.lit(True))
        .unique()
    )


def supplied_concepts(inputs: Inputs, pack: Pack) -> pl.LazyFrame:
    """One row per medication row and concept, with what it covers and its daily dose."""
    wanted = [
        *(concept for clue in pack.risk_factors() if clue.current_only for concept in clue.concepts),
        *pack.concepts_of("combined_contraceptive"),
    ]
    rows = with_concepts(inputs.medications, inputs.codes).filter(pl.col("concept").is_in(wanted))
    return supplies(rows, pack).select(
        "person_key",
        "evidence_id",
        "concept",
        "breadth",
        "start_on",
        "covered_to",
        "is_open",
        "daily_dose_ug",
    )


def risk_rows(
    happened: pl.LazyFrame, supplied: pl.LazyFrame, people: pl.LazyFrame, pack: Pack, as_of: date
) -> pl.LazyFrame:
    """One row per person, risk factor and record: clue, group, is_exact, is_tier_c, evidence_id (null for age).

    Conditions and procedures at any time up to `as_of`; medicines only while current. Source: specification 5.4.
    """
    clues = _clue_table(pack.risk_factors())
    columns = [
        "person_key",
        "clue",
        "label",
        "group",
        "is_exact",
        "is_tier_c",
        "is_current_only",
        "evidence_id",
    ]
    recorded = happened.join(clues.filter(~pl.col("is_current_only")), on="concept", how="inner").select(
        columns
    )
    taken = (
        supplied.filter(is_current(as_of, pack.days("rx_gap_days")))
        .join(clues.filter("is_current_only"), on="concept", how="inner")
        .with_columns(is_exact=pl.col("breadth") == "exact")
        .select(columns)
    )
    old = people.filter(pl.col("age") >= pack.days("age_risk")).select(
        "person_key",
        clue=pl.lit("age_76"),
        label=_label("age_76", pack),
        group=pl.lit("aafp"),
        is_exact=pl.lit(True),
        is_tier_c=pl.lit(False),
        is_current_only=pl.lit(False),
        evidence_id=pl.lit(None, pl.String),
    )
    return pl.concat([recorded, taken, old], how="vertical_relaxed")


def risk_factors(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with any risk factor: risk_factors (sorted ids), has_risk_medicine, risk_evidence_ids."""
    return rows.group_by("person_key").agg(
        risk_factors=pl.col("clue").unique().sort(),
        risk_labels=told(pl.col("label")),
        has_risk_medicine=pl.col("is_current_only").any(),
        risk_evidence_ids=pl.col("evidence_id").drop_nulls().unique().sort(),
    )


@dataclass(frozen=True)
class Pregnancy:
    """Pregnancy evidence and ends, one row per person and date; asked at any date."""

    evidence: pl.LazyFrame
    ends: pl.LazyFrame


def pregnancy_records(happened: pl.LazyFrame, people: pl.LazyFrame, pack: Pack, keep: Keep) -> Pregnancy:
    """Exact pregnancy evidence and pregnancy ends of people whose recorded sex is not male."""
    lists = [*pack.concepts_of("pregnancy"), *pack.concepts_of("pregnancy_end")]
    possible = people.filter(pl.col("sex") != "male").select("person_key")
    exact = keep(
        happened.filter(
            pl.col("concept").is_in(lists) & pl.col("is_exact") & pl.col("feature_on").is_not_null()
        ).join(possible, on="person_key", how="semi")
    )
    return Pregnancy(
        evidence=exact.filter(pl.col("concept").is_in(pack.concepts_of("pregnancy"))).select(
            "person_key", "resolved_on", evidence_on="feature_on"
        ),
        ends=exact.filter(pl.col("concept").is_in(pack.concepts_of("pregnancy_end"))).select(
            "person_key", ended_on="feature_on"
        ),
    )


def pregnant_at(asked: pl.LazyFrame, records: Pregnancy, pack: Pack) -> pl.LazyFrame:
    """The asked rows (person_key, asked_on, and any others) at which the person was pregnant, each once.

    Pregnant: the latest evidence on or before the day is at most the pack's days old and not resolved by then,
    and no end lies on or after that evidence up to the day. Source: specification 5.6, 13.10.
    """
    latest = (
        asked.join(records.evidence, on="person_key", how="inner")
        .filter(pl.col("evidence_on") <= pl.col("asked_on"))
        .sort("person_key", "asked_on", "evidence_on", "resolved_on", nulls_last=True)
        .group_by("person_key", "asked_on")
        .agg(
            pl.col("evidence_on").last(),
            resolved_on=pl.col("resolved_on")
            .filter(pl.col("evidence_on") == pl.col("evidence_on").max())
            .max(),
            is_unresolved=pl.col("resolved_on")
            .filter(pl.col("evidence_on") == pl.col("evidence_on").max())
            .is_null()
            .any(),
        )
        .filter(
            ((pl.col("asked_on") - pl.col("evidence_on")).dt.total_days() <= pack.days("pregnancy_days"))
            & (pl.col("is_unresolved") | (pl.col("resolved_on") > pl.col("asked_on")))
        )
    )
    ended = (
        latest.join(records.ends, on="person_key", how="inner")
        .filter(pl.col("ended_on").is_between(pl.col("evidence_on"), pl.col("asked_on")))
        .select("person_key", "asked_on")
    )
    return latest.join(ended, on=["person_key", "asked_on"], how="anti").select("person_key", "asked_on")


def postpartum_at(asked: pl.LazyFrame, records: Pregnancy, pack: Pack) -> pl.LazyFrame:
    """The asked rows that lie fewer than the pack's days after a pregnancy's end, each once."""
    since = (pl.col("asked_on") - pl.col("ended_on")).dt.total_days()
    return (
        asked.join(records.ends, on="person_key", how="inner")
        .filter(since.is_between(0, pack.days("postpartum_days"), closed="left"))
        .select("person_key", "asked_on")
        .unique()
    )


def causes(
    happened: pl.LazyFrame, observations: pl.LazyFrame, risks: pl.LazyFrame, pack: Pack
) -> pl.LazyFrame:
    """One row per person with a cause on record: `cause`, the first match of the pack's cause table.

    `is_irreversible_cause`: any cause of the table that lasts for life is on record, first match or not. Exact
    codes only. Source: specification 5.5.
    """
    antibody = observations.filter(is_positive_antibody(pack))
    long_resection = happened.filter(pl.col("length_cm") > pack.number("resection_cm"))
    by_rule = {
        "positive_intrinsic_factor_antibody": antibody,
        "current_risk_medicine": risks.filter("has_risk_medicine"),
    }
    found = []
    for order, cause in enumerate(pack.causes):
        coded = (long_resection if cause.rule == "resection_over_limit" else happened).filter(
            pl.col("is_exact") & pl.col("concept").is_in(cause.concepts)
        )
        sources = [coded, *([by_rule[cause.rule]] if cause.rule in by_rule else [])]
        found += [rows.select("person_key", order=pl.lit(order)) for rows in sources]
    names = [cause.id for cause in pack.causes]
    lasting = [order for order, cause in enumerate(pack.causes) if cause.irreversible]
    return (
        pl.concat(found)
        .group_by("person_key")
        .agg(order=pl.col("order").min(), is_irreversible_cause=pl.col("order").is_in(lasting).any())
        .select(
            "person_key",
            "is_irreversible_cause",
            cause=pl.col("order").replace_strict(dict(enumerate(names)), return_dtype=pl.String),
        )
    )


def is_positive_antibody(pack: Pack) -> pl.Expr:
    """True for an intrinsic-factor antibody reported as positive, or above its laboratory's limit."""
    value = pl.col("value").str.to_lowercase()
    return (pl.col("concept") == ANTIBODY) & (
        pl.any_horizontal([value.str.starts_with(word) for word in pack.words("antibody_positive_words")])
        | wholly_above(pl.col("reference_limit")).fill_null(False)
    )


def readable_egfr(observations: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per reported eGFR that tells on which side of the caveat it lies.

    The ethnicity-adjusted variant only where no other eGFR stands on its day.
    """
    limit = pack.number("egfr_caveat")
    rows = observations.filter(
        (pl.col("concept") == "lab_egfr") & (wholly_below(limit) | wholly_at_least(limit))
    )
    is_variant = pl.col("code") == pack.word("egfr_variant_code")
    plain = rows.filter(~is_variant).select("person_key", "collected_on").unique()
    return pl.concat(
        [
            rows.filter(~is_variant),
            rows.filter(is_variant).join(plain, on=["person_key", "collected_on"], how="anti"),
        ]
    )
