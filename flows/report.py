"""The last words of a run: what was found, which files to open, and how far the rules are signed off."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from exports.publish import latest, published
from exports.wording import DECISION_SUPPORT, LIST_TITLES, unverified_in_words
from flows.context import Night
from schemas.errors import OutputError
from schemas.vocabulary import LISTS

CLINICS_SHOWN: Final = 30
KEPT_FOR_MACHINES: Final = (
    *("run_id", "as_of", "code_version", "pack", "sign_off_line", "funnel", "lists", "clinics"),
    *("conservation", "quarantine", "recognised_b12", "low_volume_accepted", "notes"),
)
WIDTH_OF_A_LOG: Final = 110


def finish(
    night: Night, run_id: str, is_new: bool, stage_seconds: Mapping[str, float], as_json: bool
) -> None:
    """Says on stdout what stands in the publication: for people, or as one JSON object."""
    manifest = published(night.output, run_id)
    if manifest is None:
        raise OutputError(f"The publication {run_id} in {night.output} is not complete.", "run again.")
    newest = latest(night.output)
    latest_as_of = str(newest["as_of"]) if newest else None
    if as_json:
        account = _machine_account(manifest, night.output, is_new, stage_seconds, latest_as_of)
        sys.stdout.write(json.dumps(account, ensure_ascii=False) + "\n")
        return
    console = on_stdout()
    for part in _human_account(manifest, night.output, is_new, latest_as_of):
        console.print(part, markup=False, soft_wrap=isinstance(part, str))


def on_stdout() -> Console:
    """Stdout for tables and plain lines, as wide as the terminal, or as a log may be."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)


def _machine_account(
    manifest: Mapping[str, Any],
    output: Path,
    is_new: bool,
    stage_seconds: Mapping[str, float],
    latest_as_of: str | None,
) -> dict[str, Any]:
    return {
        "status": "published" if is_new else "already_published",
        "exit_code": 0,
        **{name: manifest[name] for name in KEPT_FOR_MACHINES},
        "codelists": manifest.get("codelists"),
        "publication": str(output / manifest["run_id"]),
        "latest_as_of": latest_as_of,
        "stage_seconds": dict(stage_seconds),
    }


def _human_account(
    manifest: Mapping[str, Any], output: Path, is_new: bool, latest_as_of: str | None
) -> Iterable[str | Table]:
    folder = output / manifest["run_id"]
    yield _lists_table(manifest)
    yield _funnel_table(manifest)
    for line in manifest["quarantine"]:
        if line["severity"] == "urgent":
            yield f"Urgent: {line['count']} rows of {line['table']} refused: {line['sentence']}"
    unread = manifest["not_seen"]["untested_with_b12"]
    if unread:
        yield (
            f"Urgent: of {unread} people a B12 result came that could not be used, and no other counts: "
            "`not_seen` in all/decisions.parquet says why."
        )
    refused = sum(line["quarantined"] for line in manifest["conservation"])
    if refused:
        yield f"{refused} rows refused in all, with reasons, in {folder / 'quarantine'}"
    for note in manifest["notes"]:
        yield f"Note: {note}"
    yield from _code_lines(manifest, folder)
    yield ""
    yield f"{'Published' if is_new else 'Already published before, unchanged'}: {folder}"
    yield f"  lists     {folder / 'clinics'}"
    yield f"  report    {folder / 'report.html'}"
    yield f"  read me   {folder / 'README.txt'}"
    yield f"{output / 'latest'} is as of {latest_as_of}."
    yield f"Rules {manifest['pack']['id']} {manifest['pack']['version']}. {manifest['sign_off_line']}"
    if unverified := unverified_in_words(manifest):
        yield unverified
    if "Decision support" not in manifest["sign_off_line"]:
        yield DECISION_SUPPORT


def _code_lines(manifest: Mapping[str, Any], folder: Path) -> Iterable[str]:
    report = (manifest.get("codelists") or {}).get("report") or {}
    if report.get("unlisted"):
        found = sum(report["unlisted"].values())
        yield f"{found} codes look like ours but are in no list: {folder / 'all' / 'unlisted_codes.csv'}"
    if report.get("falling"):
        yield f"{report['falling']} listed codes are used far less: {folder / 'all' / 'falling_codes.csv'}"


def _lists_table(manifest: Mapping[str, Any]) -> Table:
    """Rows per clinic and list; a large site's clinics beyond the first are one row together."""
    table = Table(title=f"Worklists as of {manifest['as_of']}", title_justify="left")
    table.add_column("clinic")
    for name in LISTS:
        table.add_column(LIST_TITLES[name], justify="right")
    clinics = dict(sorted(manifest["clinics"].items()))
    for clinic in list(clinics)[:CLINICS_SHOWN]:
        table.add_row(clinic, *(str(clinics[clinic][name]) for name in LISTS))
    rest = list(clinics)[CLINICS_SHOWN:]
    if rest:
        sums = (str(sum(clinics[clinic][name] for clinic in rest)) for name in LISTS)
        table.add_row(f"{len(rest)} more clinics", *sums)
    table.add_section()
    table.add_row("all", *(str(sum(manifest["lists"].get(name, {}).values())) for name in LISTS))
    return table


def _funnel_table(manifest: Mapping[str, Any]) -> Table:
    table = Table(title="From the extract to the lists", title_justify="left", show_header=False)
    table.add_column("step")
    table.add_column("people", justify="right")
    for label, count in manifest["funnel"]:
        table.add_row(label, f"{count:,}")
    return table
