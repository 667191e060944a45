"""The crosswalk: which identifiers of which sources mean one person."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import polars as pl

from schemas.errors import InputRefused
from sources.headers import closest

COLUMNS: Final = ("source", "patient_id", "person_id")


def read_crosswalk(path: Path, sources: Collection[str]) -> pl.DataFrame:
    """One row per distinct link: source (or a name of shared identifiers), patient_id, person_id; all text.

    path: CSV (UTF-8, comma) or Parquet with these three columns, in any order, with others beside them. Two links
    of one identifier to different persons both stay: whom it means is not ours to choose. `sources`: the names a
    link may have; links of others are left to the systems they are for. Raises InputRefused where the file cannot
    be read, a column is missing, a cell is empty, or no link names one of `sources`.
    """
    where = f"crosswalk {path.name}"
    links = _read(path, where).select(pl.col(COLUMNS).str.strip_chars())
    empty = links.filter(pl.any_horizontal((pl.col(COLUMNS) == "") | pl.col(COLUMNS).is_null())).height
    if empty:
        raise InputRefused(
            f"{where}: {empty} of {links.height} links have an empty cell.",
            f"Each link needs {', '.join(COLUMNS)}. Nobody is linked until the file is whole.",
        )
    if not links.height:
        raise InputRefused(
            f"{where}: it has no links.",
            "Deliver it again, or leave [identity] crosswalk out if nobody is linked.",
        )
    if not links["source"].is_in(list(sources)).any():
        found = links["source"].unique().sort().head(1).item()
        near = closest(found, sources)
        raise InputRefused(
            f"{where}: not one of its {links.height} links names a source that is configured.",
            f"Configured: {', '.join(sorted(sources))}." + (f" Did you mean {near}?" if near else ""),
        )
    return links.unique().sort(COLUMNS)


def _read(path: Path, where: str) -> pl.DataFrame:
    problem = ""
    try:
        found = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema=False)
        names = found.collect_schema().names()
        missing = [column for column in COLUMNS if column not in names]
        if not missing:
            return found.select(pl.col(COLUMNS).cast(pl.String)).collect()
    except FileNotFoundError:
        problem = "there is no such file"
    # What the parser says quotes the file.
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = f"cannot be read ({type(error).__name__})"
    if problem:
        raise InputRefused(f"{where}: {problem}.", "See [identity] crosswalk in the configuration.")
    near = closest(missing[0], names)
    raise InputRefused(
        f"{where}: column {missing[0]} is not in its header.",
        f"Expected {', '.join(COLUMNS)}." + (f" Did you mean {near} -> {missing[0]}?" if near else ""),
    )
