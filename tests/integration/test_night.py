"""Whole nights: the same for the same rows, whole after a kill, silent about those who opted out, and adding up."""

from __future__ import annotations

import csv
import gzip
import io
import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars as pl
import pytest
import zstandard

from flows import stages
from flows.context import opened, plan
from schemas.vocabulary import LISTS, TABLES
from tests.integration.command import (
    ROOT,
    contents,
    copied,
    environment,
    latest,
    publication,
    quarantined,
)
from tests.night import screened, screened_tables, write_extract
from tests.reference.cohorts import AS_OF, COLUMNS, make_cohort

PEOPLE = 120
YESTERDAY = AS_OF - timedelta(days=1)
COHORT = make_cohort(3, PEOPLE)
OPTED_OUT = tuple(row["patient_id"] for row in COHORT["patients"][:4])
"""People who opted out, in a way of writing it each."""

Tables = Mapping[str, Sequence[Mapping[str, str | None]]]


def cohort() -> dict[str, list[dict[str, str | None]]]:
    """A cohort of difficult people; four of them opted out and bear names that nothing else holds."""
    words = dict(zip(OPTED_OUT, ("yes", "TRUE", "1", "perhaps"), strict=True))
    return {
        table: [
            row | {"patient_id": f"OUT-{row['patient_id']}-GONE"} | opted_out(words[row["patient_id"]], table)
            if row["patient_id"] in words
            else {**row}
            for row in rows
        ]
        for table, rows in COHORT.items()
    }


def opted_out(word: str, table: str) -> dict[str, str]:
    return {"opted_out": word} if table == "patients" else {}


def split_anew(tables: Tables, folder: Path, seed: int) -> Path:
    """The same rows in another order, in parts of every format, each with its columns in an order of its own."""
    rng = Random(seed)
    for table, of_table in tables.items():
        rows = [dict(row) for row in of_table]
        rng.shuffle(rows)
        parts = folder / table
        parts.mkdir(parents=True)
        for number, suffix in enumerate((".csv", ".csv.gz", ".csv.zst", ".parquet", ".csv")):
            columns = rng.sample(COLUMNS[table], len(COLUMNS[table]))
            write_part(parts / f"{number}{suffix}", columns, rows[number::5])
    return folder


def write_part(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str | None]]) -> None:
    if path.suffix == ".parquet":
        schema = dict.fromkeys(columns, pl.String)
        pl.DataFrame([{c: row.get(c) for c in columns} for row in rows], schema=schema).write_parquet(path)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows({c: row.get(c) or "" for c in columns} for row in rows)
    content = text.getvalue().encode()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    elif path.suffix == ".zst":
        content = zstandard.ZstdCompressor().compress(content)
    path.write_bytes(content)


def stored(home: Path) -> dict[str, list[str]]:
    """Every row of every table of the warehouse, as text, in an order of their own."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = warehouse.execute("select table_name from duckdb_tables() order by 1").fetchall()
        return {name: sorted(map(str, warehouse.execute(f"from {name}").fetchall())) for (name,) in names}


def rows_of_the_screen(home: Path) -> dict[str, list[str]]:
    """What the warehouse holds, except under which file names it was delivered."""
    return {name: rows for name, rows in stored(home).items() if name not in ("run_inputs", "quarantine")}


def manifest(folder: Path) -> dict[str, Any]:
    read = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def apart_from_delivery(folder: Path) -> dict[str, Any]:
    """A publication without what only tells in which files, and at which places of them, the rows came."""
    found: dict[str, Any] = {
        name: content
        for name, content in contents(folder).items()
        if name != "manifest.json" and not name.startswith("quarantine/")
    }
    for table in TABLES:
        rows = quarantined(folder, table)
        found[f"quarantine/{table}.csv"] = sorted(
            str({name: cell for name, cell in row.items() if name not in ("file", "line")}) for row in rows
        )
    told = manifest(folder)
    del told["inputs"]
    for name in [name for name in told["files"] if name.startswith("quarantine/")]:
        told["files"][name] = told["files"][name]["rows"]
    return found | {"manifest.json": told}


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one night of the cohort, workbooks included."""
    home = tmp_path_factory.mktemp("night")
    screened(write_extract(cohort(), home / "extract"), home, AS_OF, with_workbooks=True)
    return home


# The same rows, the same bytes ---------------------------------------------------------------------------


def test_order_split_and_format_of_the_delivery_change_nothing(night: Path, tmp_path: Path) -> None:
    extract = split_anew(cohort(), tmp_path / "extract", 1)
    other = screened(extract, tmp_path, AS_OF, with_workbooks=True).folder
    assert other.name == latest(night)
    assert apart_from_delivery(other) == apart_from_delivery(publication(night))
    assert rows_of_the_screen(tmp_path) == rows_of_the_screen(night)


def test_rows_and_engine_in_another_order_give_the_same_bytes(night: Path, tmp_path: Path) -> None:
    """In files of the same names not even the quarantine differs: all bytes but the manifest's list of inputs."""
    rng, shuffled = Random(5), cohort()
    for rows in shuffled.values():
        rng.shuffle(rows)
    config = tmp_path / "site.toml"
    config.write_text('[engine]\nthreads = 1\npeople_per_pass = 7\nmemory_limit = "300MB"\n')
    extract = write_extract(shuffled, tmp_path / "extract")
    other = screened(extract, tmp_path, AS_OF, config=config, with_workbooks=True).folder
    mine, theirs = contents(publication(night)), contents(other)
    mine["manifest.json"], theirs["manifest.json"] = (
        json.dumps(manifest(folder) | {"inputs": []}) for folder in (publication(night), other)
    )
    assert [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)] == []


# Night after night ---------------------------------------------------------------------------------------


def run_again(home: Path, as_of: date = AS_OF, extract: Path | None = None) -> bool:
    """Runs a night in this home; whether it published something new."""
    asked = plan(
        extracts=extract or home / "extract",
        output=home / "out",
        warehouse=home / "warehouse.duckdb",
        as_of=as_of,
        accept_low_volume=True,
    )
    with opened(asked) as tonight:
        return bool(stages.run_all(tonight)["is_new"])


def test_the_same_night_twice_writes_nothing(home: Path) -> None:
    def times() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in publication(home).rglob("*")}

    before, rows, touched = contents(home / "out"), stored(home), times()
    assert run_again(home) is False
    assert (contents(home / "out"), stored(home), times()) == (before, rows, touched)


def test_a_later_night_with_one_changed_row_is_published_anew(home: Path) -> None:
    first = contents(publication(home))
    name, changed = latest(home), cohort()
    changed["labs"][7] = changed["labs"][7] | {"value": "1234.5"}
    tomorrow = AS_OF + timedelta(days=1)
    assert run_again(home, tomorrow, write_extract(changed, home / "changed")) is True
    assert latest(home) != name
    assert manifest(publication(home))["as_of"] == tomorrow.isoformat()
    assert contents(home / "out" / name) == first


def test_one_line_that_cannot_be_read_makes_another_publication(home: Path) -> None:
    """A result that is lost in a broken line is told, also where all other rows were published before."""
    with (home / "extract" / "labs.csv").open("a", encoding="utf-8") as file:
        file.write("P00001,broken\r\n")
    assert run_again(home) is True
    broken = [row for row in quarantined(publication(home), "labs") if row["reasons"] == "malformed_line"]
    assert len(broken) == 1


def test_latest_never_moves_to_an_earlier_day(home: Path) -> None:
    name = latest(home)
    assert run_again(home, as_of=YESTERDAY) is True
    assert latest(home) == name
    assert len([path for path in (home / "out").glob("[!.]*") if not path.is_symlink()]) == 2


# Killed --------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from exports import publish
from flows import stages
from flows.context import opened, plan
from sql.warehouse import Warehouse

home, moment, as_of = Path(sys.argv[1]), sys.argv[2], date.fromisoformat(sys.argv[3])

def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def after(function):
    def run(*given, **named):
        function(*given, **named)
        killed()
    return run

story = {stage.__name__: stage for stage in stages.STORY}
if moment in story:
    story[moment] = after(story[moment])
elif moment == "half the worklists":
    stages.csv.write_lists = after(stages.csv.write_lists)
elif moment == "in the transaction":
    Warehouse._insert_published = after(Warehouse._insert_published)
elif moment == "between commit and rename":
    publish.complete = killed
elif moment == "between rename and latest":
    publish.point_latest = killed
else:
    sys.exit(f"no moment {moment}")
stages.STORY = tuple(story.values())
asked = plan(extracts=home / "extract", output=home / "out", warehouse=home / "warehouse.duckdb", as_of=as_of,
             accept_low_volume=True)
with opened(asked) as night:
    stages.run_all(night)
"""


def kill(home: Path, moment: str) -> None:
    """Runs tonight in a process of its own that kills itself at the moment."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), moment, AS_OF.isoformat()],
        cwd=ROOT,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="session")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which yesterday was published, with the extract of tonight, which is not as yesterday's."""
    home, before = tmp_path_factory.mktemp("evening"), cohort()
    before["labs"] = before["labs"][:-30]
    screened(write_extract(before, home / "before"), home, YESTERDAY)
    write_extract(cohort(), home / "extract")
    return home


@pytest.fixture(scope="session")
def undisturbed(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = copied(evening, tmp_path_factory.mktemp("undisturbed"))
    run_again(home)
    return home


def assert_as_undisturbed(home: Path, undisturbed: Path) -> None:
    run_again(home)
    assert contents(home / "out") == contents(undisturbed / "out")
    assert stored(home) == stored(undisturbed)
    assert sorted(path.name for path in home.iterdir()) == sorted(path.name for path in undisturbed.iterdir())


def test_killed_after_every_stage_in_turn(evening: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Each run finds what the one killed before it left, and in the end nothing of it is to be seen."""
    home = copied(evening, tmp_path)
    before = latest(home)
    for moment in ("extract", "stage", "validate", "decide", "half the worklists", "compose", "workbooks"):
        kill(home, moment)
        assert latest(home) == before, moment
        assert [path.name for path in (home / "out").glob("[!.]*") if not path.is_symlink()] == [before]
        assert stored(home) == stored(evening), moment
    assert_as_undisturbed(home, undisturbed)


@pytest.mark.parametrize(
    "moment",
    ["in the transaction", "between commit and rename", "between rename and latest"],
)
def test_killed_while_publishing(evening: Path, undisturbed: Path, tmp_path: Path, moment: str) -> None:
    home = copied(evening, tmp_path)
    before = latest(home)
    kill(home, moment)
    assert latest(home) == before
    for path in (path for path in (home / "out").glob("[!.]*") if not path.is_symlink()):
        assert contents(path) == contents(undisturbed / "out" / path.name)
    assert_as_undisturbed(home, undisturbed)


# What is in a publication --------------------------------------------------------------------------------


def texts(home: Path) -> dict[str, str]:
    """Everything a publication and the warehouse hold, out of its compression, as text."""
    found = {f"warehouse {name}": " ".join(rows) for name, rows in stored(home).items()}
    for path in sorted(publication(home).rglob("*.*")):
        name = path.relative_to(publication(home)).as_posix()
        if path.suffix == ".parquet":
            found[name] = str(pl.read_parquet(path).rows())
        elif path.suffix == ".xlsx":
            sheets = pl.read_excel(path, sheet_id=0, infer_schema_length=0)
            found[name] = " ".join(str(sheet.rows()) for sheet in sheets.values())
        else:
            found[name] = path.read_text(encoding="utf-8")
    return found


def test_people_who_opted_out_are_counted_and_nowhere_else(night: Path) -> None:
    names = [f"OUT-{name}-GONE" for name in OPTED_OUT]
    for where, text in texts(night).items():
        assert [name for name in names if name in text] == [], where
    for path in (night / "warehouse.duckdb", *publication(night).rglob("*")):
        if path.is_file():
            assert b"OUT-" not in path.read_bytes(), path.name
    counted = {line["table"]: line["opted_out"] for line in manifest(publication(night))["conservation"]}
    delivered = cohort()["patients"]
    out = {row["patient_id"] for row in delivered if row.get("opted_out") not in (None, "false", "no", "0")}
    assert {f"OUT-{name}-GONE" for name in OPTED_OUT} <= out
    assert counted["patients"] == sum(row["patient_id"] in out for row in delivered)


def stored_text(warehouse: Path) -> str:
    """Every cell of every table of a warehouse, as one text."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where not internal order by table_name"
        ).fetchall()
        return "\n".join(str(connection.execute(f'from "{name}"').fetchall()) for (name,) in tables)


def test_a_person_who_opts_out_later_leaves_the_warehouse(home: Path) -> None:
    gone, changed = "P00050", cohort()
    assert gone in " ".join(texts(home).values())
    for row in changed["patients"]:
        row["opted_out"] = "yes" if row["patient_id"] == gone else row["opted_out"]
    run_again(home, extract=write_extract(changed, home / "changed"))
    for where, text in texts(home).items():
        assert gone not in text, where
    assert gone.encode() not in (home / "warehouse.duckdb").read_bytes()
    held = stored_text(home / "warehouse.duckdb")
    assert gone not in held
    assert "P00051" in held


def run_configured(home: Path, sources: str, as_of: date) -> None:
    config = home / "site.toml"
    config.write_text(f'[screen]\noutput = "out"\nwarehouse = "warehouse.duckdb"\n{sources}')
    with opened(plan(config=config, as_of=as_of, with_workbooks=False, accept_low_volume=True)) as tonight:
        stages.run_all(tonight)


def test_two_sources_may_use_the_same_patient_ids_for_different_people(tmp_path: Path) -> None:
    """Practices number their patients from 1: an id means a person together with its source only."""
    write_extract(make_cohort(3, 30), tmp_path / "north")
    write_extract(make_cohort(5, 30), tmp_path / "south")
    run_configured(tmp_path, '[sources.north]\npath = "north"\n[sources.south]\npath = "south"\n', AS_OF)
    both = pl.read_parquet(publication(tmp_path) / "all" / "decisions.parquet")
    for name in ("north", "south"):
        alone = tmp_path / f"{name}-alone"
        alone.mkdir()
        run_configured(alone, f'[sources.{name}]\npath = "../{name}"\n', AS_OF)
        decided = pl.read_parquet(publication(alone) / "all" / "decisions.parquet")
        assert both.filter(source=name).rows() == decided.rows()
    items = [
        item
        for name in LISTS
        for item in pl.read_parquet(publication(tmp_path) / "all" / f"{name}.parquet")["item_id"].to_list()
    ]
    assert len(items) == len(set(items))


def test_an_opt_out_at_one_source_leaves_the_other_alone(tmp_path: Path) -> None:
    for name, word in (("north", "yes"), ("south", "")):
        tables = {
            "patients": [
                {"patient_id": "P1", "birth_date": "1960-01-01", "sex": "female", "clinic_id": name}
                | {"opted_out": word}
            ],
            "labs": [
                {"patient_id": "P1", "value": "150", "unit": "ng/L", "collected_at": AS_OF.isoformat()}
                | {"code_system": "LOINC", "code": "2132-9"}
            ],
            "medications": [{"patient_id": "P1", "drug_name": "metformin", "start_on": "2020-01-01"}],
        }
        write_extract(tables, tmp_path / name)
    run_configured(tmp_path, '[sources.north]\npath = "north"\n[sources.south]\npath = "south"\n', AS_OF)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        for table in ("decisions", "worklist_items"):
            found = connection.execute(f"select distinct patient_id, clinic_id from {table}").fetchall()
            assert found == [("P1", "south")], table


def test_a_night_without_news_of_a_table_is_no_night_without_that_table(tmp_path: Path) -> None:
    tables = make_cohort(3, 60)
    write_extract(tables, tmp_path / "news")
    source = '[sources.site]\npath = "news"\nmode = "increment"\n'
    run_configured(tmp_path, source, YESTERDAY)
    for name in ("conditions", "medications"):
        (tmp_path / "news" / f"{name}.csv").unlink()
    (tmp_path / "news" / "labs.csv").write_text(
        (tmp_path / "news" / "labs.csv").read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8"
    )
    run_configured(tmp_path, source, AS_OF)
    told = manifest(publication(tmp_path))
    assert told["as_of"] == AS_OF.isoformat()
    assert told["not_seen"]["absent_tables"] == []
    after = pl.read_parquet(publication(tmp_path) / "all" / "decisions.parquet")
    # Diagnoses and medicines of the first night still decide.
    assert {"neuropathy", "metformin"} <= set(
        after["symptoms"].explode().to_list() + after["risk_factors"].explode().to_list()
    )


def test_rows_without_record_ids_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    def night(name: str, *, is_reversed: bool) -> pl.DataFrame:
        result = {"patient_id": "P1", "collected_at": "2025-02-01", "code_system": "LOINC"}
        labs = [
            result | {"value": value, "unit": unit, "code": code}
            for value, unit, code in (
                ("200", "ng/L", "2132-9"),
                ("500", "nmol/L", "13964-2"),
                ("50", "mL/min/1.73m2", "33914-3"),
                ("70", "mL/min/1.73m2", "62238-1"),
                ("94", "g/L", "718-7"),
                ("140", "g/L", "718-7"),
            )
        ]
        labs += [labs[0] | {"collected_at": f"2025-02-01T{hour}:00:00"} for hour in ("08", "10", "12")]
        tables = {
            "patients": [{"patient_id": "P1", "birth_date": "1960-01-01", "sex": "female", "clinic_id": "c"}],
            "labs": labs[::-1] if is_reversed else labs,
            "medications": [{"patient_id": "P1", "drug_name": "metformin", "start_on": "2020-01-01"}],
        }
        return screened_tables(tables, tmp_path / name, AS_OF).decisions

    assert night("as it came", is_reversed=False).equals(night("reversed", is_reversed=True))


def test_every_row_is_accounted_for(night: Path) -> None:
    told = manifest(publication(night))
    parts = (
        "in_force",
        "duplicate_or_superseded",
        "not_yet_known",
        "out_of_scope",
        "opted_out",
        "quarantined",
    )
    delivered = {table: len(rows) for table, rows in cohort().items()}
    assert {line["table"]: line["rows_in"] for line in told["conservation"]} == delivered
    for line in told["conservation"]:
        assert sum(line[part] for part in parts) == line["rows_in"], line["table"]
        assert line["quarantined"] == len(quarantined(publication(night), line["table"])), line["table"]
    in_force = {line["table"]: line["in_force"] for line in told["conservation"]}
    assert pl.read_parquet(publication(night) / "all" / "decisions.parquet").height == in_force["patients"]


def lists_of(folder: Path, clinic: Path) -> dict[str, pl.DataFrame]:
    return {name: pl.read_csv(clinic / f"{name}.csv", infer_schema=False, encoding="utf8") for name in LISTS}


def test_every_clinic_has_every_list_and_the_lists_are_the_whole(night: Path) -> None:
    folder = publication(night)
    clinics = [folder / "clinics" / name for name in manifest(folder)["clinic_folders"].values()]
    assert sorted(path.name for path in (folder / "clinics").iterdir()) == sorted(c.name for c in clinics)
    assert len(clinics) > 1
    of_clinics = [lists_of(folder, clinic) for clinic in clinics]
    for name in LISTS:
        whole = pl.read_parquet(folder / "all" / f"{name}.parquet")
        assert all(lists[name].columns == whole.columns for lists in of_clinics), name
        ids = [item for lists in of_clinics for item in lists[name]["item_id"].to_list()]
        assert sorted(ids) == sorted(whole["item_id"].to_list()), name
        assert manifest(folder)["files"][f"all/{name}.parquet"]["rows"] == whole.height, name
    empty = [name for lists in of_clinics for name in LISTS if not lists[name].height]
    assert empty, "a cohort without an empty list shows nothing about empty lists"


def test_workbooks_say_what_the_lists_say(night: Path) -> None:
    folder = publication(night)
    for clinic in sorted((folder / "clinics").iterdir()):
        sheets = pl.read_excel(
            clinic / "worklist.xlsx", sheet_id=0, infer_schema_length=0, raise_if_empty=False
        )
        listed = [sheet for sheet in sheets.values() if "patient_id" in sheet.columns]
        filled = [rows for rows in lists_of(folder, clinic).values() if rows.height]
        assert [sheet.height for sheet in listed if sheet.height] == [rows.height for rows in filled]
        for sheet, rows in zip([sheet for sheet in listed if sheet.height], filled, strict=True):
            for column in ("patient_id", "item_id", "priority", "reason", "b12_value", "mma_value"):
                cells = sheet[column].cast(pl.String).to_list()
                assert cells == rows[column].to_list(), (clinic.name, column)


def test_files_are_for_the_owner_and_the_group_only(night: Path) -> None:
    for path in (night / "warehouse.duckdb", publication(night), *publication(night).rglob("*")):
        assert path.stat().st_mode & 0o027 == 0, path.name
