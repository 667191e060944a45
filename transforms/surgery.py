"""Surgery after which B12 is no longer, or may no longer be, absorbed."""

from __future__ import annotations

import polars as pl

from rules.model import Pack
from transforms.clues import of_clue
from transforms.normalise import plain_number


def resections(happened: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a total gastrectomy or an ileal resection that decides: resection, surgery_label.

    `im_for_life`: total gastrectomy, or ileum over the limit. `length_unknown`: ileum, and no record says how
    much. A known shorter resection is absent. `surgery_label` names it in words. Source: specification 7 R05, R06.
    """
    gastrectomy = of_clue(happened, "total_gastrectomy", pack).select("person_key").unique()
    ileum = of_clue(happened, "ileal_resection_any", pack)
    lengths = ileum.group_by("person_key").agg(longest_cm=pl.col("length_cm").max())
    is_long = (pl.col("longest_cm") > pack.number("resection_cm")).fill_null(False)
    has_gastrectomy = pl.col("has_gastrectomy").fill_null(False)
    has_ileum, has_no_length = pl.col("has_ileum").fill_null(False), pl.col("longest_cm").is_null()
    return (
        gastrectomy.with_columns(has_gastrectomy=pl.lit(True))
        .join(lengths.with_columns(has_ileum=pl.lit(True)), on="person_key", how="full", coalesce=True)
        .select(
            "person_key",
            resection=pl.when(has_gastrectomy | is_long)
            .then(pl.lit("im_for_life"))
            .when(has_ileum & has_no_length)
            .then(pl.lit("length_unknown")),
            surgery_label=pl.when(has_gastrectomy)
            .then(pl.lit("total gastrectomy"))
            .when(is_long)
            .then(pl.format("ileal resection of {} cm", plain_number(pl.col("longest_cm"))))
            .otherwise(pl.lit("ileal resection or right hemicolectomy of unknown length")),
        )
        .filter(pl.col("resection").is_not_null())
    )


def high_risk_causes(happened: pl.LazyFrame, causes: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a lasting cause or gastric, ileal or bariatric surgery: high_risk_cause.

    Needs the columns of `clues.causes`. Source: specification 7 R23.
    """
    found = [causes.filter("is_irreversible_cause"), of_clue(happened, "high_risk_surgery", pack)]
    return (
        pl.concat([rows.select("person_key") for rows in found])
        .unique()
        .with_columns(high_risk_cause=pl.lit("yes"))
    )
