"""The night, as a Prefect flow: extract, stage, validate, decide, compose, publish.

The scheduler sees names, paths, dates and counts; rows stay in DuckDB and Parquet. A night that dies is
simply run again: the stages are idempotent, so nothing is retried or cached here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from flows import orchestration, stages
from flows.context import opened
from flows.watch import Counts, Stage

orchestration.settle()

from prefect import Task, flow, task  # noqa: E402  (Prefect reads its settings at import)


def _task(stage: Stage) -> Task[[Path], Counts]:
    return task(retries=0, persist_result=False, log_prints=False)(stage)


extract = _task(stages.extract)
stage = _task(stages.stage)
validate = _task(stages.validate)
decide = _task(stages.decide)
compose = _task(stages.compose)
workbooks = _task(stages.workbooks)
publish = _task(stages.publish)


@flow(name="nightly-screen", retries=0, persist_result=False, log_prints=False)
def nightly(
    config: str | None = None,
    extracts: str | None = None,
    output: str | None = None,
    warehouse: str | None = None,
    as_of: str | None = None,
    pack: str | None = None,
    with_workbooks: bool = True,
    accept_low_volume: bool = False,
) -> dict[str, Any]:
    """Screens the configured extracts as of `as_of` (default: today where the clinics are)."""
    night = stages.planned(
        config=_path(config),
        extracts=_path(extracts),
        output=_path(output),
        warehouse=_path(warehouse),
        as_of=date.fromisoformat(as_of) if as_of else None,
        pack=pack,
        with_workbooks=with_workbooks,
        accept_low_volume=accept_low_volume,
    )
    with opened(night):
        extract(night.file)
        stage(night.file)
        validate(night.file)
        decide(night.file)
        compose(night.file)
        workbooks(night.file)
        publish(night.file)
        return stages.outcome(night)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
