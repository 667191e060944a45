"""The stages of a night, in order. Each takes the night's file, leaves files behind, and gives counts.

Killed at any point and started again, a night ends in the same publication, once:

- Until `publish` nothing outside the work folder and a hidden staging folder is written; both are thrown away by
  the next run. The run id depends on content alone, so that the next run arrives at the same one.
- Killed before the warehouse's transaction is committed: DuckDB keeps the state before.
- Killed after the commit of a deletion, before the file was written anew: a marker beside it makes the next who
  opens it do so first.
- Killed between commit and rename: the warehouse knows the run, the output does not. The next run merges the same
  rows (nothing changes), writes the run again under the same id (it replaces itself), and renames.
- Killed between rename and `latest`: the publication stands complete; the next run finds it, writes no file, and
  moves `latest`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from exports import csv, dictionary, html, xlsx
from exports import publish as publication
from flows import guards
from flows.code_report import CODE_FILES, CodeReport, report_sha256, reported
from flows.context import Night, plan, read_night
from flows.passes import Paths, decide_range, ranges, write_all
from flows.settings import Settings, closest
from flows.summary import Summary, summarised
from flows.watch import Counts, watched
from rules.loader import code_system_aliases, load_pack
from rules.lookalikes import read_lookalikes
from rules.model import Pack
from schemas.canonical import STAGED_MODELS
from schemas.contract import split
from schemas.errors import ConfigurationError
from schemas.vocabulary import LISTS, TABLES
from sources.base import Asked, Part
from sources.crosswalk import read_crosswalk
from sources.gather import gather
from sql.engine import Engine, Matching
from sql.warehouse import Warehouse

_PARTS = TypeAdapter(list[Part])


def planned(**asked: Any) -> Night:
    """The night that was asked for (`context.plan`), once its pack is loaded and knows the site's words.

    Nothing is made for a night that cannot begin. Raises RulePackError and ConfigurationError.
    """
    night = plan(**asked)
    check_concepts(night.settings, pack_of(night))
    return night


@watched
def extract(night_file: Path) -> Counts:
    """Finds every file of every source, and checks, hashes and counts each to its last byte."""
    night = read_night(night_file)
    pack = pack_of(night)
    check_concepts(night.settings, pack)
    if night.settings.codelists.report:
        read_lookalikes(pack)
    asked = Asked(night.work, night.as_of, engine_of(night), _watermarks(night), matching=matching_of(pack))
    parts = [part for source in night.settings.source_settings() for part in gather(source, asked)]
    (night.work / "parts.json").write_bytes(_PARTS.dump_json(parts))
    rows, of_source = Counter[str](), Counter[tuple[str, str]]()
    for part in parts:
        rows[part.table] += part.rows
        of_source[part.source, part.table] += part.rows
    sources = night.settings.source_settings()
    snapshots = {source.name: source.delivers for source in sources if source.mode == "snapshot"}
    empty = guards.empty_deliveries(snapshots, of_source)
    if len(snapshots) == len(sources):
        empty = guards.empty_tables(rows) or empty
    guards.refuse_low_volume(empty, is_accepted=night.accept_low_volume)
    return {"files": len(parts), **{table: rows[table] for table in TABLES}}


@watched
def stage(night_file: Path) -> Counts:
    """Parses every row once and keeps, typed, those that a rule can use."""
    night = read_night(night_file)
    matching = matching_of(pack_of(night))
    with _warehouse(night) as warehouse:
        sources = night.settings.source_settings()
        return warehouse.stage(_parts(night), sources, matching, _count_from(night), links_of(night))


@watched
def validate(night_file: Path) -> Counts:
    """Splits every table at its contract and picks the versions in force at `as_of`."""
    night = read_night(night_file)
    counts = {"valid": 0, "refused": 0}
    with _warehouse(night) as warehouse:
        for table, model in STAGED_MODELS.items():
            checked = split(warehouse.staged(table), model)
            warehouse.refuse(table, checked.refused, night.as_of)
            counts["valid"] += checked.valid.height
            counts["refused"] += checked.refused.height
        in_force = warehouse.select_in_force(night.as_of, night.work / "in_force")
        report = report_sha256(night, pack_of(night), warehouse)
        run_id = night.run_id(warehouse.content_fingerprint(), pack_of(night).sha256, report)
        held = warehouse.previous_publication()
    is_stored = held is not None and held["run_id"] == run_id
    night.note(
        "run", {"run_id": run_id, "is_stored": is_stored, "is_published": _is_published(night, run_id)}
    )
    return counts | {"in_force": sum(states["in_force"] for states in in_force.values())}


@watched
def decide(night_file: Path) -> Counts:
    """Reads values and decides for every person, pass by pass; stops here if the night is not to be trusted."""
    night = read_night(night_file)
    if _is_done(night):
        return {}
    pack, paths = pack_of(night), Paths(night.work)
    people = _rows_of(paths.in_force("patients"))
    passes = list(ranges(people, night.settings.engine.people_per_pass))
    refused = pl.concat([decide_range(paths, pack, night.as_of, first, last) for first, last in passes])
    with _warehouse(night) as warehouse:
        warehouse.refuse("labs", refused.select("row_no", "reasons"))
        codes = _code_report(night, pack, warehouse)
        summary = _summary(night, pack, paths, warehouse)
    summary |= {"codelists": _codelists(night, pack, codes)}
    night.note("summary", summary)
    return {"people": people, "passes": len(passes), "values_refused": refused.height}


@watched
def compose(night_file: Path) -> Counts:
    """Writes the publication aside: lists, decisions, refused rows, report."""
    night = read_night(night_file)
    if _run(night)["is_published"]:
        return {}
    summary, run_id = night.noted("summary"), run_id_of(night)
    folder = publication.begin(night.output, run_id)
    rows = write_all(Paths(night.work), run_id, folder)
    clinics = csv.clinic_folders(list(summary["clinics"]))
    csv.write_lists({name: _published_list(folder, name) for name in LISTS}, clinics, folder)
    with _warehouse(night) as warehouse:
        (folder / "quarantine").mkdir()
        for table in TABLES:
            refused = warehouse.quarantine(table)
            csv.write_table(refused, folder / "quarantine" / f"{table}.csv")
            rows[f"quarantine/{table}.csv"] = refused.height
    if night.settings.codelists.report:
        for name in CODE_FILES:
            found = pl.read_parquet(night.work / f"{name}.parquet")
            csv.write_table(found, folder / "all" / f"{name}.csv")
            rows[f"all/{name}.csv"] = found.height
    (folder / "report.html").write_text(html.render_report(summary), encoding="utf-8")
    (folder / "README.txt").write_text(dictionary.readme_text(summary), encoding="utf-8")
    night.note("composed", {"folder": str(folder), "rows": rows, "clinic_folders": clinics})
    return {"clinics": len(clinics), "listed_rows": sum(rows[f"all/{name}.parquet"] for name in LISTS)}


@watched
def workbooks(night_file: Path) -> Counts:
    """Writes each clinic's workbook into the publication that waits aside."""
    night = read_night(night_file)
    if not night.with_workbooks or _run(night)["is_published"]:
        return {}
    summary, composed = night.noted("summary"), night.noted("composed")
    folder, cover = Path(composed["folder"]), xlsx.cover_lines(summary)
    lists = {name: pl.read_parquet(folder / "all" / f"{name}.parquet") for name in LISTS}
    of_clinic = {name: rows.partition_by("clinic_id", as_dict=True) for name, rows in lists.items()}
    for clinic_id, name_of_folder in composed["clinic_folders"].items():
        rows = {name: of_clinic[name].get((clinic_id,), lists[name].clear()) for name in LISTS}
        xlsx.write_workbook(folder / "clinics" / name_of_folder / "worklist.xlsx", clinic_id, rows, cover)
    return {"workbooks": len(composed["clinic_folders"])}


@watched
def publish(night_file: Path) -> Counts:
    """Commits the night to the warehouse in one transaction, then gives the publication its name."""
    night = read_night(night_file)
    run = _run(night)
    if not run["is_published"]:
        _seal(night)
    if not run["is_stored"]:
        _commit(night)
    if not run["is_published"]:
        publication.complete(Path(night.noted("composed")["folder"]), night.output, run["run_id"])
    publication.point_latest(night.output, run["run_id"], night.as_of)
    return {"published": int(not run["is_published"])}


STORY = (extract, stage, validate, decide, compose, workbooks, publish)


def run_all(night: Night) -> Summary:
    """The whole night without an orchestration engine; gives run_id and is_published (before this run)."""
    for one in STORY:
        one(night.file)
    return outcome(night)


def outcome(night: Night) -> Summary:
    run = _run(night)
    return {"run_id": run["run_id"], "is_new": not run["is_published"]}


def run_id_of(night: Night) -> str:
    return str(_run(night)["run_id"])


def _run(night: Night) -> Summary:
    return night.noted("run")


def _is_done(night: Night) -> bool:
    """Published and stored before: nothing is left to decide or write."""
    run = _run(night)
    return bool(run["is_published"] and run["is_stored"])


def _is_published(night: Night, run_id: str) -> bool:
    return publication.published(night.output, run_id) is not None


def pack_of(night: Night) -> Pack:
    return _loaded(night.settings.screen.pack, switched_on=night.settings.codelists.switched_on)


_loaded = cache(load_pack)
"""A pack is immutable: one proof of it per process is enough."""


def check_concepts(settings: Settings, pack: Pack) -> None:
    """Raises ConfigurationError where a source maps a code or name to a codelist that the pack does not have."""
    lists = {one.name for one in pack.lists}
    tests = {name for name in lists if name.startswith("lab_")}
    wanted = {
        "test_codes": ("laboratory concept", tests),
        "test_names": ("laboratory concept", tests),
        "codes": ("list of conditions, procedures or medications", lists - tests),
    }
    for name, source in settings.sources.items():
        for key, (what, known) in wanted.items():
            for concept in getattr(source, key).values():
                if concept not in known:
                    raise ConfigurationError(
                        f"[sources.{name}.{key}]: there is no {what} `{concept}`{closest(concept, known) or '.'}",
                        f"known are {', '.join(sorted(known))}.",
                    )


def _parts(night: Night) -> list[Part]:
    return _PARTS.validate_json((night.work / "parts.json").read_bytes())


def matching_of(pack: Pack) -> Matching:
    return Matching(pack.codes, pack.drug_names, code_system_aliases())


def links_of(night: Night) -> pl.DataFrame | None:
    """The crosswalk, where the site has one."""
    path = night.settings.identity.crosswalk
    if path is None:
        return None
    sources = night.settings.source_settings()
    return read_crosswalk(path, {name for one in sources for name in (one.name, one.identifiers) if name})


@contextmanager
def _warehouse(night: Night) -> Iterator[Warehouse]:
    with Warehouse(night.warehouse, night.work, engine_of(night)) as warehouse:
        yield warehouse


def engine_of(night: Night) -> Engine:
    settings = night.settings
    return Engine(
        memory_limit=settings.engine.memory_limit,
        threads=settings.engine.threads,
        timezone=settings.screen.timezone,
        max_line_bytes=settings.engine.max_line_bytes,
    )


def _watermarks(night: Night) -> dict[tuple[str, str], str]:
    """How far earlier nights have read; nothing of the warehouse is opened where no source goes on from there."""
    if not night.warehouse.exists() or all(
        source.kind == "files" or source.mode == "snapshot" for source in night.settings.source_settings()
    ):
        return {}
    with _warehouse(night) as warehouse:
        return warehouse.watermarks()


def _rows_of(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _summary(night: Night, pack: Pack, paths: Paths, warehouse: Warehouse) -> Summary:
    """The night in counts, after the guards: a night that is not to be trusted ends here."""
    conservation = warehouse.conservation()
    limits = night.settings.limits
    reasons = warehouse.reasons()
    shares = guards.shares(conservation, warehouse.lab_concepts().to_dicts())
    guards.refuse_broken_feed(shares, limits, guards.in_words(reasons.to_dicts()))
    recognised = warehouse.recognised_b12()
    people = _rows_of(paths.in_force("patients"))
    links = warehouse.links()
    too_little = guards.low_volume(people, recognised, _previous_b12(night), limits) or guards.fewer_links(
        links["linked_identifiers"], _previous_links(night), limits
    )
    guards.refuse_low_volume(too_little, is_accepted=night.accept_low_volume)
    summary = summarised(
        night,
        run_id_of(night),
        pack,
        paths.parts("decisions"),
        paths.parts("histograms"),
        conservation,
        reasons,
        [
            line["table"]
            for line in conservation
            if not line["rows_in"] and not _rows_of(paths.in_force(line["table"]))
        ],
    )
    inputs = [part_line(part) for part in _parts(night)]
    told = {"recognised_b12": recognised, "low_volume_accepted": too_little, "inputs": inputs}
    return summary | told | {"identity": links}


def _count_from(night: Night) -> int | None:
    return night.settings.limits.unlisted_min_rows if night.settings.codelists.report else None


def _code_report(night: Night, pack: Pack, warehouse: Warehouse) -> CodeReport | None:
    """The report on codes, its tables left in the work folder; null where the site does not want it."""
    if not night.settings.codelists.report:
        return None
    report = reported(night, pack, warehouse)
    report.unlisted.write_parquet(night.work / "unlisted_codes.parquet")
    report.falling.write_parquet(night.work / "falling_codes.parquet")
    return report


def _codelists(night: Night, pack: Pack, codes: CodeReport | None) -> Summary:
    return {
        "unverified_switched_on": list(pack.unverified_lists),
        "report": codes.counts(night.settings) if codes else None,
    }


def part_line(part: Part) -> dict[str, Any]:
    kept = ("source", "table", "name", "rows", "size", "sha256")
    return {name: getattr(part, name) for name in kept}


def _previous_b12(night: Night) -> int | None:
    """B12 results that the publication before this one recognised; null where there is none before this day."""
    before = publication.latest(night.output)
    if before is None or before["as_of"] > night.as_of.isoformat():
        return None
    return int(before["recognised_b12"])


def _previous_links(night: Night) -> int:
    """Identifiers that the crosswalk joined in the publication before this one; 0 where there is none."""
    before = publication.latest(night.output)
    if before is None or before["as_of"] > night.as_of.isoformat():
        return 0
    return int((before.get("identity") or {}).get("linked_identifiers", 0))


def _published_list(folder: Path, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(folder / "all" / f"{name}.parquet")


def _seal(night: Night) -> None:
    composed = night.noted("composed")
    manifest = night.noted("summary") | {"clinic_folders": composed["clinic_folders"]}
    publication.write_manifest(Path(composed["folder"]), manifest, composed["rows"])


def _commit(night: Night) -> None:
    summary = night.noted("summary")
    run = {
        "run_id": summary["run_id"],
        "as_of": night.as_of,
        "state": "published",
        "pack": f"{summary['pack']['id']}/{summary['pack']['version']}",
        "code_version": night.code_version,
        "counts": summary["conservation"],
    }
    with _warehouse(night) as warehouse:
        read = {(part.source, part.table): part.watermark for part in _parts(night) if part.watermark}
        warehouse.commit(run, night.work / "decisions", night.work / "worklists", read)
