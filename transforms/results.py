"""B12 and MMA results: the class of each, the index result of a person, the MMA that answers it."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules.model import Pack
from transforms.clues import age_days, age_years, readable_egfr
from transforms.inputs import record_order
from transforms.intervals import band_of, wholly_above, wholly_at_least, wholly_at_most, wholly_below
from transforms.normalise import MMA, NOISE_DIGITS
from transforms.replacement import confounded

TOTAL, ACTIVE = "lab_b12_total", "lab_b12_active"
_B12_BANDS = ("b12_total_ng_l", "b12_total_pmol_l", "b12_active_pmol_l")


_SAMPLE = (
    "person_key",
    "row_no",
    "evidence_id",
    "concept",
    "collected_at",
    "collected_on",
    "value",
    "unit",
    "low",
    "high",
    "low_open",
    "high_open",
    "low_normal",
    "high_normal",
    "reference_limit",
)


def samples(observations: pl.LazyFrame, dosed: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per B12 or serum MMA result, with `is_confounded` and, for B12, its class.

    Adds `result_class` (null for MMA: its class needs more than the value) and `is_low_possible`.
    """
    wanted = observations.filter(pl.col("concept").is_in([TOTAL, ACTIVE, MMA])).select(_SAMPLE)
    return confounded(wanted, dosed, pack).with_columns(
        result_class=b12_class(pack), is_low_possible=low_possible(pack)
    )


def b12_class(pack: Pack) -> pl.Expr:
    """LOW, INDET, UNLIKELY, AMBIGUOUS or NOT_INTERPRETABLE; null for rows that are not B12.

    Compared in the unit reported, with that unit's own limits. Source: specification 6.1, 13.1, 13.3.
    """
    sets = [pack.bands(band_set) for band_set in _B12_BANDS]
    classed = pl.coalesce(
        [
            pl.when((pl.col("concept") == bands.analyte) & (pl.col("unit") == bands.unit)).then(
                band_of(bands)
            )
            for bands in sets
        ]
    )
    return (
        pl.when(~pl.col("concept").is_in([TOTAL, ACTIVE]))
        .then(None)
        .when(pl.col("low").is_null())
        .then(pl.lit("NOT_INTERPRETABLE"))
        .otherwise(classed.fill_null("AMBIGUOUS"))
    )


def low_possible(pack: Pack) -> pl.Expr:
    """True if any part of the interval lies below the LOW limit of its test and unit."""
    limits = {
        (bands.analyte, bands.unit): next(band.lt for band in bands.bands if band.name == "LOW")
        for bands in (pack.bands(band_set) for band_set in _B12_BANDS)
    }
    limit = pl.coalesce(
        [
            pl.when((pl.col("concept") == analyte) & (pl.col("unit") == unit)).then(pl.lit(value))
            for (analyte, unit), value in limits.items()
        ]
    )
    return pl.col("low") < limit


def one_a_day(results: pl.LazyFrame, worst_first: list[pl.Expr]) -> pl.LazyFrame:
    """One row per person, concept and calendar day: the worst by `worst_first`, ties by record id.

    Adds `is_day_mixed`: the day's results were of different classes. Source: specification 13.6.
    """
    return (
        results.sort(
            *("person_key", "concept", "collected_on"),
            *worst_first,
            # A row without a record id has the same order as every other: its hash decides, never its place.
            *(record_order(), "value", "evidence_id"),
            nulls_last=True,
        )
        .group_by("person_key", "concept", "collected_on")
        .agg(
            pl.exclude("result_class").first(),
            pl.col("result_class").first(),
            is_day_mixed=pl.col("result_class").n_unique() > 1,
        )
    )


def usable_b12(classified: pl.LazyFrame, pack: Pack, as_of: date) -> pl.LazyFrame:
    """One row per person, B12 test and day that may be judged by, pregnancy aside.

    Needs the columns of `samples`. A LOW is usable for longer, and on replacement too: it stays
    a LOW. Source: specification 6.1, 6.2, 13.5, 13.6.
    """
    in_window = (
        (pl.col("result_class") == "LOW") & (pl.col("days_ago") <= pack.days("b12_low_lookback_days"))
    ) | (pl.col("days_ago") <= pack.days("b12_fresh_days"))
    return readable_b12(classified.with_columns(days_ago=age_days("collected_on", as_of)).filter(in_window))


def readable_b12(classified: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person, B12 test and day with a class: off replacement, or a LOW on it. Of any age."""
    is_low = pl.col("result_class") == "LOW"
    readable = pl.col("result_class").is_in(["LOW", "INDET", "UNLIKELY", "AMBIGUOUS"])
    fit = classified.filter(readable & (is_low | ~pl.col("is_confounded")))
    # Of two intervals that share an end, `>=350` begins before `>350`, and `<150` ends before `<=150`.
    ends = [pl.col("low_normal"), pl.col("low_open"), pl.col("high_normal"), ~pl.col("high_open")]
    return one_a_day(fit, [pl.col("result_class") != "LOW", *ends])


def high_twice(classified: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person whose latest total B12 off replacement is high, as is one long enough before it.

    Compared in ng/L, results in pmol/L converted. Source: specification 1 (high_b12), 7 R41.
    """
    limit = pack.number("high_b12_ng_l")
    is_high = (pl.col("low_normal") > limit) | ((pl.col("low_normal") == limit) & pl.col("low_open"))
    latest_on = pl.col("collected_on").max().over("person_key")
    return (
        readable_b12(classified.filter((pl.col("concept") == TOTAL) & ~pl.col("is_confounded")))
        .with_columns(days_before=(latest_on - pl.col("collected_on")).dt.total_days())
        .filter(is_high)
        .group_by("person_key")
        .agg(
            is_latest=(pl.col("days_before") == 0).any(),
            is_again=(pl.col("days_before") >= pack.days("high_b12_gap_days")).any(),
        )
        .filter("is_latest", "is_again")
        .select("person_key", high_b12_twice=pl.lit("yes"))
    )


def last_sample_unreadable(
    classified: pl.LazyFrame, concepts: tuple[str, ...], pack: Pack, as_of: date
) -> pl.LazyFrame:
    """One row per person whose latest sample of the tests was not interpretable: person_key, evidence_id,
    collected_on.

    At most the pack's days old; a readable result of the same test on that day stands for it. A sample taken on
    replacement asks for no repeat of MMA. Source: specification 8 tier F.
    """
    days = (
        classified.filter(pl.col("concept").is_in(concepts))
        .group_by("person_key", "concept", "collected_on")
        .agg(
            is_unreadable=pl.col("low").is_null().all(),
            is_confounded=pl.col("is_confounded").any(),
            evidence_id=pl.col("evidence_id").min(),
        )
    )
    counts = ~pl.col("is_confounded") | (pl.col("concept") != MMA)
    return (
        days.filter(pl.col("collected_on") == pl.col("collected_on").max().over("person_key"))
        .filter(
            pl.col("is_unreadable"),
            counts,
            age_days("collected_on", as_of) <= pack.days("repeat_sample_days"),
        )
        .group_by("person_key")
        .agg(pl.col("evidence_id").min(), pl.col("collected_on").max())
    )


_CARRIED = (
    "concept",
    "collected_on",
    "result_class",
    "value",
    "unit",
    "evidence_id",
    "is_confounded",
    "is_low_possible",
    "is_day_mixed",
)


def latest_pair(usable: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with a usable B12: the latest result of each test, if near enough to be read together.

    Columns `total_*` and `active_*` of the carried ones (all null where that test takes no part) and `index_on`,
    the later sample date. Source: specification 6.2, 13.4.
    """
    latest = (
        usable.sort("person_key", "collected_on")
        .group_by("person_key", "concept", maintain_order=True)
        .last()
    )
    total = latest.filter(pl.col("concept") == TOTAL).select(
        "person_key", pl.col(_CARRIED).name.prefix("total_")
    )
    active = latest.filter(pl.col("concept") == ACTIVE).select(
        "person_key", pl.col(_CARRIED).name.prefix("active_")
    )
    both = total.join(active, on="person_key", how="full", coalesce=True).with_columns(
        index_on=pl.max_horizontal("total_collected_on", "active_collected_on")
    )

    def kept(test: str) -> list[pl.Expr]:
        age = (pl.col("index_on") - pl.col(f"{test}_collected_on")).dt.total_days()
        return [
            pl.when(age <= pack.days("pair_days")).then(f"{test}_{name}").alias(f"{test}_{name}")
            for name in _CARRIED
        ]

    return both.with_columns(*kept("total"), *kept("active"))


_LOWEST_FIRST = ("LOW", "AMBIGUOUS", "INDET", "UNLIKELY")
_TOTAL_CLASS, _ACTIVE_CLASS = pl.col("total_result_class"), pl.col("active_result_class")
_IS_ACTIVE_ALONE = _ACTIVE_CLASS.is_not_null() & pl.col("is_active_preferred")
"""The active B12 is read as if there were no total."""


def index_result(pairs: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person: `index_class` and the result that decides it.

    Needs the columns of `latest_pair`, `has_symptom` and `is_active_preferred` (combined contraceptive at the
    sample). Adds index_class, low_possible (yes or no), b12_test, b12_value, b12_unit, b12_collected_on,
    is_low_on_treatment, b12_evidence_ids, is_day_mixed. Source: specification 13.4.
    """
    by_active = _is_active_decisive()

    def deciding(name: str) -> pl.Expr:
        return pl.when(by_active).then(f"active_{name}").otherwise(f"total_{name}")

    may_be_low = (pl.col("index_class") == "AMBIGUOUS") & _may_either_be_low()
    return pairs.with_columns(index_class=_class_of_pair()).with_columns(
        low_possible=pl.when(may_be_low).then(pl.lit("yes")).otherwise(pl.lit("no")),
        b12_test=pl.when(by_active).then(pl.lit("active")).otherwise(pl.lit("total")),
        b12_value=deciding("value"),
        b12_unit=deciding("unit"),
        b12_collected_on=deciding("collected_on"),
        is_low_on_treatment=deciding("is_confounded").fill_null(False),
        is_day_mixed=pl.any_horizontal(pl.col("total_is_day_mixed", "active_is_day_mixed").fill_null(False)),
        b12_evidence_ids=pl.concat_list("total_evidence_id", "active_evidence_id").list.drop_nulls(),
    )


def _class_of_pair() -> pl.Expr:
    """The class of one test alone or of two that agree; of two that differ the one the order of the rule gives."""
    either = pl.concat_list(_TOTAL_CLASS, _ACTIVE_CLASS).list.drop_nulls()

    def has(name: str) -> pl.Expr:
        return either.list.contains(name)

    return (
        pl.when(_TOTAL_CLASS.is_null() | _ACTIVE_CLASS.is_null() | (_TOTAL_CLASS == _ACTIVE_CLASS))
        .then(pl.coalesce(_TOTAL_CLASS, _ACTIVE_CLASS))
        .when("is_active_preferred")
        .then(_ACTIVE_CLASS)
        .when(has("LOW") & has("UNLIKELY"))
        .then(pl.lit("DISCORDANT"))
        .when(has("LOW"))
        .then(pl.lit("LOW"))
        .when(has("AMBIGUOUS"))
        .then(pl.lit("AMBIGUOUS"))
        .when("has_symptom")
        .then(pl.lit("INDET"))
        .otherwise(pl.lit("UNLIKELY"))
    )


def _is_active_decisive() -> pl.Expr:
    """True where the active B12 is the result shown: alone, preferred, the lower class, or the later of equals."""
    ranks = {name: rank for rank, name in enumerate(_LOWEST_FIRST)}
    total_rank, active_rank = (
        one.replace_strict(ranks, return_dtype=pl.Int8) for one in (_TOTAL_CLASS, _ACTIVE_CLASS)
    )
    is_later = pl.col("active_collected_on") > pl.col("total_collected_on")
    return (
        _TOTAL_CLASS.is_null()
        | _IS_ACTIVE_ALONE
        | (active_rank < total_rank)
        | ((active_rank == total_rank) & is_later)
    ).fill_null(False)


def _may_either_be_low() -> pl.Expr:
    def may_be_low(test: str) -> pl.Expr:
        is_ambiguous = (pl.col(f"{test}_result_class") == "AMBIGUOUS").fill_null(False)
        return is_ambiguous & pl.col(f"{test}_is_low_possible").fill_null(False)

    return may_be_low("active") | (may_be_low("total") & ~_IS_ACTIVE_ALONE)


def egfr_results(observations: pl.LazyFrame, people: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per eGFR, reported or computed from creatinine: person_key, egfr_on, egfr, is_reported, is_renal.

    `is_renal` is true wholly below the caveat and false wholly at or above it; rows that are neither are left
    out. `egfr` is the lower end of a censored one. Computed by CKD-EPI 2009 without ethnicity term for female and
    male. Source: specification 2 and 6.3.
    """
    limit = pack.number("egfr_caveat")
    renal = pl.when(wholly_below(limit)).then(True).when(wholly_at_least(limit)).then(False)
    reported = readable_egfr(observations, pack)
    # eGFR falls as creatinine rises, so the interval of one turns round into that of the other.
    computed = (
        observations.filter((pl.col("concept") == "lab_creatinine") & pl.col("low").is_not_null())
        .join(people.select("person_key", "birth_date", "sex"), on="person_key", how="inner")
        .filter(pl.col("sex").is_in(["female", "male"]))
        .with_columns(
            low=ckd_epi_2009(pl.col("high"), pack),
            high=ckd_epi_2009(pl.col("low"), pack),
            low_open="high_open",
            high_open="low_open",
        )
    )
    told = [
        rows.select(
            *("person_key", "evidence_id", "collected_at", "received_at"),
            egfr_on="collected_on",
            egfr="low",
            is_reported=pl.lit(is_reported),
            is_renal=renal,
        )
        for rows, is_reported in ((reported, True), (computed, False))
    ]
    return pl.concat(told).filter(pl.col("is_renal").is_not_null())


def ckd_epi_2009(creatinine: pl.Expr, pack: Pack) -> pl.Expr:
    """eGFR in mL/min/1.73 m2 from creatinine in umol/L; needs sex, birth_date and collected_on."""
    is_female = pl.col("sex") == "female"

    def by_sex(name: str) -> pl.Expr:
        return pl.when(is_female).then(pack.number(f"{name}_female")).otherwise(pack.number(f"{name}_male"))

    age = age_years("birth_date", pl.col("collected_on"))
    ratio = creatinine / pack.number("creatinine_umol_per_mg_dl") / by_sex("ckd_epi_kappa")
    # The last bits of a power depend on where a row falls in a vector; they are far below any clinical digit.
    return (
        pack.number("ckd_epi_scale")
        * pl.min_horizontal(ratio, pl.lit(1.0)).pow(by_sex("ckd_epi_alpha"))
        * pl.max_horizontal(ratio, pl.lit(1.0)).pow(pack.number("ckd_epi_max_exponent"))
        * pl.lit(pack.number("ckd_epi_age_base")).pow(age)
        * pl.when(is_female).then(pack.number("ckd_epi_female_factor")).otherwise(1.0)
    ).round(NOISE_DIGITS)


def nearest_egfr(mma: pl.LazyFrame, egfr: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per MMA row that has an eGFR near it: row_no, egfr, egfr_on, is_renal, egfr_evidence_id.

    Reported before computed, then nearest, then the later, then the record id; of rows that nothing tells apart the
    lowest. Source: specification 6.3.
    """
    distance = (pl.col("egfr_on") - pl.col("collected_on")).dt.total_days().abs()
    return (
        mma.select("person_key", "row_no", "collected_on")
        .join(
            egfr.select(
                "person_key",
                "egfr",
                "egfr_on",
                "is_reported",
                "is_renal",
                egfr_evidence_id="evidence_id",
                egfr_order=record_order(),
                egfr_at="collected_at",
                egfr_received_at="received_at",
            ),
            on="person_key",
            how="inner",
        )
        .with_columns(distance=distance)
        .filter(pl.col("distance") <= pack.days("egfr_nearest_days"))
        .sort(
            "row_no",
            pl.col("is_reported").not_(),
            "distance",
            pl.col("egfr_at"),
            pl.col("egfr_received_at"),
            pl.col("egfr_order"),
            "egfr",
            pl.col("egfr_evidence_id"),
            descending=[False, False, False, True, True, True, False, True],
            nulls_last=True,
        )
        .group_by("row_no", maintain_order=True)
        .first()
        .select("row_no", "egfr", "egfr_on", "is_renal", "egfr_evidence_id")
    )


def mma_class(pack: Pack) -> pl.Expr:
    """NORMAL, EQUIVOCAL, EQUIVOCAL_RENAL, ELEVATED, AMBIGUOUS or NOT_INTERPRETABLE of one serum MMA.

    Needs low, high (nmol/L), reference_limit, age_at_sample, is_renal, has_inherited_disorder. The laboratory's
    own limit where it gives one (policy `lab_range`), else three zones by age; with poor kidney function only a
    clearly high value counts. Source: specification 6.3.
    """
    by_laboratory = pack.word("mma_policy") == "lab_range"
    limit = pl.col("reference_limit") if by_laboratory else pl.lit(None, pl.Float64)
    younger, older = pack.bands("mma_16_64"), pack.bands("mma_65_plus")
    zones = (
        pl.when(pl.col("age_at_sample") >= pack.days("mma_older_age"))
        .then(band_of(older))
        .otherwise(band_of(younger))
    )
    normal_max = next(band.le for band in younger.bands if band.name == "NORMAL")
    in_use = limit.fill_null(normal_max)
    renal_min = pack.number("mma_renal_min")
    with_renal = (
        pl.when(wholly_at_most(in_use))
        .then(pl.lit("NORMAL"))
        .when(wholly_above(renal_min) & wholly_above(in_use))
        .then(pl.lit("ELEVATED"))
        .when(wholly_above(in_use) & wholly_at_most(renal_min))
        .then(pl.lit("EQUIVOCAL_RENAL"))
    )
    with_limit = (
        pl.when(wholly_at_most(limit))
        .then(pl.lit("NORMAL"))
        .when(wholly_above(limit))
        .then(pl.lit("ELEVATED"))
    )
    return (
        pl.when(pl.col("low").is_null() | pl.col("has_inherited_disorder"))
        .then(pl.lit("NOT_INTERPRETABLE"))
        .when("is_renal")
        .then(with_renal.fill_null("AMBIGUOUS"))
        .when(limit.is_not_null())
        .then(with_limit.fill_null("AMBIGUOUS"))
        .otherwise(zones.fill_null("AMBIGUOUS"))
    )


_MMA = (
    "person_key",
    "row_no",
    "collected_on",
    "result_class",
    "value",
    "unit",
    "evidence_id",
    "egfr",
    "egfr_on",
    "egfr_evidence_id",
    "is_renal",
)


def classified_mma(
    classified: pl.LazyFrame,
    observations: pl.LazyFrame,
    people: pl.LazyFrame,
    happened: pl.LazyFrame,
    dosed: pl.LazyFrame,
    pack: Pack,
    as_of: date,
) -> pl.LazyFrame:
    """One row per person and day with an interpretable serum MMA sampled off replacement.

    Columns person_key, row_no, collected_on, result_class, value, unit, evidence_id, egfr, egfr_on,
    egfr_evidence_id, `is_renal` (kidney function below the caveat; unknown is false) and `is_in_force`: ELEVATED, at
    most the pack's days old, no B12 dose since. Source: specification 6.3, 13.7.
    """
    classed = _with_class(classified.filter(pl.col("concept") == MMA), observations, people, happened, pack)
    readable = classed.filter(pl.col("low").is_not_null() & ~pl.col("is_confounded"))
    # The worst of a day stands for it even when it is ambiguous: a lower one beside it must not clear.
    worst = one_a_day(readable, [-pl.col("low_normal"), ~pl.col("low_open"), -pl.col("high_normal")])
    in_force = (
        (pl.col("result_class") == "ELEVATED")
        & (age_days("collected_on", as_of) <= pack.days("mma_in_force_days"))
        & ~_has_dose_since().fill_null(False)
    )
    return (
        worst.filter(pl.col("result_class").is_in(["NORMAL", "EQUIVOCAL", "EQUIVOCAL_RENAL", "ELEVATED"]))
        .join(_last_dose(dosed), on="person_key", how="left")
        .select(*_MMA, is_in_force=in_force)
    )


def _with_class(
    mma: pl.LazyFrame,
    observations: pl.LazyFrame,
    people: pl.LazyFrame,
    happened: pl.LazyFrame,
    pack: Pack,
) -> pl.LazyFrame:
    """The MMA rows with what `mma_class` asks for and its answer; kidneys nothing is known of are not poor."""
    egfr = nearest_egfr(mma, egfr_results(observations, people, pack), pack)
    joined = mma.join(egfr, on="row_no", how="left").join(
        people.select("person_key", "birth_date"), on="person_key", how="left"
    )
    for name, clue in (("has_inherited_disorder", "inherited_mma"), ("has_ckd_code", "ckd_3_5")):
        coded = happened.filter(pl.col("is_exact") & pl.col("concept").is_in(pack.concepts_of(clue)))
        marked = coded.select("person_key", pl.lit(True).alias(name)).unique()
        joined = joined.join(marked, on="person_key", how="left").with_columns(pl.col(name).fill_null(False))
    return joined.with_columns(
        age_at_sample=age_years("birth_date", pl.col("collected_on")),
        is_renal=pl.col("is_renal").fill_null(pl.col("has_ckd_code")),
    ).with_columns(result_class=mma_class(pack))


def _last_dose(dosed: pl.LazyFrame) -> pl.LazyFrame:
    return dosed.group_by("person_key").agg(
        latest_start_on=pl.col("start_on").max(), has_open=pl.col("is_open").any()
    )


def _has_dose_since() -> pl.Expr:
    return (pl.col("latest_start_on") >= pl.col("collected_on")) | pl.col("has_open")


def answers_sample(mma_on: pl.Expr, b12_on: pl.Expr, pack: Pack) -> pl.Expr:
    """True where an MMA was sampled in the window around a B12 sample; null where either day is unknown."""
    offset = (mma_on - b12_on).dt.total_days()
    return offset.is_between(-pack.days("mma_window_before_days"), pack.days("mma_window_after_days"))


def mma_for_index(index: pl.LazyFrame, mma: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per person with an MMA that answers: `mma` and the result shown for it.

    The person's latest MMA if it is ELEVATED and in force, whatever the index (person_key, index_on), else the
    latest in the window around the index sample.
    Source: specification 1 (mma_window), 6.3, 13.7.
    """
    shown = {
        "mma": "result_class",
        "mma_value": "value",
        "mma_unit": "unit",
        "mma_collected_on": "collected_on",
        "mma_evidence_id": "evidence_id",
        "mma_egfr": "egfr",
        "mma_egfr_evidence_id": "egfr_evidence_id",
        "mma_egfr_low": "is_renal",
    }
    latest_on = pl.col("collected_on").max().over("person_key")
    in_window = answers_sample(pl.col("collected_on"), pl.col("index_on"), pack)
    stands = pl.col("is_in_force") & (pl.col("collected_on") == latest_on)
    return (
        mma.join(index.select("person_key", "index_on"), on="person_key", how="left")
        .with_columns(stands=stands, in_window=in_window.fill_null(False))
        .filter(pl.col("stands") | pl.col("in_window"))
        .sort("person_key", "stands", "collected_on")
        .group_by("person_key", maintain_order=True)
        .last()
        .select("person_key", **shown)
    )
