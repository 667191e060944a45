"""Decisions told as a clinician reads them: reasons, evidence, and the rows of the worklists."""

from __future__ import annotations

import re

import polars as pl

from rules.decision_table import PLACEHOLDERS
from rules.model import Pack
from schemas.published import WORKLIST_COLUMNS, WORKLIST_SCHEMA
from schemas.vocabulary import LISTS
from transforms.decide import due_on, outputs_of
from transforms.follow_up import in_order

_HASH_DIGITS = 12
_NO_IDS = pl.lit([], dtype=pl.List(pl.String))
_REPLACEMENT_IN_WORDS = {
    "LOADING": "first injections",
    "ACTIVE_IM": "injections",
    "ACTIVE_ORAL": "by mouth",
    "ACTIVE_SL": "under the tongue",
    "ACTIVE_NASAL": "by the nose",
    "LAPSED": "lapsed",
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def told(decisions: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per decision with `reason` and `evidence` as sentences and `evidence_ids` behind them.

    Also sets the b12_* columns of a row that rests on the total B12 of a pregnancy. Nothing that is unknown is
    worded as normal: what is absent is not mentioned.
    """
    return (
        _with_phrases(_with_pregnancy_b12(decisions), pack)
        .with_columns(reason=_reason(pack), evidence=_evidence(), evidence_ids=_evidence_ids())
        .drop([f"text_{name}" for name in PLACEHOLDERS], "text_unreadable_b12_on", "text_replacement")
    )


def _reason(pack: Pack) -> pl.Expr:
    """Each row's sentence, filled. Built piece by piece over all rows, not sentence by sentence."""
    pieces = {row.key: _PLACEHOLDER.split(row.reason) for row in pack.decisions}
    key = pl.col("decision_key")

    def literal(place: int) -> pl.Expr:
        words = {name: piece[place] if place < len(piece) else "" for name, piece in pieces.items()}
        return key.replace_strict(words, return_dtype=pl.String)

    def phrase(place: int) -> pl.Expr:
        named = {
            name: [row for row, piece in pieces.items() if place < len(piece) and piece[place] == name]
            for name in PLACEHOLDERS
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
    longest = max(len(piece) for piece in pieces.values())
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
        text_mma=pl.format(
            "MMA {} {} on {}", "mma_value", "mma_unit", pl.col("mma_collected_on").cast(pl.String)
        ),
        text_age=pl.col("age").cast(pl.String),
        text_neuro_features=pl.col("neuro_labels"),
        text_symptom_labels=pl.col("symptom_labels"),
        text_risk_labels=pl.col("risk_labels"),
        text_cause_label=pl.col("cause").replace(causes),
        text_egfr=pl.when(pl.col("mma_egfr").is_not_null())
        .then(pl.format("eGFR {}", pl.col("mma_egfr").round(0).cast(pl.Int64)))
        .otherwise(pl.lit("chronic kidney disease on record")),
        text_replacement=pl.col("replacement").replace(_REPLACEMENT_IN_WORDS),
        text_unreadable_b12_on=pl.col("unreadable_b12_on").cast(pl.String),
        text_index_on=pl.col("index_on").cast(pl.String),
        text_homocysteine=pl.format(
            "homocysteine {} {} on {}",
            "homocysteine_value",
            "homocysteine_unit",
            pl.col("homocysteine_collected_on").cast(pl.String),
        ),
        text_surgery=pl.col("surgery_label"),
        text_last_covered=pl.when(pl.col("last_covered_on").is_not_null())
        .then(pl.format("last day covered {}", pl.col("last_covered_on").cast(pl.String)))
        .otherwise(pl.lit("day of the last dose not known")),
        text_why_replaced=pl.when("is_irreversible_cause")
        .then(pl.lit("its cause lasts for life"))
        .otherwise(pl.lit("a deficiency was on record before, and no later result has cleared it")),
        text_repeat_mma=pl.when("mma_is_unreadable")
        .then(pl.lit(" The last MMA sample was not interpretable: repeat the sample."))
        .otherwise(pl.lit("")),
    )


def _evidence() -> pl.Expr:
    def sentence(condition: pl.Expr, template: str, *names: str) -> pl.Expr:
        text = pl.format(template, *[pl.col(name) for name in names]) if names else pl.lit(template)
        return pl.when(condition).then(text)

    has_b12 = pl.col("text_b12").str.len_bytes() > 0
    on_replacement = pl.col("replacement") != "NEVER"
    sentences = [
        sentence(has_b12, "B12: {}.", "text_b12"),
        sentence(pl.col("mma") != "NONE", "{} ({}).", "text_mma", "mma"),
        sentence((pl.col("mma") != "NONE") & pl.col("mma_egfr").is_not_null(), "{}.", "text_egfr"),
        sentence(
            pl.col("neuro") != "none",
            "Neurological features, certainty {}: {}.",
            "neuro",
            "text_neuro_features",
        ),
        sentence(pl.col("symptom") != "none", "Symptoms and signs: {}.", "text_symptom_labels"),
        sentence(pl.col("risk_factor") != "none", "Risk factors: {}.", "text_risk_labels"),
        sentence(pl.col("homocysteine_confirms") == "yes", "Raised: {}.", "text_homocysteine"),
        sentence(pl.col("nitrous_oxide") != "none", "Nitrous oxide: {}.", "nitrous_oxide"),
        sentence(pl.col("pregnant") == "yes", "Pregnant."),
        sentence(on_replacement, "B12 replacement on record: {}.", "text_replacement"),
        pl.col("treatment_text"),
        sentence(
            (pl.col("index_class") == "NONE") & pl.col("unreadable_b12_on").is_not_null(),
            "The B12 sample of {} could not be interpreted.",
            "text_unreadable_b12_on",
        ),
        sentence(pl.col("is_low_on_treatment"), "Low on treatment: check adherence, dose and route."),
        sentence(pl.col("is_day_mixed"), "Results of one day differ in class; the lower one counts."),
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
    actions = {name: output.action for name, output in outputs.items()}
    own_days = {name: output.due_days for name, output in outputs.items() if output.due_days is not None}
    own_date = pl.col("index_on") + pl.duration(
        days=key.replace_strict(own_days, default=None, return_dtype=pl.Int64)
    )
    references = {row.key: "; ".join(row.fact.evidence) for row in pack.decisions}
    priority = pl.col("row_priority" if worklist == "follow_up" else f"priority_{worklist}")
    return listed.with_columns(
        suggested_action=key.replace_strict(actions, default=None, return_dtype=pl.String),
        due_on=pl.coalesce(own_date, due_on(priority, pl.col("as_of"), pack)),
        guideline_refs=key.replace_strict(references, default=None, return_dtype=pl.String),
    )


def _by_row_and_items(listed: pl.LazyFrame, worklist: str, pack: Pack) -> pl.LazyFrame:
    """The follow-up rows: what the decision row says there and every item that is due, the most urgent first.

    The date is that of the most urgent. Somebody whom the row itself does not list keeps its reason at the end.
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
    only_items = pl.when(pl.col("row_priority").is_null()).then("reason")
    return (
        by_row.drop("suggested_action", "due_on", "guideline_refs")
        .join(merged, on="person_key", how="left")
        .with_columns(reason=pl.concat_str("steps_reason", only_items, separator=" ", ignore_nulls=True))
    )


def _by_cautions(listed: pl.LazyFrame, worklist: str, pack: Pack) -> pl.LazyFrame:
    """The safety rows: the cautions are the reason, their sentences (appended to every row) the action."""
    return listed.with_columns(
        reason=pl.format("Cautions: {}. {}", "caution_names", "reason"),
        suggested_action=pl.lit(None, pl.String),
        due_on=pl.min_horizontal(
            due_on(pl.col(f"priority_{worklist}"), pl.col("as_of"), pack),
            pl.col("follow_up_due_on").list.min(),
        ),
        guideline_refs=pl.col("caution_refs"),
    )


def stamp(rows: pl.LazyFrame, run_id: str) -> pl.LazyFrame:
    """The same worklist rows with the publication they belong to."""
    return rows.with_columns(run_id=pl.lit(run_id))
