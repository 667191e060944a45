"""The population, decided on in passes of bounded size: memory follows a setting, not the cohort.

A pass is a range of person buckets. Each leaves four Parquet files: decisions, records considered, worklist rows,
counts of results.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

from exports.csv import in_published_order
from rules.model import Pack
from schemas.contract import split
from schemas.derived import DECISION_COLUMNS, Decision, Observation, Record
from schemas.errors import ContractError
from schemas.vocabulary import LISTS
from transforms.inputs import Inputs
from transforms.normalise import normalise
from transforms.present import stamp, told, worklists
from transforms.screen import screen
from transforms.summarise import b12_band_sets, b12_histogram
from transforms.unseen import not_seen, with_unseen

BUCKETS: Final = 256
ROWS_PER_GROUP: Final = 50_000
"""Parquet row groups are cut by count, so that the bytes of a file do not depend on the passes."""


@dataclass(frozen=True)
class Paths:
    """Where a night keeps what is in force and what was decided."""

    work: Path

    def in_force(self, table: str) -> Path:
        return self.work / "in_force" / f"{table}.parquet"

    def part(self, kind: str, first: int) -> Path:
        return self.work / kind / f"{first:03d}.parquet"

    def parts(self, kind: str) -> pl.LazyFrame:
        """All passes' files of a kind, in bucket order."""
        return pl.scan_parquet(sorted((self.work / kind).glob("*.parquet")))


def ranges(people: int, people_per_pass: int) -> Iterator[tuple[int, int]]:
    """Bucket ranges, first and last included, of about `people_per_pass` people each; always at least one."""
    passes = min(BUCKETS, max(1, -(-people // people_per_pass)))
    edges = [BUCKETS * number // passes for number in range(passes + 1)]
    yield from ((first, after - 1) for first, after in pairwise(edges))


def inputs_in_force(paths: Paths) -> Inputs:
    """What is in force, laboratory rows not yet read as values."""
    scanned = {
        name: pl.scan_parquet(paths.in_force(table))
        for name, table in {
            "patients": "patients",
            "observations": "labs",
            "medications": "medications",
            "conditions": "conditions",
            "procedures": "procedures",
            "orders": "orders",
            "codes": "codes",
        }.items()
    }
    return Inputs(**scanned)


def decide_range(paths: Paths, pack: Pack, as_of: date, first: int, last: int) -> pl.DataFrame:
    """Decides for the people of the buckets; gives the laboratory rows that the value boundary refused.

    Writes one row per person (`decisions`), one per record considered (`records`), one per person and list
    (`worklists`), and the histogram of total B12 (`histograms`). Raises ContractError where a decision or a record is
    not what is promised.
    """
    inputs = inputs_in_force(paths).of_buckets(first, last)
    read = split(normalise(inputs.observations, pack).collect(), Observation)
    observations = read.valid.drop("problem").lazy()
    seen = Inputs(**{**vars(inputs), "observations": observations})
    decided = _screened(seen, pack, as_of, paths.part("records", first))
    refused = pl.scan_parquet(paths.in_force("unseen")).filter(
        pl.col("person_bucket").is_between(first, last)
    )
    unseen = _held(not_seen(refused, read.refused.lazy(), seen, pack, as_of))
    decided = with_unseen(decided.lazy(), unseen, pack).collect().rechunk()
    _check(decided, Decision)
    _write(decided.select(column.name for column in DECISION_COLUMNS), paths.part("decisions", first))
    _write(worklists(decided.lazy(), pack).collect(), paths.part("worklists", first))
    histograms = [
        b12_histogram(observations, bands).with_columns(unit=pl.lit(bands.unit))
        for bands in b12_band_sets(pack)
    ]
    _write(pl.concat(histograms).collect(), paths.part("histograms", first))
    return read.refused.select("row_no", "concept", "reasons")


def _screened(seen: Inputs, pack: Pack, as_of: date, records_file: Path) -> pl.DataFrame:
    """The decisions, told. Writes the records, which go before the decisions are worked out, to spare memory."""
    screened = screen(seen, pack, as_of, _held)
    records = screened.records.collect()
    _check(records, Record)
    _write(records, records_file)
    del records
    # In one piece: over a frame of several chunks Polars 2.1 can panic when it joins texts after a filter.
    return told(screened.decisions, pack).collect().rechunk()


def _held(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Worked out once: the streaming engine would work a shared frame out again for each of its readers."""
    return frame.collect().rechunk().lazy()


def _check(rows: pl.DataFrame, contract: type[Decision | Record]) -> None:
    broken = split(rows, contract).counts
    if broken:
        raise ContractError(f"What was decided breaks the contract {contract.__name__}: {broken}.")


def _write(frame: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    frame.write_parquet(path, row_group_size=ROWS_PER_GROUP)


def write_all(paths: Paths, run_id: str, folder: Path) -> dict[str, int]:
    """The Parquet files of `all/`: decisions, records, identities, lists; rows by path relative to `folder`."""
    (folder / "all").mkdir()
    rows = {
        f"all/{kind}.parquet": _merged(paths.parts(kind), folder / "all" / f"{kind}.parquet")
        for kind in ("decisions", "records")
    }
    rows["all/identities.parquet"] = _merged(
        pl.scan_parquet(paths.in_force("identities")), folder / "all" / "identities.parquet"
    )
    for name in LISTS:
        listed = stamp(paths.parts("worklists").filter(pl.col("list") == name), run_id)
        ordered = in_published_order(listed)
        ordered.write_parquet(folder / "all" / f"{name}.parquet", row_group_size=ROWS_PER_GROUP)
        rows[f"all/{name}.parquet"] = ordered.height
    return rows


def _merged(parts: pl.LazyFrame, path: Path) -> int:
    parts.sink_parquet(path, row_group_size=ROWS_PER_GROUP, maintain_order=True)
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())
