"""Reported values and units read as intervals: nothing is guessed, whatever cannot be read says why."""

from __future__ import annotations

import polars as pl

from rules.model import Pack
from transforms.intervals import wholly_above, wholly_below

_COMPARATOR = r"^(<=|>=|<|>|≤|≥)"
_NUMBER = r"^(?:<=|>=|<|>|≤|≥)?\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)$"
_TEXT = r"^\p{L}"
_NOT_A_NUMBER = r"(?i)^[+-]?(nan|inf|infinity)$"
# Multiplying by a decimal factor leaves binary noise; this is far below any clinical digit.
NOISE_DIGITS = 6

MMA = "lab_mma_serum"


def reported_number(text: pl.Expr) -> pl.Expr:
    """The number in a reported value, comparator dropped; null where it is not exactly one finite number."""
    number = text.str.extract(_NUMBER, 1).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def plain_number(number: pl.Expr) -> pl.Expr:
    """A number as text; a whole one without its `.0`."""
    return number.cast(pl.String).str.strip_suffix(".0")


def unit_spelling(unit: pl.Expr) -> pl.Expr:
    """A unit as it is compared: no spaces, lower case, both micro signs as `u`."""
    return unit.str.replace_all(r"\s", "").str.to_lowercase().str.replace_all("[µμ]", "u")


def normalise(labs: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per laboratory row, its value as an interval in one unit per analyte.

    Needs concept, value, unit, collected_at, reference_high, decimal_comma. Adds `collected_on`, `value_kind`
    (number, censored, text or malformed), `low`, `high`, `low_open`, `high_open` (B12 in the unit reported, all
    else in the pack's normal unit; `high` is infinite for `>`), `low_normal`, `high_normal` (normal unit for every
    analyte), `reference_limit` (the laboratory's upper limit in the normal unit, null where it gives none) and
    `problem` (a quarantine reason id, null when the row may be used). `unit` becomes the standard spelling.
    Text results keep null bounds: they say that a sample was not interpretable.
    Source: specification sections 2 and 13.2, 13.3; factors from the pack's unit table.
    """
    return (
        _numbered(labs)
        .join(_units_read(labs, pack), on=["concept", "unit"], how="left", nulls_equal=True)
        .with_columns(value_kind=_value_kind())
        .with_columns(problem=_problem(pack))
        .with_columns(**_interval())
        .with_columns(
            low_normal=_normal(pl.col("low")),
            high_normal=_normal(pl.col("high")),
            reference_limit=pl.when(pl.col("limit_number") > 0).then(_normal(pl.col("limit_number"))),
        )
        .with_columns(
            low=_classified_bound("low"),
            high=_classified_bound("high"),
            unit=pl.coalesce("standard_unit", "unit"),
        )
        .with_columns(problem=pl.coalesce("problem", _implausible_mma(pack)))
        .drop("number", "comparator", "limit_number", "standard_unit", "factor")
    )


def _numbered(labs: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with `number`, `comparator`, `limit_number` and `collected_on`.

    Most values are plain decimals and are read at once; only the others are taken apart.
    """
    limit = _decimal("reference_high")
    read = labs.with_columns(
        collected_on=pl.col("collected_at").dt.date(),
        number=_decimal("value").cast(pl.Float64, strict=False),
        comparator=pl.lit(None, pl.String),
        limit_number=pl.when(~limit.str.contains(_COMPARATOR)).then(reported_number(limit)),
    )
    is_plain = pl.col("number").is_finite().fill_null(False)
    taken_apart = read.filter(~is_plain).with_columns(
        number=reported_number(_decimal("value")),
        comparator=pl.col("value").str.extract(_COMPARATOR, 1).replace({"≤": "<=", "≥": ">="}),
    )
    return pl.concat([read.filter(is_plain), taken_apart])


def _decimal(column: str) -> pl.Expr:
    """A reported number with a decimal point: a comma is one only where the source says so."""
    return pl.when("decimal_comma").then(pl.col(column).str.replace(",", ".", literal=True)).otherwise(column)


def _units_read(labs: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """One row per concept and unit as reported that the pack can read: `standard_unit`, `factor`.

    There are few spellings among many rows, so each is read once.
    """
    spellings = pack.units.lazy().select(
        pl.col("analyte").alias("concept"),
        pl.col("spelling").alias("unit_key"),
        pl.col("unit").alias("standard_unit"),
        pl.col("factor").cast(pl.Float64),
    )
    return (
        labs.select("concept", "unit")
        .unique()
        .with_columns(unit_key=unit_spelling(pl.col("unit")))
        .join(spellings, on=["concept", "unit_key"], how="inner")
        .drop("unit_key")
    )


def lower_reference_limit(labs: pl.LazyFrame, pack: Pack) -> pl.LazyFrame:
    """The same normalised rows with `reference_floor`: the laboratory's lower limit in the normal unit.

    Null where it gives none, or one that is not a number above zero. Needs concept, unit, reference_low,
    decimal_comma.
    """
    factors = (
        pack.units.lazy()
        .select("unit", concept="analyte", floor_factor=pl.col("factor").cast(pl.Float64))
        .unique(["concept", "unit"])
    )
    limit = _decimal("reference_low")
    number = pl.when(~limit.str.contains(_COMPARATOR)).then(reported_number(limit))
    return (
        labs.join(factors, on=["concept", "unit"], how="left")
        .with_columns(floor=number)
        .with_columns(
            reference_floor=pl.when(pl.col("floor") > 0).then(
                (pl.col("floor") * pl.col("floor_factor").fill_null(1.0)).round(NOISE_DIGITS)
            )
        )
        .drop("floor", "floor_factor")
    )


def _value_kind() -> pl.Expr:
    value = pl.col("value")
    return (
        pl.when(value.is_null())
        .then(pl.lit("missing"))
        .when(pl.col("number").is_not_null() & pl.col("comparator").is_not_null())
        .then(pl.lit("censored"))
        .when(pl.col("number").is_not_null())
        .then(pl.lit("number"))
        .when(value.str.contains(_TEXT) & ~value.str.contains(_NOT_A_NUMBER))
        .then(pl.lit("text"))
        .otherwise(pl.lit("malformed"))
    )


def _problem(pack: Pack) -> pl.Expr:
    kind = pl.col("value_kind")
    measured = pl.col("concept").is_in(pack.units["analyte"].unique().to_list())
    return (
        pl.when(kind == "missing")
        .then(pl.lit("value_missing"))
        .when(kind == "malformed")
        .then(pl.lit("value_malformed"))
        .when(kind == "text")
        .then(None)
        .when(pl.col("number") <= 0)
        .then(pl.lit("value_not_positive"))
        .when(measured & pl.col("unit").is_null())
        .then(pl.lit("unit_missing"))
        .when(measured & pl.col("factor").is_null())
        .then(pl.lit("unit_unknown"))
    )


def _interval() -> dict[str, pl.Expr]:
    """A value is the interval of what it may truly be: `<150` is everything above 0 and below 150."""
    comparator, number = pl.col("comparator"), pl.col("number")
    usable = pl.col("problem").is_null() & number.is_not_null()
    low = pl.when(comparator.is_in(["<", "<="])).then(0.0).otherwise(number)
    high = pl.when(comparator.is_in([">", ">="])).then(float("inf")).otherwise(number)
    return {
        "low": pl.when(usable).then(low),
        "high": pl.when(usable).then(high),
        "low_open": comparator.is_in(["<", "<=", ">"]).fill_null(False),
        "high_open": comparator.is_in(["<", ">", ">="]).fill_null(False),
    }


def _normal(bound: pl.Expr) -> pl.Expr:
    return (bound * pl.col("factor").fill_null(1.0)).round(NOISE_DIGITS)


def _classified_bound(name: str) -> pl.Expr:
    """B12 is compared in the unit reported: the published limits of the two units are not exact conversions."""
    is_b12 = pl.col("concept").str.starts_with("lab_b12_")
    return pl.when(is_b12).then(name).otherwise(f"{name}_normal")


def _implausible_mma(pack: Pack) -> pl.Expr:
    outside = wholly_below(pack.number("mma_plausible_min")) | wholly_above(pack.number("mma_plausible_max"))
    return pl.when((pl.col("concept") == MMA) & outside).then(pl.lit("value_implausible"))
