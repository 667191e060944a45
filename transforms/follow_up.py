"""What is due for people on B12 replacement: the dates of the pack's follow-up items, and which of them are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.model import FollowUpItem, Pack
from transforms import clues, results
from transforms.clues import age_days
from transforms.course import COUNTS, INJECTED, ON_REPLACEMENT, ORAL, counts_of_course, last_course
from transforms.decide import holds
from transforms.inputs import Inputs, Keep
from transforms.normalise import MMA

POTASSIUM = "lab_potassium"
READABLE = ("LOW", "INDET", "UNLIKELY", "AMBIGUOUS")
_B12 = (results.TOTAL, results.ACTIVE)
_B12_LABELS = {results.TOTAL: "total B12", results.ACTIVE: "active B12"}
_NAMING = ("F7", "C03")
"""Items whose reason names the features it is about, by `about_<item>`."""
_COUNT_LABELS = {clues.HAEMOGLOBIN: "haemoglobin", clues.MCV: "MCV", clues.PLATELETS: "platelets"}

ITEM_SCHEMA = {
    "item_id": pl.String,
    "case_id": pl.String,
    "priority": pl.String,
    "due_on": pl.Date,
    "place": pl.UInt8,
    "is_overdue": pl.Boolean,
    "reason": pl.String,
    "action": pl.String,
    "evidence": pl.String,
}
"""The columns of one item of a person, also as the fields of `follow_up_steps`."""


@dataclass(frozen=True)
class Seen:
    """What follow-up reads beside the decisions: frames of the screen that are worked out already."""

    inputs: Inputs
    people: pl.LazyFrame
    happened: pl.LazyFrame
    dosed: pl.LazyFrame
    samples: pl.LazyFrame
    symptom_rows: pl.LazyFrame


def monitored(decided: pl.LazyFrame, seen: Seen, pack: Pack, as_of: date, keep: Keep) -> pl.LazyFrame:
    """One row per eligible adult on replacement: the facts of follow-up, and per item the date it counts from.

    Needs the columns of `decided`. Adds the course, the words of `MONITORING_FACTS`, neuro_since_start (yes or no),
    is_load_incomplete (null where it cannot be told) with load_text, and `from_<item>`, null where the item does not
    arise. Source: specification 10; S15 for the loading course.
    """
    treated = keep(
        decided.filter(
            (pl.col("eligibility") == "eligible")
            & (pl.col("age_group") == "adult")
            & pl.col("replacement").is_in(ON_REPLACEMENT)
        )
    )
    keys = treated.select("person_key", "sex", is_pregnant=pl.col("pregnant") == "yes")
    courses = keep(
        last_course(seen.dosed.join(keys, on="person_key", how="semi"), pack).join(
            keys, on="person_key", how="inner"
        )
    )
    samples = keep(seen.samples.join(keys, on="person_key", how="semi"))
    mma = keep(_classified_mma(samples, seen, pack, as_of))
    joined = treated
    for found in (
        courses.drop("sex", "is_pregnant"),
        _counts(courses, seen.inputs.observations, pack),
        _tests(courses, seen.inputs.observations),
        _latest_b12(samples),
        _raised_mma(mma),
        _found_deficient(courses, samples, mma, pack),
        _features(courses, seen, pack, as_of),
        _breastfeeding(seen.happened, pack, as_of),
        _open_b12_orders(seen.inputs, pack, as_of),
    ):
        joined = joined.join(found, on="person_key", how="left")
    return (
        joined.with_columns(**_facts(pack, as_of), is_load_incomplete=_is_load_incomplete(pack, as_of))
        .with_columns(**_dates(pack, as_of))
        .with_columns(
            load_text=pl.when("is_load_incomplete").then(
                pl.format(
                    "Loading course incomplete: {} of {} injections in its first {} days.",
                    "load_injections",
                    pl.lit(pack.days("loading_doses")),
                    pl.lit(pack.days("loading_check_days")),
                )
            )
        )
    )


def treatment(treated: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person of `monitored`: course_start_on, is_load_incomplete, latest_b12_text, treatment_text and
    treatment_ids.

    What a follow-up rests on: the course, an incomplete loading course, the latest B12 that can be read, a raised
    MMA, and blood counts that are still abnormal.
    """

    def on(day: str) -> pl.Expr:
        return pl.col(day).cast(pl.String)

    sentences = [
        pl.when(pl.col("last_injection_on").is_not_null()).then(
            pl.format("Last injection on {}.", on("last_injection_on"))
        ),
        pl.col("load_text"),
        pl.when(pl.col("raised_mma_on").is_not_null()).then(
            pl.format("Raised MMA: {} {} on {}.", "raised_mma_value", "raised_mma_unit", on("raised_mma_on"))
        ),
        pl.when(pl.col("abnormal_counts").list.len() > 0).then(
            pl.format(
                "Not yet normal: {}.",
                pl.col("abnormal_counts")
                .list.eval(
                    pl.format(
                        "{} {} {} on {}",
                        pl.element().struct.field("label"),
                        pl.element().struct.field("value"),
                        pl.element().struct.field("unit"),
                        pl.element().struct.field("on").cast(pl.String),
                    ).sort()
                )
                .list.join(", "),
            )
        ),
    ]
    return treated.select(
        "person_key",
        "course_start_on",
        "is_load_incomplete",
        latest_b12_text=pl.when(pl.col("latest_b12_on").is_not_null()).then(
            pl.format(
                "{} {} {} on {}",
                pl.col("latest_b12_test").replace_strict(_B12_LABELS, return_dtype=pl.String),
                "latest_b12_value",
                "latest_b12_unit",
                on("latest_b12_on"),
            )
        ),
        treatment_text=pl.concat_str(sentences, separator=" ", ignore_nulls=True),
        treatment_ids=pl.concat_list(
            pl.concat_list("latest_b12_id", "raised_mma_id").list.drop_nulls(),
            pl.col("abnormal_ids").fill_null(pl.lit([], dtype=pl.List(pl.String))),
        ),
    )


def _days_since_start(day: str) -> pl.Expr:
    return (pl.col(day) - pl.col("course_start_on")).dt.total_days()


def _counts(courses: pl.LazyFrame, observations: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a blood count: was_severe, and abnormal_from where one is not yet normal."""
    return (
        counts_of_course(courses, observations, pack)
        .join(courses.select("person_key", "course_start_on"), on="person_key", how="inner")
        .group_by("person_key")
        .agg(
            was_severe=pl.col("is_severe").any(),
            abnormal_from=pl.coalesce("later_on", "course_start_on").filter("is_open").min(),
            abnormal_counts=pl.struct(
                label=pl.col("concept").replace_strict(_COUNT_LABELS, return_dtype=pl.String),
                value="shown_value",
                unit="shown_unit",
                on="shown_on",
            ).filter("is_open"),
            abnormal_ids=pl.col("shown_id").filter("is_open").sort(),
        )
    )


def _tests(courses: pl.LazyFrame, observations: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with a readable result: last_response_on, last_b12_on, last_potassium_on."""
    is_b12 = pl.col("concept").is_in(_B12)
    return (
        observations.filter(
            pl.col("concept").is_in([*_B12, *COUNTS, POTASSIUM]) & pl.col("low").is_not_null()
        )
        .join(courses, on="person_key", how="semi")
        .group_by("person_key")
        .agg(
            last_response_on=pl.col("collected_on").filter(pl.col("concept") != POTASSIUM).max(),
            last_b12_on=pl.col("collected_on").filter(is_b12).max(),
            last_potassium_on=pl.col("collected_on").filter(pl.col("concept") == POTASSIUM).max(),
        )
    )


def _latest_b12(samples: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with a B12 result that can be read: the latest of either test, on one day a LOW first."""
    is_low = pl.col("result_class") == "LOW"
    return (
        samples.filter(pl.col("concept").is_in(_B12) & pl.col("result_class").is_in(READABLE))
        .with_columns(is_low=is_low)
        .sort(
            "person_key", "collected_on", "is_low", "is_confounded", "concept", "evidence_id", "value", "unit"
        )
        .group_by("person_key", maintain_order=True)
        .last()
        .select(
            "person_key",
            latest_b12_on="collected_on",
            latest_b12_is_low="is_low",
            latest_b12_is_confounded="is_confounded",
            latest_b12_test="concept",
            latest_b12_value="value",
            latest_b12_unit="unit",
            latest_b12_id="evidence_id",
        )
    )


def _classified_mma(samples: pl.LazyFrame, seen: Seen, pack: Pack, as_of: date) -> pl.LazyFrame:
    """The rows of `results.classified_mma`, replacement or not."""
    as_if_untreated = samples.with_columns(is_confounded=pl.lit(False))
    return results.classified_mma(
        as_if_untreated.filter(pl.col("concept") == MMA),
        seen.inputs.observations.join(samples.select("person_key").unique(), on="person_key", how="semi"),
        seen.people,
        seen.happened,
        seen.dosed,
        pack,
        as_of,
    )


def _raised_mma(mma: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person whose latest MMA with a class is ELEVATED: raised_mma_on."""
    return (
        mma.filter(pl.col("collected_on") == pl.col("collected_on").max().over("person_key"))
        .filter(pl.col("result_class") == "ELEVATED")
        .select(
            "person_key",
            raised_mma_on="collected_on",
            raised_mma_value="value",
            raised_mma_unit="unit",
            raised_mma_id="evidence_id",
        )
    )


def _found_deficient(
    courses: pl.LazyFrame, samples: pl.LazyFrame, mma: pl.LazyFrame, pack: Pack
) -> pl.LazyFrame:
    """One row per person with a LOW B12 or an ELEVATED MMA sampled shortly before the course, or on its first day."""
    is_low = pl.col("concept").is_in(_B12) & (pl.col("result_class") == "LOW")
    low = samples.filter(is_low).select("person_key", "collected_on")
    raised = mma.filter(pl.col("result_class") == "ELEVATED").select("person_key", "collected_on")
    since = _days_since_start("collected_on")
    return (
        pl.concat([low, raised])
        .join(courses.select("person_key", "course_start_on"), on="person_key", how="inner")
        .filter(since.is_between(-pack.days("loading_diagnosis_days"), 0))
        .select("person_key", was_found_deficient=pl.lit(True))
        .unique()
    )


def _features(courses: pl.LazyFrame, seen: Seen, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person with an exact symptom code in the window since the start of replacement.

    not_better_on: the first so long after a known start. neuro_from: the first neurological one after the start
    or, where that is unknown, the first that is new. about_F7 and about_C03 name the features of each.
    """
    coded = (
        seen.symptom_rows.filter(pl.col("is_exact") & pl.col("days_ago").is_not_null())
        .join(courses.select("person_key", "course_start_on"), on="person_key", how="inner")
        .with_columns(feature_on=pl.lit(as_of) - pl.duration(days=pl.col("days_ago")))
        .with_columns(since=_days_since_start("feature_on"))
    )
    is_new = pl.col("days_ago") <= pack.days("new_feature_days")
    is_neuro = (pl.col("neuro_rule") != "") & (pl.col("since") > 0).fill_null(is_new)
    is_late = pl.col("since") >= pack.days("not_better_days")
    return coded.group_by("person_key").agg(
        not_better_on=pl.col("feature_on").filter(is_late).min(),
        about_F7=clues.told(pl.col("label").filter(is_late)),
        neuro_from=pl.col("feature_on").filter(is_neuro).min(),
        about_C03=clues.told(pl.col("label").filter(is_neuro)),
    )


def _breastfeeding(happened: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    age = age_days("feature_on", as_of)
    return (
        clues.of_clue(happened, "breastfeeding", pack)
        .filter(age.is_between(0, pack.days("breastfeeding_days")))
        .select("person_key", is_breastfeeding=pl.lit(True))
        .unique()
    )


def _open_b12_orders(inputs: Inputs, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person with an active, recent request for a B12 test: b12_ordered_on, the first of them."""
    is_recent = age_days("ordered_on", as_of) <= pack.days("order_open_days")
    return (
        inputs.orders.filter(pl.col("concept").is_in(_B12) & (pl.col("status") == "active") & is_recent)
        .group_by("person_key")
        .agg(b12_ordered_on=pl.col("ordered_on").min())
    )


def yes(condition: pl.Expr) -> pl.Expr:
    """The word for a condition; unknown is `no`."""
    return pl.when(condition.fill_null(False)).then(pl.lit("yes")).otherwise(pl.lit("no"))


def _facts(pack: Pack, as_of: date) -> dict[str, pl.Expr]:
    """The words of `MONITORING_FACTS`, and neuro_since_start."""
    is_dated = pl.col("course_start_on").is_not_null()
    is_reviewed = _days_since_start("last_b12_on") >= pack.days("review_done_days")
    is_recent_b12 = age_days("latest_b12_on", as_of) <= pack.days("b12_fresh_days")
    is_since_start = is_recent_b12 & (_days_since_start("latest_b12_on") > 0).fill_null(True)
    return {
        "early_review": yes(
            ((pl.col("neuro") != "none") | pl.col("was_severe").fill_null(False))
            # Once it was seen early, the review of everybody is what is left.
            & ~(_days_since_start("last_response_on") >= pack.days("review_early_done_days")).fill_null(False)
        ),
        "breastfeeding": yes(pl.col("is_breastfeeding")),
        "im_interval": pl.when(pl.col("replacement") != "ACTIVE_IM")
        .then(pl.lit("none"))
        .when("is_monthly")
        .then(pl.lit("monthly"))
        .when("has_ever_neuro")
        .then(pl.lit("neuro"))
        .otherwise(pl.lit("standard")),
        "oral_review": pl.when(~pl.col("replacement").is_in(ORAL))
        .then(pl.lit("none"))
        .when(is_dated & is_reviewed)
        .then(pl.lit("reviewed"))
        .when(is_dated)
        .then(pl.lit("first"))
        .when(pl.col("last_b12_on").is_not_null())
        .then(pl.lit("undated_reviewed"))
        .otherwise(pl.lit("undated")),
        "b12_since_start": pl.when(~is_since_start.fill_null(False))
        .then(pl.lit("none"))
        .when("latest_b12_is_low")
        .then(pl.lit("low"))
        .otherwise(pl.lit("not_low")),
        "neuro_since_start": yes(pl.col("neuro_from").is_not_null()),
    }


def _is_load_incomplete(pack: Pack, as_of: date) -> pl.Expr:
    """Whether too few injections began a first course without neurological features; null where it cannot be told."""
    is_asked = pl.col("replacement").is_in(INJECTED) & (pl.col("neuro") == "none")
    is_over = age_days("course_start_on", as_of) >= pack.days("loading_check_days")
    is_short = pl.col("load_injections") < pack.days("loading_doses")
    return (
        # Nothing says that a course begun again is loaded again.
        pl.when(~is_asked | pl.col("is_begun_again") | ~is_short)
        .then(pl.lit(False))
        .when(pl.col("course_start_on").is_null())
        .then(pl.lit(None, pl.Boolean))
        .when(~pl.col("is_begun_by_injection") | ~is_over)
        .then(pl.lit(False))
        # A prescription says that injections were meant, not on which days they were given; and without the result
        # that led to them the records may begin in the middle of a treatment.
        .when(pl.col("is_begun_by_administration") & pl.col("was_found_deficient").fill_null(False))
        .then(pl.lit(True))
    )


def _dates(pack: Pack, as_of: date) -> dict[str, pl.Expr]:
    """Per item the date it counts from, null where it does not arise; the pack's cases then say for whom."""
    start = pl.col("course_start_on")
    days = age_days("course_start_on", as_of)
    is_reviewed = (_days_since_start("last_response_on") >= pack.days("review_done_days")).fill_null(False)
    has_potassium = (_days_since_start("last_potassium_on") >= 0).fill_null(False)
    in_time = days <= pack.days("review_ends_days")
    every = pack.days("plateau_every_days")
    past = days - pack.days("plateau_from_days")
    is_alternate = (
        pl.col("has_injection")
        & (pl.col("latest_gap_days") < pack.days("loading_gap_days"))
        & (age_days("last_injection_on", as_of) <= pack.days("plateau_last_days"))
    )
    has_b12 = pl.col("oral_review").is_in(["reviewed", "undated_reviewed"])
    return {
        "from_F1": pl.when(in_time & ~is_reviewed).then(start),
        "from_F2": pl.col("abnormal_from"),
        "from_F3": pl.when(pl.col("was_severe") & in_time & ~has_potassium).then(start),
        "from_F4": pl.col("last_injection_on"),
        "from_F5": pl.when(is_alternate & (past >= 0)).then(
            start + pl.duration(days=pack.days("plateau_from_days") + past.floordiv(every) * every)
        ),
        "from_F6": pl.when(has_b12)
        .then("last_b12_on")
        .when(pl.col("oral_review") == "undated")
        .then(pl.lit(as_of))
        .otherwise(start),
        "from_F7": pl.col("not_better_on"),
        "from_F8": pl.col("b12_ordered_on"),
        "from_F10": _low_on_treatment(pack, as_of),
        "from_C03": pl.col("neuro_from"),
    }


def _low_on_treatment(pack: Pack, as_of: date) -> pl.Expr:
    """The day of a low B12 or raised MMA of the treatment itself, the earlier where both are."""

    def counts(day: str) -> pl.Expr:
        # A supply of unknown start has covered the sample for as long as can be asked.
        is_late = (_days_since_start(day) >= pack.days("low_on_treatment_days")).fill_null(True)
        return is_late & (age_days(day, as_of) <= pack.days("b12_fresh_days"))

    is_low = pl.col("latest_b12_is_low") & pl.col("latest_b12_is_confounded")
    return pl.min_horizontal(
        pl.when(is_low & counts("latest_b12_on")).then("latest_b12_on"),
        pl.when(counts("raised_mma_on")).then("raised_mma_on"),
    )


def items(treated: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person and follow-up item that is due: person_key and the columns of `ITEM_SCHEMA`.

    `place` is the item's place in the pack, which breaks ties; `reason` and `action` are its sentences.
    Needs the columns of `monitored`. Source: specification 10.
    """
    due = [
        _due(treated, item, place, pack, as_of)
        for place, item in enumerate(pack.follow_up, start=1)
        if item.cases
    ]
    nobody = treated.clear().select(
        "person_key", *[pl.lit(None, dtype).alias(name) for name, dtype in ITEM_SCHEMA.items()]
    )
    return pl.concat([nobody, *due])


def _due(treated: pl.LazyFrame, item: FollowUpItem, place: int, pack: Pack, as_of: date) -> pl.LazyFrame:
    def of_case(values: list[object], dtype: pl.DataType) -> pl.Expr:
        return pl.col("case_no").replace_strict(dict(enumerate(values)), default=None, return_dtype=dtype)

    case_no = pl.coalesce(
        [pl.when(holds(case.when)).then(pl.lit(no, pl.UInt8)) for no, case in enumerate(item.cases)]
    )
    priority = pl.coalesce([pl.when(holds(one.when)).then(pl.lit(one.priority)) for one in item.priorities])
    due_on = pl.col(f"from_{item.id}") + pl.duration(
        days=of_case([case.due_days for case in item.cases], pl.Int64())
    )
    is_overdue = age_days("due_on", as_of) >= of_case([case.overdue_days for case in item.cases], pl.Int64())
    about = pl.format(": {}", f"about_{item.id}") if item.id in _NAMING else pl.lit("")
    dated = pl.format(
        "{}{}, {} {}{} ({}).",
        pl.lit(item.label),
        about,
        pl.lit(item.dated),
        pl.col("due_on").cast(pl.String),
        pl.when("is_overdue").then(pl.lit(", overdue")).otherwise(pl.lit("")),
        pl.lit(item.id),
    )
    return (
        treated.filter(pl.col(f"from_{item.id}").is_not_null())
        .with_columns(case_no=case_no)
        .with_columns(due_on=due_on)
        .filter(pl.col("due_on") <= as_of)
        .with_columns(is_overdue=is_overdue.fill_null(False))
        .with_columns(overdue=yes(pl.col("is_overdue")))
        .select(
            "person_key",
            item_id=pl.lit(item.id),
            case_id=of_case([".".join(filter(None, (item.id, one.case))) for one in item.cases], pl.String()),
            priority=priority,
            due_on="due_on",
            place=pl.lit(place, pl.UInt8),
            is_overdue="is_overdue",
            reason=dated,
            action=of_case([one.text for one in item.cases], pl.String()),
            evidence=pl.lit("; ".join(item.fact.evidence)),
        )
    )


def in_order(steps: pl.LazyFrame) -> pl.LazyFrame:
    """The items of each person, the most urgent first: by priority, then due date, then place."""
    return steps.sort("person_key", "priority", "due_on", "place", nulls_last=True)


def gathered(due: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person with an item.

    follow_up_items (ids), follow_up_case_ids (with the case that held, as F1.oral), follow_up_due_on (their dates),
    item_priority and follow_up_steps (the items).
    """
    return (
        in_order(due)
        .group_by("person_key", maintain_order=True)
        .agg(
            follow_up_items="item_id",
            follow_up_case_ids="case_id",
            follow_up_due_on="due_on",
            item_priority=pl.col("priority").first(),
            follow_up_steps=pl.struct(list(ITEM_SCHEMA)),
        )
    )
