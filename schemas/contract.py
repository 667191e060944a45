"""The one place that calls Pandera: a table is split into the rows that keep their contract and those that do not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandera.errors
import pandera.polars as pa
import polars as pl

from schemas.errors import ContractError

REASONS_TYPE = pl.List(pl.String)


@dataclass(frozen=True)
class Split:
    """Both halves of a checked table: every row is in exactly one.

    valid: rows that broke nothing. refused: the other rows with `reasons`, the ids of all checks they broke.
    counts: reason id -> rows that broke it.
    """

    valid: pl.DataFrame
    refused: pl.DataFrame
    counts: dict[str, int] = field(default_factory=dict)


def split(frame: pl.DataFrame, model: type[pa.DataFrameModel]) -> Split:
    """The rows of `frame` that keep the contract `model`, and the others with the reasons.

    A reason is the name of the check that failed: each check of the models is named after its reason id. Raises
    ContractError where the frame as a whole is not what the model describes (a column missing or of another
    type, a null where none may be, a check that fails to run): that is a defect, not a bad row. No message
    holds a value. A lazy frame is refused, because only its columns would be checked.
    """
    if not isinstance(frame, pl.DataFrame):
        raise ContractError(f"{model.__name__}: only a collected frame can be checked row by row.")
    broken: list[tuple[str, pl.Series]] = []
    problem = ""
    try:
        model.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        for found in error.schema_errors:
            problem, mask = _row_mask(found, frame.height)
            if problem:
                break
            broken.append((_reason(found), mask))
    except pandera.errors.SchemaError as error:
        problem = _what(error)
    except Exception as error:
        problem = type(error).__name__
    # Raised out here: inside the except block Pandera's error, which quotes rows, would travel along as context.
    if problem:
        raise ContractError(f"{model.__name__}: {problem}.", "The table is not what the next stage expects.")
    return _parted(frame, broken)


def _row_mask(found: pandera.errors.SchemaError, height: int) -> tuple[str, pl.Series]:
    output = found.check_output
    if (
        not isinstance(output, pl.DataFrame)
        or output.height != height
        or "check_output" not in output.columns
    ):
        return _what(found), pl.Series(dtype=pl.Boolean)
    if _is_structural(found):
        return _what(found), pl.Series(dtype=pl.Boolean)
    return "", output.get_column("check_output").fill_null(True)


def _is_structural(found: pandera.errors.SchemaError) -> bool:
    return getattr(found.reason_code, "name", "") != "DATAFRAME_CHECK"


def _reason(found: pandera.errors.SchemaError) -> str:
    return str(getattr(found.check, "name", None) or found.check)


def _what(found: pandera.errors.SchemaError) -> str:
    code = getattr(found.reason_code, "name", "check")
    column = getattr(found.schema, "name", None)
    check = getattr(found.check, "name", None)
    return " ".join(str(part) for part in (code, column, check) if part)


def _parted(frame: pl.DataFrame, broken: list[tuple[str, pl.Series]]) -> Split:
    if not broken:
        return Split(frame, frame.clear().with_columns(pl.lit(None, REASONS_TYPE).alias("reasons")))
    masks = pl.DataFrame({str(place): mask for place, (_, mask) in enumerate(broken)})
    is_valid = masks.select(pl.all_horizontal(pl.all())).to_series()
    reasons = (
        masks.filter(~is_valid)
        .select(
            pl.concat_list(
                pl.when(~pl.col(str(place))).then(pl.lit(reason)) for place, (reason, _) in enumerate(broken)
            )
            .list.drop_nulls()
            .list.unique()
            .list.sort()
            .alias("reasons")
        )
        .to_series()
    )
    counts = reasons.explode().value_counts(name="rows").sort("reasons")
    return Split(
        frame.filter(is_valid),
        frame.filter(~is_valid).with_columns(reasons),
        dict(zip(counts["reasons"].to_list(), counts["rows"].to_list(), strict=True)),
    )
