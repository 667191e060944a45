"""The records that were considered for each person, and why each counted or was left aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.model import Clue, Pack
from schemas.derived import RECORD_SCHEMA
from schemas.vocabulary import RECORD_KINDS
from transforms.clues import ANTIBODY, age_days, is_positive_antibody
from transforms.history import History
from transforms.laboratory import Laboratory
from transforms.medication import is_current
from transforms.normalise import MMA, plain_number
from transforms.results import ACTIVE, TOTAL, answers_sample

_KIND = pl.Enum(RECORD_KINDS)
_NO_TEXT = pl.lit(None, pl.String)
_NO_DATE = pl.lit(None, pl.Date)
_LABELS = {
    TOTAL: "total B12",
    ACTIVE: "active B12",
    MMA: "serum MMA",
    "im": "B12 injection",
    "oral": "B12 by mouth",
    "sublingual": "B12 under the tongue",
    "nasal": "B12 as a nasal spray",
}


@dataclass(frozen=True)
class Considered:
    """What the screen looked at: the history, the laboratory's results, and the blood signs."""

    history: History
    tests: Laboratory
    blood: pl.LazyFrame


def records(seen: Considered, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person and record considered, in the columns of `RECORD_COLUMNS`.

    A record that shows two things (a symptom and a risk factor, say) has a row for each. Ordered by bucket and
    person, then kind, the latest first, so that equal inputs give equal rows in equal order.
    """
    people = seen.history.people.select("person_key", "person_bucket", "patient_id", "clinic_id", "source")
    return (
        pl.concat([_shaped(found) for found in _found(seen, pack, as_of)])
        .join(people, on="person_key", how="inner")
        .sort(
            *("person_bucket", "person_key", "kind", "on", "what", "record_id", "value", "use"),
            descending=[False, False, False, True, False, False, False, False],
            nulls_last=True,
        )
        .select(pl.col(name).cast(dtype) for name, dtype in RECORD_SCHEMA.items())
    )


def _found(seen: Considered, pack: Pack, as_of: date) -> Iterator[pl.LazyFrame]:
    yield _b12(seen, pack, as_of)
    yield _mma(seen, pack)
    yield _egfr(seen)
    yield _homocysteine(seen)
    yield _antibodies(seen, pack)
    yield _events(seen, pack, as_of)
    yield _pregnancies(seen, pack, as_of)
    yield _blood_signs(seen, pack)
    yield _medicines(seen, pack, as_of)
    yield _age(seen, pack)
    yield _replacement(seen)
    yield _requests(seen, pack, as_of)


def _shaped(found: pl.LazyFrame) -> pl.LazyFrame:
    """The rows in one shape; a column that a kind of record does not have is null."""
    return found.select(
        "person_key",
        pl.col("kind").cast(_KIND),
        *("what", "label", "value", "unit", "result_class", "on", "until_on", "record_id", "use", "why"),
    )


def _used(use: pl.Expr, why: pl.Expr) -> dict[str, pl.Expr]:
    """`use` where it is told, else not_used with the reason."""
    return {
        "use": use.fill_null("not_used"),
        "why": pl.when(use.is_null()).then(why),
    }


def _first(*reasons: tuple[pl.Expr, str]) -> pl.Expr:
    """The word of the first condition that is true."""
    return pl.coalesce(
        [pl.when(condition.fill_null(False)).then(pl.lit(word)) for condition, word in reasons]
    )


def _b12(seen: Considered, pack: Pack, as_of: date) -> pl.LazyFrame:
    standing = seen.tests.usable_b12.select("row_no", is_usable=pl.lit(True)).join(
        seen.tests.evaluable_b12.select("row_no", is_evaluable=pl.lit(True)), on="row_no", how="left"
    )
    index = seen.tests.index.select("person_key", "b12_test", "total_b12_on", "active_b12_on")
    asks = seen.tests.in_pregnancy.select("person_key", "pregnancy_b12_on")
    is_total, is_low = pl.col("concept") == TOTAL, pl.col("result_class") == "LOW"
    own_on = pl.when(is_total).then("total_b12_on").otherwise("active_b12_on")
    is_usable, is_evaluable = pl.col("is_usable").fill_null(False), pl.col("is_evaluable").fill_null(False)
    is_read = is_evaluable & (pl.col("collected_on") == own_on)
    decides = pl.col("b12_test") == pl.when(is_total).then(pl.lit("total")).otherwise(pl.lit("active"))
    window = pl.when(is_low).then(pack.days("b12_low_lookback_days")).otherwise(pack.days("b12_fresh_days"))
    use = _first(
        (is_usable & is_total & (pl.col("collected_on") == pl.col("pregnancy_b12_on")), "asks_for_active"),
        (is_read & decides, "index"),
        (is_read, "paired"),
    )
    why = _first(
        (pl.col("result_class") == "NOT_INTERPRETABLE", "not_interpretable"),
        (pl.col("is_confounded") & ~is_low, "taken_on_replacement"),
        (age_days("collected_on", as_of) > window, "too_old"),
        (~is_usable, "other_of_the_day"),
        (~is_evaluable, "in_pregnancy"),
        (own_on.is_not_null(), "not_the_latest"),
        (pl.lit(True), "other_test_later"),
    )
    return (
        seen.tests.samples.filter(pl.col("concept").is_in([TOTAL, ACTIVE]))
        .join(standing, on="row_no", how="left")
        .join(index, on="person_key", how="left")
        .join(asks, on="person_key", how="left")
        .select(
            *("person_key", "value", "unit", "result_class"),
            kind=pl.when(is_total).then(pl.lit("total_b12")).otherwise(pl.lit("active_b12")),
            what="concept",
            label=pl.col("concept").replace_strict(_LABELS, return_dtype=pl.String),
            on="collected_on",
            until_on=_NO_DATE,
            record_id="evidence_id",
            **_used(use, why),
        )
    )


def _mma(seen: Considered, pack: Pack) -> pl.LazyFrame:
    classed = seen.tests.mma.select("row_no", mma_class="result_class")
    days = seen.tests.mma.select("person_key", "collected_on", has_day_class=pl.lit(True))
    answered = seen.tests.answered.select("person_key", "mma_collected_on")
    has_class = pl.col("mma_class").is_not_null()
    in_window = answers_sample(pl.col("collected_on"), pl.col("index_on"), pack)
    use = _first((has_class & (pl.col("collected_on") == pl.col("mma_collected_on")), "answers_index"))
    why = _first(
        (pl.col("low").is_null(), "not_interpretable"),
        (pl.col("is_confounded"), "taken_on_replacement"),
        (~has_class & pl.col("has_day_class"), "other_of_the_day"),
        (~has_class, "no_class"),
        (pl.col("index_on").is_null(), "no_index_result"),
        (~in_window, "outside_mma_window"),
        (pl.lit(True), "not_the_latest"),
    )
    return (
        seen.tests.samples.filter(pl.col("concept") == MMA)
        .join(classed, on="row_no", how="left")
        .join(days, on=["person_key", "collected_on"], how="left")
        .join(seen.tests.asked, on="person_key", how="left")
        .join(answered, on="person_key", how="left")
        .select(
            *("person_key", "value", "unit"),
            kind=pl.lit("mma"),
            what="concept",
            label=pl.lit(_LABELS[MMA]),
            result_class="mma_class",
            on="collected_on",
            until_on=_NO_DATE,
            record_id="evidence_id",
            **_used(use, why),
        )
    )


def _egfr(seen: Considered) -> pl.LazyFrame:
    """The kidney function of the MMA that counts; `value` is computed where the record is a creatinine."""
    answered = seen.tests.answered.select("person_key", collected_on="mma_collected_on")
    return (
        seen.tests.mma.filter(pl.col("egfr").is_not_null())
        .join(answered, on=["person_key", "collected_on"], how="semi")
        .select(
            "person_key",
            kind=pl.lit("egfr"),
            what=pl.lit("lab_egfr"),
            label=pl.lit("eGFR"),
            value=plain_number(pl.col("egfr").round(1)),
            unit=pl.lit("mL/min/1.73m2"),
            result_class=_NO_TEXT,
            on="egfr_on",
            until_on=_NO_DATE,
            record_id="egfr_evidence_id",
            use=pl.lit("read_with_mma"),
            why=_NO_TEXT,
        )
    )


def _homocysteine(seen: Considered) -> pl.LazyFrame:
    return seen.tests.homocysteine.select(
        "person_key",
        kind=pl.lit("homocysteine"),
        what=pl.lit("lab_homocysteine"),
        label=pl.lit("homocysteine"),
        value="homocysteine_value",
        unit="homocysteine_unit",
        result_class=_NO_TEXT,
        on="homocysteine_collected_on",
        until_on=_NO_DATE,
        record_id="homocysteine_evidence_id",
        use=pl.lit("confirms"),
        why=_NO_TEXT,
    )


def _antibodies(seen: Considered, pack: Pack) -> pl.LazyFrame:
    use = _first((is_positive_antibody(pack), "counted"))
    return seen.history.inputs.observations.filter(pl.col("concept") == ANTIBODY).select(
        *("person_key", "value", "unit"),
        kind=pl.lit("antibody"),
        what="concept",
        label=pl.lit("intrinsic-factor antibody"),
        result_class=_NO_TEXT,
        on="collected_on",
        until_on=_NO_DATE,
        record_id="evidence_id",
        **_used(use, pl.lit("negative")),
    )


def _clue_rows(pack: Pack) -> pl.LazyFrame:
    """One row per concept and what it may show: symptoms, risk factors on record, else a list of the history."""
    lasting = [clue for clue in pack.risk_factors() if not clue.current_only]
    told = _rows_of("symptom", pack.symptoms()) + _rows_of("risk_factor", lasting)
    known = {concept for _, _, _, concept in told}
    known |= {*pack.concepts_of("pregnancy"), *pack.concepts_of("pregnancy_end")}
    others: dict[str, tuple[str, str, str, str]] = {}
    # The narrowest clue names a list best: some clues only gather the lists of others.
    for clue in sorted(pack.clues, key=lambda clue: len(clue.concepts)):
        for concept in clue.concepts:
            if clue.group == "context" and concept not in known:
                others.setdefault(concept, ("history", concept, clue.label, concept))
    return pl.LazyFrame(
        [*told, *others.values()],
        schema={"kind": pl.String, "what": pl.String, "label": pl.String, "concept": pl.String},
        orient="row",
    )


def _rows_of(kind: str, clues: list[Clue] | tuple[Clue, ...]) -> list[tuple[str, str, str, str]]:
    return [(kind, clue.id, clue.label, concept) for clue in clues for concept in clue.concepts]


def _events(seen: Considered, pack: Pack, as_of: date) -> pl.LazyFrame:
    """Diagnoses and procedures: symptoms in their window, risk factors and the history whenever they were."""
    days_ago = age_days("on", as_of)
    is_timed = pl.col("kind") == "symptom"
    in_window = days_ago.is_between(0, pack.days("symptom_window_days"))
    left_aside = _first(
        (is_timed & pl.col("on").is_null(), "undated"),
        (is_timed & ~in_window, "outside_window"),
    )
    return (
        seen.history.happened.join(_clue_rows(pack), on="concept", how="inner")
        .group_by("person_key", "kind", "what", "evidence_id")
        .agg(
            pl.col("label").first(),
            on=pl.col("feature_on").max(),
            until_on=pl.col("resolved_on").max(),
            is_exact=pl.col("is_exact").any(),
        )
        .with_columns(left_aside=left_aside)
        .select(
            *("person_key", "kind", "what", "label"),
            value=_NO_TEXT,
            unit=_NO_TEXT,
            result_class=_NO_TEXT,
            on="on",
            until_on="until_on",
            record_id="evidence_id",
            use=pl.when(pl.col("left_aside").is_not_null())
            .then(pl.lit("not_used"))
            .when("is_exact")
            .then(pl.lit("counted"))
            .otherwise(pl.lit("supports")),
            why=pl.coalesce("left_aside", pl.when(~pl.col("is_exact")).then(pl.lit("broad_only"))),
        )
    )


def _pregnancies(seen: Considered, pack: Pack, as_of: date) -> pl.LazyFrame:
    """Evidence of pregnancy, which counts while the person is pregnant, and ends of pregnancies."""
    begins, ends = pack.concepts_of("pregnancy"), pack.concepts_of("pregnancy_end")
    is_end = pl.col("kind") == "pregnancy_end"
    is_recent = age_days("on", as_of).is_between(0, pack.days("pregnancy_days"))
    use = _first(
        (
            pl.col("is_exact")
            & pl.col("on").is_not_null()
            & (is_end | (is_recent & pl.col("is_pregnant").fill_null(False))),
            "counted",
        )
    )
    why = _first(
        (~pl.col("is_exact"), "broad_only"),
        (pl.col("on").is_null(), "undated"),
        (~is_recent, "outside_window"),
        (pl.lit(True), "ended"),
    )
    return (
        seen.history.happened.filter(pl.col("concept").is_in([*begins, *ends]))
        .with_columns(
            kind=pl.when(pl.col("concept").is_in(ends))
            .then(pl.lit("pregnancy_end"))
            .otherwise(pl.lit("pregnancy"))
        )
        .group_by("person_key", "kind", "evidence_id")
        .agg(
            what=pl.col("concept").min(),
            on=pl.col("feature_on").max(),
            until_on=pl.col("resolved_on").max(),
            is_exact=pl.col("is_exact").any(),
        )
        .join(
            seen.history.pregnant.select("person_key", is_pregnant=pl.lit(True)).unique(),
            on="person_key",
            how="left",
        )
        .select(
            *("person_key", "kind", "what"),
            label=pl.when(is_end).then(pl.lit("end of pregnancy")).otherwise(pl.lit("pregnancy")),
            value=_NO_TEXT,
            unit=_NO_TEXT,
            result_class=_NO_TEXT,
            on="on",
            until_on="until_on",
            record_id="evidence_id",
            **_used(use, why),
        )
    )


def _blood_signs(seen: Considered, pack: Pack) -> pl.LazyFrame:
    """The latest haemoglobin and MCV where they are signs."""
    labels = {clue.id: clue.label for clue in pack.symptoms()}
    signs = [
        ("anaemia", "lab_haemoglobin", "haemoglobin_id", "has_low_haemoglobin"),
        ("macrocytosis", "lab_mcv", "mcv_id", "has_high_mcv"),
    ]
    found = pl.concat(
        [
            seen.blood.filter(flag).select(
                "person_key", evidence_id=record, concept=pl.lit(concept), what=pl.lit(what)
            )
            for what, concept, record, flag in signs
        ]
    )
    return (
        seen.history.inputs.observations.filter(
            pl.col("concept").is_in([concept for _, concept, _, _ in signs])
        )
        .select("person_key", "evidence_id", "concept", "value", "unit", "collected_on")
        .join(found, on=["person_key", "evidence_id", "concept"], how="inner")
        .select(
            *("person_key", "what", "value", "unit"),
            kind=pl.lit("symptom"),
            label=pl.col("what").replace_strict(labels, return_dtype=pl.String),
            result_class=_NO_TEXT,
            on="collected_on",
            until_on=_NO_DATE,
            record_id="evidence_id",
            use=pl.lit("counted"),
            why=_NO_TEXT,
        )
    )


def _medicines(seen: Considered, pack: Pack, as_of: date) -> pl.LazyFrame:
    """Medicines that are risk factors while they are supplied."""
    taken = [clue for clue in pack.risk_factors() if clue.current_only]
    clues = pl.LazyFrame(
        _rows_of("risk_factor", taken),
        schema={"kind": pl.String, "what": pl.String, "label": pl.String, "concept": pl.String},
        orient="row",
    )
    is_exact = pl.col("is_exact")
    return (
        seen.history.supplied.join(clues, on="concept", how="inner")
        .with_columns(
            is_taken=is_current(as_of, pack.days("rx_gap_days")), is_exact=pl.col("breadth") == "exact"
        )
        .group_by("person_key", "kind", "what", "evidence_id")
        .agg(
            pl.col("label").first(),
            pl.col("daily_dose_ug").max(),
            on=pl.col("start_on").max(),
            until_on=pl.col("covered_to").max(),
            is_taken=pl.col("is_taken").any(),
            is_exact=is_exact.any(),
        )
        .select(
            *("person_key", "kind", "what", "label"),
            value=plain_number(pl.col("daily_dose_ug")),
            unit=pl.when(pl.col("daily_dose_ug").is_not_null()).then(pl.lit("micrograms a day")),
            result_class=_NO_TEXT,
            on="on",
            until_on="until_on",
            record_id="evidence_id",
            use=pl.when(~pl.col("is_taken"))
            .then(pl.lit("not_used"))
            .when(is_exact)
            .then(pl.lit("counted"))
            .otherwise(pl.lit("supports")),
            why=_first((~pl.col("is_taken"), "not_current"), (~is_exact, "broad_only")),
        )
    )


def _age(seen: Considered, pack: Pack) -> pl.LazyFrame:
    """Age where it is a risk factor: the one row without a record of its own."""
    label = next(clue.label for clue in pack.clues if clue.id == "age_76")
    return seen.history.people.filter(pl.col("age") >= pack.days("age_risk")).select(
        "person_key",
        kind=pl.lit("risk_factor"),
        what=pl.lit("age_76"),
        label=pl.lit(label),
        value=pl.col("age").cast(pl.String),
        unit=pl.lit("years"),
        result_class=_NO_TEXT,
        on=_NO_DATE,
        until_on=_NO_DATE,
        record_id=_NO_TEXT,
        use=pl.lit("counted"),
        why=_NO_TEXT,
    )


def _replacement(seen: Considered) -> pl.LazyFrame:
    return seen.history.doses.select(
        "person_key",
        kind=pl.lit("replacement"),
        what="form",
        label=pl.col("form").replace_strict(_LABELS, return_dtype=pl.String),
        value=plain_number(pl.col("daily_dose_ug")),
        unit=pl.when(pl.col("daily_dose_ug").is_not_null()).then(
            pl.when(pl.col("form") == "im").then(pl.lit("ug")).otherwise(pl.lit("ug a day"))
        ),
        result_class=_NO_TEXT,
        on="start_on",
        until_on="covered_to",
        record_id="evidence_id",
        **_used(_first((pl.col("is_counted"), "counted")), pl.lit("dose_too_low")),
    )


def _requests(seen: Considered, pack: Pack, as_of: date) -> pl.LazyFrame:
    """Requests for B12 and MMA, which keep a person off a list while they are open."""
    is_active = pl.col("status") == "active"
    is_recent = age_days("ordered_on", as_of) <= pack.days("order_open_days")
    return seen.history.inputs.orders.filter(pl.col("concept").is_in([TOTAL, ACTIVE, MMA])).select(
        "person_key",
        kind=pl.lit("request"),
        what="concept",
        label=pl.format("request for {}", pl.col("concept").replace_strict(_LABELS, return_dtype=pl.String)),
        value=_NO_TEXT,
        unit=_NO_TEXT,
        result_class=_NO_TEXT,
        on="ordered_on",
        until_on=_NO_DATE,
        record_id="evidence_id",
        **_used(
            _first((is_active & is_recent, "counted")),
            _first((~is_active, "closed"), (~is_recent, "too_old")),
        ),
    )
