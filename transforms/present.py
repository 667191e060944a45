"""Decisions told as a clinician reads them: reasons, evidence, and the rows of the worklists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from rules.decision_table import ACTION_PLACEHOLDERS, PLACEHOLDERS
from rules.model import Output, Pack
from schemas.published import WORKLIST_COLUMNS, WORKLIST_SCHEMA
from schemas.vocabulary import LISTS
from transforms.decide import due_on, holds, outputs_of
from transforms.follow_up import in_order

_HASH_DIGITS = 12
_NO_IDS = pl.lit([], dtype=pl.List(pl.String))
_REPLACEMENT_IN_WORDS = {
    "LOADING": "by injection (first doses)",
    "ACTIVE_IM": "by injection",
    "ACTIVE_ORAL": "by mouth",
    "ACTIVE_SL": "under the tongue",
    "ACTIVE_NASAL": "by the nose",
    "LAPSED": "lapsed",
}
_MMA_IN_WORDS = {
    "NORMAL": "normal",
    "EQUIVOCAL": "grey zone",
    "EQUIVOCAL_RENAL": "raised, but kidney function is reduced",
    "ELEVATED": "raised",
}
_NITROUS_OXIDE_IN_WORDS = {
    "recent": "Nitrous oxide misuse within the past year.",
    "class_level": "A code of the past year that may mean nitrous oxide.",
}
_OWN_LISTS = ("priority_mma_testing", "priority_b12_replacement", "priority_first_b12_test", "row_priority")
"""Where the decision row itself puts a person."""
_IN_EVIDENCE = ("unreadable_b12_on", "replacement", "mma_class", "has_findings")
"""Phrases of the evidence that no reason uses."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def told(decisions: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per decision with `reason` and `evidence` as sentences and `evidence_ids` behind them.

    Also sets the b12_* columns of a row that rests on the total B12 of a pregnancy. Nothing that is unknown is
    worded as normal: what is absent is not mentioned.
    """
    return (
        _with_phrases(_with_pregnancy_b12(decisions), pack)
        .with_columns(reason=_reason(pack), evidence=_evidence(), evidence_ids=_evidence_ids())
        .drop([f"text_{name}" for name in (*PLACEHOLDERS, *_IN_EVIDENCE)])
    )


def _reason(pack: Pack) -> pl.Expr:
    return _filled({row.key: row.reason for row in pack.decisions}, tuple(PLACEHOLDERS))


def _filled(texts: Mapping[str, str], placeholders: Sequence[str]) -> pl.Expr:
    """The text of each decision row, filled. Built piece by piece over all rows, not text by text."""
    pieces = {row: _PLACEHOLDER.split(text) for row, text in texts.items()}
    key = pl.col("decision_key")

    def literal(place: int) -> pl.Expr:
        words = {name: piece[place] if place < len(piece) else "" for name, piece in pieces.items()}
        return key.replace_strict(words, default="", return_dtype=pl.String)

    def phrase(place: int) -> pl.Expr:
        named = {
            name: [row for row, piece in pieces.items() if place < len(piece) and piece[place] == name]
            for name in placeholders
        }
        return pl.coalesce(
            [
                *(
                    pl.when(key.is_in(rows)).then(pl.col(f"text_{name}"))
                    for name, rows in named.items()
                    if rows
                ),
                pl.lit(""),
            ]
        )

    # A split sentence alternates: words, placeholder, words, placeholder, words.
    longest = max((len(piece) for piece in pieces.values()), default=0)
    return pl.concat_str([phrase(place) if place % 2 else literal(place) for place in range(longest)])


def _with_pregnancy_b12(decisions: pl.LazyFrame) -> pl.LazyFrame:
    rests_on_it = pl.col("clinical_status") == "PREG_USE_ACTIVE"
    shown = {
        "b12_test": pl.lit("total"),
        "b12_value": pl.col("pregnancy_b12_value"),
        "b12_unit": pl.col("pregnancy_b12_unit"),
        "b12_collected_on": pl.col("pregnancy_b12_on"),
        "total_b12_value": pl.col("pregnancy_b12_value"),
        "total_b12_unit": pl.col("pregnancy_b12_unit"),
        "total_b12_on": pl.col("pregnancy_b12_on"),
        "b12_evidence_ids": pl.concat_list("pregnancy_b12_evidence_id"),
    }
    return decisions.with_columns(
        **{name: pl.when(rests_on_it).then(value).otherwise(pl.col(name)) for name, value in shown.items()}
    )


def _with_phrases(decisions: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    causes = {cause.id: cause.label for cause in pack.causes}

    def result(test: str) -> pl.Expr:
        text = pl.format(
            "{} B12 {} {} on {}",
            pl.lit(test),
            pl.col(f"{test}_b12_value"),
            pl.col(f"{test}_b12_unit"),
            pl.col(f"{test}_b12_on").cast(pl.String),
        )
        return pl.when(pl.col(f"{test}_b12_value").is_not_null()).then(text)

    return decisions.with_columns(
        text_b12=pl.concat_str([result("total"), result("active")], separator=" and ", ignore_nulls=True),
        text_mma_class=pl.col("mma").replace(_MMA_IN_WORDS),
        text_mma=pl.format(
            "{} {} on {}", "mma_value", "mma_unit", pl.col("mma_collected_on").cast(pl.String)
        ),
        text_age=pl.col("age").cast(pl.String),
        text_neuro_features=pl.col("neuro_labels"),
        text_symptom_labels=pl.col("symptom_labels"),
        text_risk_labels=pl.col("risk_labels"),
        text_cause_label=pl.col("cause").replace(causes),
        text_egfr=pl.when(pl.col("mma_egfr").is_not_null())
        .then(pl.format("eGFR {}", pl.col("mma_egfr").round(0).cast(pl.Int64)))
        .otherwise(pl.lit("chronic kidney disease on record")),
        text_replacement=_replacement(),
        text_unreadable_b12_on=pl.col("unreadable_b12_on").cast(pl.String),
        text_index_on=pl.col("index_on").cast(pl.String),
        text_homocysteine=pl.format(
            "{} {} on {}",
            "homocysteine_value",
            "homocysteine_unit",
            pl.col("homocysteine_collected_on").cast(pl.String),
        ),
        text_surgery=pl.col("surgery_label"),
        text_last_covered=pl.when(pl.col("last_covered_on").is_not_null())
        .then(pl.format("last day covered {}", pl.col("last_covered_on").cast(pl.String)))
        .otherwise(pl.lit("day of the last dose not known")),
        text_why_replaced=pl.when("is_irreversible_cause")
        .then(_lasting_cause(pack))
        .otherwise(pl.lit("a deficiency was on record before, and no later result has cleared it")),
        text_repeat_mma=pl.when("mma_is_unreadable")
        .then(pl.lit(" The last MMA sample could not be interpreted: repeat the sample."))
        .otherwise(pl.lit("")),
        text_has_findings=(pl.col("neuro") != "none") | (pl.col("symptom") != "none"),
        text_findings=_findings(pack).fill_null(" No symptom is on record."),
        text_risks=_sentence_of("Risk factors", "risk_labels").fill_null(" No risk factor is on record."),
        **_urgency(pack),
    )


def _lasting_cause(pack: Pack) -> pl.Expr:
    lasting = {cause.id: f" ({cause.label})" for cause in pack.causes if cause.irreversible}
    named = pl.col("cause").replace_strict(lasting, default="", return_dtype=pl.String)
    return pl.format("its cause lasts for life{}", named)


def _replacement() -> pl.Expr:
    """Replacement and its dates, without a full stop; of one that has ended, the last day it covered."""
    since = pl.format(" since {}", pl.col("course_start_on").cast(pl.String)).fill_null("")
    lapsed = pl.format(", last day covered {}", pl.col("last_covered_on").cast(pl.String)).fill_null("")
    current = pl.format(
        "On B12 replacement {}{}", pl.col("replacement").replace(_REPLACEMENT_IN_WORDS), since
    )
    earlier = pl.format("Earlier B12 replacement{}", lapsed)
    return pl.when(pl.col("replacement") == "LAPSED").then(earlier).otherwise(current)


def _sentence_of(title: str, labels: str) -> pl.Expr:
    """A sentence with a space before it; null where there are no labels."""
    return pl.when(pl.col(labels).str.len_bytes() > 0).then(pl.format(f" {title}: {{}}.", labels))


def _findings(pack: Pack) -> pl.Expr:
    """Neurological features and how sure they are, then the other symptoms and signs; null where there is none."""
    labels = {clue.id: clue.label for clue in pack.clues}
    others = (
        # Of the few it concerns only: lists are dear.
        pl.when(pl.col("neuro_features").list.len() > 0)
        .then("symptoms")
        .list.set_difference("neuro_features")
        .list.eval(pl.element().replace(labels).sort())
        .list.join(", ")
    )
    neuro = (
        pl.when(pl.col("neuro") == "high")
        .then(pl.format(" Neurological features: {}.", "neuro_labels"))
        .when(pl.col("neuro") == "low")
        .then(pl.format(" Possible neurological features, for the clinician to confirm: {}.", "neuro_labels"))
    )
    besides = pl.when(others != "").then(pl.format(" Other symptoms and signs: {}.", others))
    return (
        pl.when(pl.col("neuro") != "none")
        .then(pl.concat_str([neuro, besides], ignore_nulls=True))
        .otherwise(_sentence_of("Symptoms and signs", "symptom_labels"))
    )


def _urgency(pack: Pack) -> dict[str, pl.Expr]:
    """What else makes a row urgent, each a sentence with a space before it, empty where it does not hold."""

    def below(what: str, limit: str, flag: str) -> pl.Expr:
        parameter = pack.parameters[limit]
        words = f" {what} below {pack.number(limit):g} {parameter.unit}."
        return pl.when(flag).then(pl.lit(words)).otherwise(pl.lit(""))

    return {
        "text_pregnancy": pl.when(pl.col("pregnant") == "yes")
        .then(pl.lit(" Pregnant."))
        .otherwise(pl.lit("")),
        "text_severe_counts": below("Haemoglobin", "hb_severe", "has_severe_anaemia")
        + below("Platelets", "plt_severe", "has_very_low_platelets"),
        "text_low_haemoglobin": below("Haemoglobin", "hb_review_pregnancy", "has_haemoglobin_below_100"),
    }


def _with_action_phrases(listed: pl.LazyFrame) -> pl.LazyFrame:
    """Adds what the actions of the rows ask for of each person: the words of `ACTION_PLACEHOLDERS`."""
    only_total = (pl.col("b12_test") == "total") & pl.col("active_b12_value").is_null()
    return listed.with_columns(
        text_b12_to_request=pl.when(pl.col("pregnant") == "yes")
        .then(pl.lit("active B12"))
        .otherwise(pl.lit("B12")),
        text_active_besides=pl.when(only_total)
        .then(pl.lit(" Request active B12, as total B12 was used."))
        .otherwise(pl.lit("")),
    )


def _evidence() -> pl.Expr:
    def sentence(condition: pl.Expr, template: str, *names: str) -> pl.Expr:
        text = pl.format(template, *[pl.col(name) for name in names]) if names else pl.lit(template)
        return pl.when(condition).then(text)

    has_b12 = pl.col("text_b12").str.len_bytes() > 0
    latest_b12 = pl.col("latest_b12_text")
    is_told_already = pl.col("text_b12").str.contains(latest_b12, literal=True).fill_null(False)
    sentences = [
        pl.when(has_b12).then(
            pl.format(
                "{}{}.",
                pl.col("text_b12").str.head(1).str.to_uppercase(),
                pl.col("text_b12").str.slice(1),
            )
        ),
        sentence(~is_told_already & latest_b12.is_not_null(), "Latest B12: {}.", "latest_b12_text"),
        sentence(pl.col("mma") != "NONE", "MMA {} ({}).", "text_mma", "text_mma_class"),
        sentence((pl.col("mma") != "NONE") & pl.col("mma_egfr").is_not_null(), "{}.", "text_egfr"),
        pl.when(pl.col("text_has_findings")).then(pl.col("text_findings").str.strip_prefix(" ")),
        sentence(pl.col("risk_factor") != "none", "Risk factors: {}.", "text_risk_labels"),
        sentence(pl.col("homocysteine_confirms") == "yes", "Raised homocysteine: {}.", "text_homocysteine"),
        pl.col("nitrous_oxide").replace_strict(_NITROUS_OXIDE_IN_WORDS, default=None, return_dtype=pl.String),
        sentence(pl.col("pregnant") == "yes", "Pregnant."),
        sentence(pl.col("replacement") != "NEVER", "{}.", "text_replacement"),
        pl.when(pl.col("treatment_text") != "").then("treatment_text"),
        sentence(
            (pl.col("index_class") == "NONE") & pl.col("unreadable_b12_on").is_not_null(),
            "The B12 sample of {} could not be interpreted.",
            "text_unreadable_b12_on",
        ),
        # Where the follow-up item on a low result is due, its action says so.
        sentence(
            pl.col("is_low_on_treatment") & ~pl.col("follow_up_items").list.contains("F10"),
            "Low on treatment: check adherence, dose and route.",
        ),
        sentence(pl.col("is_day_mixed"), "Results of one day disagree; the lower one counts."),
    ]
    return pl.concat_str(sentences, separator=" ", ignore_nulls=True)


def _evidence_ids() -> pl.Expr:
    return pl.concat_list(
        pl.col("b12_evidence_ids").fill_null(_NO_IDS),
        pl.concat_list(
            "mma_evidence_id",
            "mma_egfr_evidence_id",
            "homocysteine_evidence_id",
            pl.when(pl.col("mma") == "NONE").then("unreadable_mma_id"),
            pl.when(pl.col("index_class") == "NONE").then("unreadable_b12_id"),
        ).list.drop_nulls(),
        "symptom_evidence_ids",
        "risk_evidence_ids",
        pl.col("treatment_ids").fill_null(_NO_IDS),
    )


def worklists(decisions: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person and worklist, in the published columns; `run_id` is stamped at publication.

    Needs the columns of `told`. Not sorted. Regimens only on replacement rows.
    The cautions of a person stand on every row.
    """
    rows = [_rows_of(decisions, name, pack) for name in LISTS]
    return pl.concat(rows).select([pl.col(column.name).cast(column.dtype) for column in WORKLIST_COLUMNS])


def _rows_of(decisions: pl.LazyFrame, worklist: str, pack: Pack) -> pl.LazyFrame:
    listed = decisions.filter(pl.col(f"priority_{worklist}").is_not_null())
    said = {"follow_up": _by_row_and_items, "safety_review": _by_cautions}.get(worklist, _by_row)
    regimens = {name: regimen.text for name, regimen in pack.regimens.items()}
    is_replacement = worklist == "b12_replacement"
    regimen = pl.col("regimen_id") if is_replacement else pl.lit(None, pl.String)
    priority = pl.col(f"priority_{worklist}")
    has_mma = pl.col("mma") != "NONE"
    return (
        said(listed, worklist, pack)
        .with_columns(
            item_id=pl.col("person_hash").str.head(_HASH_DIGITS)
            + f"-{worklist}-"
            + pl.col("b12_collected_on").dt.to_string("%Y%m%d").fill_null("none"),
            list=pl.lit(worklist),
            priority=priority,
            mma_value=pl.when(has_mma).then("mma_value"),
            mma_unit=pl.when(has_mma).then("mma_unit"),
            mma_collected_on=pl.when(has_mma).then("mma_collected_on"),
            symptoms=pl.col("symptoms").list.join("; "),
            risk_factors=pl.col("risk_factors").list.join("; "),
            suggested_action=pl.concat_str(
                "suggested_action", "caution_text", separator=" ", ignore_nulls=True
            ),
            regimen_id=regimen,
            regimen=regimen.replace_strict(regimens, default=None, return_dtype=pl.String),
            cautions=pl.when(pl.col("cautions").list.len() > 0).then(pl.col("cautions").list.join("; ")),
            state=pl.lit("new"),
            first_listed_on=pl.col("as_of"),
            change=pl.lit("new"),
            pack_id=pl.lit(pack.id),
            pack_version=pl.lit(pack.version),
            run_id=pl.lit(None, pl.String),
            evidence_ids=pl.col("evidence_ids").list.unique(maintain_order=True).list.join("; "),
        )
        .select(list(WORKLIST_SCHEMA))
    )


def _by_row(listed: pl.LazyFrame, worklist: str, pack: Pack) -> pl.LazyFrame:
    """The rows with suggested_action, due_on and guideline_refs as the decision row says them; reason as it is."""
    outputs = outputs_of(pack, worklist)
    key = pl.col("decision_key")
    own_days = {name: output.due_days for name, output in outputs.items() if output.due_days is not None}
    own_date = pl.col("index_on") + pl.duration(
        days=key.replace_strict(own_days, default=None, return_dtype=pl.Int64)
    )
    references = {row.key: "; ".join(row.fact.evidence) for row in pack.decisions}
    priority = pl.col("row_priority" if worklist == "follow_up" else f"priority_{worklist}")
    return _with_action_phrases(listed).with_columns(
        suggested_action=_action(outputs),
        due_on=pl.coalesce(own_date, due_on(priority, pl.col("as_of"), pack)),
        guideline_refs=key.replace_strict(references, default=None, return_dtype=pl.String),
    )


def _action(outputs: Mapping[str, Output]) -> pl.Expr:
    """The suggested action of each row's output, or that of the alternative that holds, filled; null off the list."""
    own = [
        pl.when((pl.col("decision_key") == key) & _is_held(output, place)).then(
            _filled({key: one.action}, ACTION_PLACEHOLDERS)
        )
        for key, output in outputs.items()
        for place, one in enumerate(output.priorities)
        if one.action
    ]
    common = pl.when(pl.col("decision_key").is_in(list(outputs))).then(
        _filled({key: output.action for key, output in outputs.items()}, ACTION_PLACEHOLDERS)
    )
    return pl.coalesce([*own, common])


def _is_held(output: Output, place: int) -> pl.Expr:
    """True where this alternative of the priority is the first that holds."""
    earlier = [holds(one.when) for one in output.priorities[:place]]
    return holds(output.priorities[place].when) & ~pl.any_horizontal([pl.lit(False), *earlier])


def _by_row_and_items(listed: pl.LazyFrame, worklist: str, pack: Pack) -> pl.LazyFrame:
    """The follow-up rows: what the decision row says there and every item that is due, the most urgent first.

    The date is that of the most urgent. For somebody whom the row itself does not list, its reason says nothing here.
    """
    by_row = _by_row(listed, worklist, pack)
    own = by_row.filter(pl.col("row_priority").is_not_null()).select(
        "person_key",
        item_id="rule_id",
        priority="row_priority",
        due_on="due_on",
        # Before every item: at one priority and date the decision row is told first.
        place=pl.lit(0, pl.UInt8),
        is_overdue=pl.lit(False),
        reason="reason",
        action="suggested_action",
        evidence="guideline_refs",
    )
    items = (
        listed.select("person_key", "follow_up_steps")
        .explode("follow_up_steps")
        .filter(pl.col("follow_up_steps").is_not_null())
        .unnest("follow_up_steps")
    )
    merged = (
        in_order(pl.concat([own, items], how="diagonal"))
        .group_by("person_key", maintain_order=True)
        .agg(
            steps_reason=pl.col("reason").str.join(" "),
            suggested_action=pl.col("action").str.join(" "),
            due_on=pl.col("due_on").first(),
            guideline_refs=pl.col("evidence")
            .str.split("; ")
            .explode()
            .unique(maintain_order=True)
            .str.join("; "),
        )
    )
    return (
        by_row.drop("suggested_action", "due_on", "guideline_refs")
        .join(merged, on="person_key", how="left")
        .with_columns(reason="steps_reason")
    )


def _by_cautions(listed: pl.LazyFrame, worklist: str, pack: Pack) -> pl.LazyFrame:
    """The safety rows: what the cautions found is the reason, what they advise the action.

    Where the decision row itself lists the person, its reason follows: it says what else is going on.
    """
    is_listed_by_row = pl.any_horizontal([pl.col(name).is_not_null() for name in _OWN_LISTS])
    by_row = pl.when(is_listed_by_row).then("reason")
    return listed.with_columns(
        reason=pl.concat_str("caution_findings", by_row, separator=" ", ignore_nulls=True),
        suggested_action=pl.lit(None, pl.String),
        caution_text="caution_advice",
        due_on=pl.min_horizontal(
            due_on(pl.col(f"priority_{worklist}"), pl.col("as_of"), pack),
            pl.col("follow_up_due_on").list.min(),
        ),
        guideline_refs=pl.col("caution_refs"),
    )


def stamp(rows: pl.LazyFrame, run_id: str) -> pl.LazyFrame:
    """The same worklist rows with the publication they belong to."""
    return rows.with_columns(run_id=pl.lit(run_id))
