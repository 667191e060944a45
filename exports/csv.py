"""Worklists as CSV, one folder per clinic: safe to open in a spreadsheet, the same bytes every time.

Files are UTF-8 with a byte order mark. Without the mark the spreadsheets in common use read UTF-8 as the
local 8-bit encoding and garble names; programs read such a file as `utf-8-sig`. Lines end in a line feed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl
import polars.selectors as cs

from exports.publish import DIRECTORY_MODE, output_errors
from schemas.errors import ContractError
from schemas.published import WORKLIST_ORDER, WORKLIST_SCHEMA
from schemas.vocabulary import LISTS, UNASSIGNED_CLINIC

# Spreadsheets look past leading blanks and invisible characters, and some read the full-width and small
# forms of the four signs like the ASCII ones.
_RUNS_AS_FORMULA: Final = (
    r"^(?:[\t\r\n]|[\s\x00-\x20\x{200b}-\x{200f}\x{2060}\x{feff}]*[=+\-@＝＋－＠﹦﹢﹣﹫])"
)
# One sign, ASCII digits, separators, an exponent: a spreadsheet can only read this as a number or as text.
_PLAIN_NUMBER: Final = r"^[+-]?[0-9.,]*[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?$"
_GUARD: Final = "'"
# The item breaks ties, so that equal rows always stand in the same order.
_ORDER: Final = (*WORKLIST_ORDER, "item_id")
_SPLIT_BY: Final = "folder of clinic"

_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_RESERVED_NAME: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
# A plain name of this form could be the altered name of another clinic.
_LOOKS_ALTERED: Final = re.compile(r".*-[0-9a-f]{16}")
_LONGEST_NAME: Final = 64
_DIGEST_LENGTH: Final = 16


def guard_formulas(columns: pl.Expr) -> pl.Expr:
    """Text cells that a spreadsheet would run as a formula, made harmless by one leading apostrophe.

    `columns` selects text columns, for example `polars.selectors.string()`; numbers and dates are to be
    left out of it. Guarded are cells that begin, after blanks or invisible characters, with `=`, `+`, `-`,
    `@` or one of their full-width forms, and cells that begin with a tab or a line break. A cell that
    already begins with an apostrophe gets one more, so that `unguard` restores every text exactly.
    A plain number such as `-5` or `+1.5e3` stays as it is: it cannot run. Null stays null.
    """
    is_formula = columns.str.contains(_RUNS_AS_FORMULA) & ~columns.str.contains(_PLAIN_NUMBER)
    needs_guard = is_formula | columns.str.starts_with(_GUARD)
    return pl.when(needs_guard).then(_GUARD + columns).otherwise(columns).name.keep()


def unguard(columns: pl.Expr) -> pl.Expr:
    """The text as it was before `guard_formulas`: one leading apostrophe, where there is one, taken off."""
    return columns.str.strip_prefix(_GUARD)


def clinic_folders(clinic_ids: list[str]) -> dict[str, str]:
    """Clinic id -> the name of its folder: readable, safe on every file system, never shared by two ids.

    An id that is a plain name (ASCII letters, digits, `.`, `_`, `-`) is its own folder. Any other one, one
    that is too long or that a file system reserves, and ids that differ only in case, get a readable rest
    of the id and a hash of the whole id. The result does not depend on the order of the ids.
    """
    ids = sorted(set(clinic_ids))
    spellings = Counter(clinic_id.lower() for clinic_id in ids)
    folders = {
        clinic_id: clinic_id
        if _is_plain(clinic_id) and (spellings[clinic_id.lower()] == 1 or clinic_id == UNASSIGNED_CLINIC)
        else _altered(clinic_id)
        for clinic_id in ids
    }
    if len({folder.lower() for folder in folders.values()}) != len(ids):
        raise ContractError(
            "Two clinic ids would share one folder.", "Rename one of the clinics at the source."
        )
    return folders


def _is_plain(clinic_id: str) -> bool:
    return (
        len(clinic_id) <= _LONGEST_NAME
        and _SAFE_NAME.fullmatch(clinic_id) is not None
        and _RESERVED_NAME.fullmatch(clinic_id) is None
        and _LOOKS_ALTERED.fullmatch(clinic_id.lower()) is None
    )


def _altered(clinic_id: str) -> str:
    letters = unicodedata.normalize("NFKD", clinic_id).encode("ascii", "ignore").decode("ascii")
    rest = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_")[:32].strip("_") or "clinic"
    digest = hashlib.sha256(clinic_id.encode("utf-8", "surrogatepass")).hexdigest()
    # The prefix keeps reserved device names away from the start of the name.
    return f"c-{rest}-{digest[:_DIGEST_LENGTH]}"


def in_published_order(worklist: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """The rows of one list, as published: exactly the published columns, in the published order.

    Raises ContractError where a column is missing, is too many, or has another type.
    """
    frame = worklist.lazy().collect()
    found = frame.schema
    wrong = sorted(
        name for name in {*found, *WORKLIST_SCHEMA} if found.get(name) != WORKLIST_SCHEMA.get(name)
    )
    if wrong:
        raise ContractError(f"A worklist differs from the published columns in: {', '.join(wrong)}.")
    return frame.select(list(WORKLIST_SCHEMA)).sort(*_ORDER, nulls_last=True)


def write_lists(
    worklists: Mapping[str, pl.LazyFrame | pl.DataFrame], clinics: Mapping[str, str], root: Path
) -> None:
    """Write `clinics/<folder>/<list>.csv` under `root` for every clinic and every list.

    `clinics` gives each clinic's folder, from `clinic_folders`. A clinic without rows on a list gets the
    header alone. Text is guarded by `guard_formulas`.
    Raises ContractError where a list is missing or unknown, or rows belong to a clinic that has no folder.
    """
    if set(worklists) != set(LISTS):
        raise ContractError(f"Worklists to write are {sorted(worklists)}, expected {sorted(LISTS)}.")
    for folder in clinics.values():
        with output_errors("create the folders of the clinics", root):
            (root / "clinics" / folder).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    for name in LISTS:
        _write_list(name, in_published_order(worklists[name]), clinics, root)


def _write_list(name: str, worklist: pl.DataFrame, clinics: Mapping[str, str], root: Path) -> None:
    # Split by the id itself: the guarded one differs where an id begins with a sign.
    guarded = worklist.with_columns(guard_formulas(cs.string()), pl.col("clinic_id").alias(_SPLIT_BY))
    of_clinic = {
        clinic_id: rows
        for (clinic_id,), rows in guarded.partition_by(
            _SPLIT_BY, as_dict=True, maintain_order=True, include_key=False
        ).items()
    }
    homeless = sum(rows.height for clinic_id, rows in of_clinic.items() if clinic_id not in clinics)
    if homeless:
        raise ContractError(f"{homeless} rows of list {name} belong to a clinic that has no folder.")
    for clinic_id, folder in clinics.items():
        _write_csv(of_clinic.get(clinic_id, worklist.clear()), root / "clinics" / folder / f"{name}.csv")


def write_table(rows: pl.DataFrame, path: Path) -> None:
    """Write one table as guarded CSV with a byte order mark; null is an empty cell."""
    _write_csv(rows.with_columns(guard_formulas(cs.string())), path)


def _write_csv(guarded: pl.DataFrame, path: Path) -> None:
    with output_errors("write", path):
        guarded.write_csv(path, include_bom=True)
