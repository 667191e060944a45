"""What a committed night leaves in the warehouse, and what increments take from it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from schemas.errors import ConfigurationError, RunLocked
from sql.warehouse import Warehouse
from tests.small_night import LABS, PATIENTS, SmallNight


def lab(value: int, patient: str = "A", day: str = "2026-05-01") -> str:
    return f"{patient},{value},ng/L,{day},LOINC,2132-9\n"


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def committed(
    folder: Path, warehouse: Path, run_id: str, labs: str, patients: str = PATIENTS, **given: str
) -> SmallNight:
    night = SmallNight(folder, warehouse=warehouse)
    night.source(mode=given.get("mode", "snapshot")).csv("patients", patients).csv("labs", LABS + labs)
    night.outcome = night.run()  # type: ignore[attr-defined]
    night.commit(run_id)
    return night


def test_a_night_is_stored_once_however_often_it_is_committed(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    night = committed(tmp_path / "1", file, "r1", lab(1) + lab(2) + lab(2))
    before = rows(file, "select * from labs order by content_hash")
    night.commit("r1")
    assert rows(file, "select * from labs order by content_hash") == before
    assert len(before) == 2
    assert rows(file, "select run_no, run_id, as_of, state, recognised_b12_rows from runs") == [
        (1, "r1", date(2026, 6, 30), "published", 2)
    ]
    assert rows(file, "select table_name, rows from run_inputs order by table_name") == [
        ("labs", 3),
        ("patients", 2),
    ]
    assert rows(file, "select run_id, patient_id, clinical_status from decisions") == [
        ("r1", "A", "INDET_SYMPT")
    ]
    assert rows(file, "select patient_id, priority from v_worklist") == [("A", "P2")]
    assert rows(file, "select clinical_status, list, people from v_funnel") == [
        ("INDET_SYMPT", "mma_testing", 1)
    ]
    assert len(rows(file, "select * from v_patient_timeline where patient_id = 'A'")) == 2


def test_rows_gone_from_a_snapshot_are_marked_and_come_back(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    committed(tmp_path / "1", file, "r1", lab(1) + lab(2))
    second = committed(tmp_path / "2", file, "r2", lab(2))
    assert second.outcome.values() == ["2"]  # type: ignore[attr-defined]
    query = "select value, first_seen_run, absent_since_run from labs order by value"
    assert rows(file, query) == [("1", "r1", "r2"), ("2", "r1", None)]
    committed(tmp_path / "3", file, "r3", lab(1) + lab(2))
    assert rows(file, query) == [("1", "r1", None), ("2", "r1", None)]


def test_an_increment_adds_to_what_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    committed(tmp_path / "1", file, "r1", lab(1), mode="increment")
    header_only = PATIENTS.split("\n", 1)[0] + "\n"
    second = committed(tmp_path / "2", file, "r2", lab(2) + lab(1), header_only, mode="increment")
    assert second.outcome.values() == ["1", "2"]  # type: ignore[attr-defined]
    assert sorted(second.outcome.in_force["patients"]["patient_id"]) == ["A", "B"]  # type: ignore[attr-defined]
    third = committed(
        tmp_path / "3",
        file,
        "r3",
        "",
        "patient_id,birth_date,sex,clinic_id\nA,1950-01-01,male,C9\n",
        mode="increment",
    )
    people = third.outcome.in_force["patients"].sort("patient_id")  # type: ignore[attr-defined]
    assert people.select("patient_id", "sex", "clinic_id").rows() == [
        ("A", "male", "C9"),
        ("B", "male", "C2"),
    ]
    assert third.outcome.values() == ["1", "2"]  # type: ignore[attr-defined]
    assert third.outcome.conservation["labs"]["in_force"] == 0  # type: ignore[attr-defined]
    assert rows(file, "select value, absent_since_run from labs order by value") == [("1", None), ("2", None)]


def test_an_increment_changes_the_fingerprint_of_an_otherwise_equal_night(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    alone = (
        SmallNight(tmp_path / "0")
        .source(mode="increment")
        .csv("patients", PATIENTS)
        .csv("labs", LABS + lab(2))
        .run()
    )
    committed(tmp_path / "1", file, "r1", lab(1), mode="increment")
    after = committed(tmp_path / "2", file, "r2", lab(2), mode="increment")
    assert alone.fingerprint != after.outcome.fingerprint  # type: ignore[attr-defined]


def test_who_opts_out_is_forgotten_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    broken = "A,9,ng/L,never,LOINC,2132-9\n"
    committed(tmp_path / "1", file, "r1", lab(1) + lab(2, "B") + broken)
    assert rows(file, "select patient_id, reasons from quarantine") == [("A", "date_unreadable")]
    patients = (
        "patient_id,birth_date,sex,clinic_id,opted_out\nA,1950-01-01,female,C1,yes\nB,1960-02-02,male,C2,\n"
    )
    night = (
        SmallNight(tmp_path / "2", warehouse=file)
        .csv("patients", patients)
        .csv("labs", LABS + lab(1) + lab(2, "B"))
    )
    night.run()
    night.commit("r2", patients=("B",))
    for table in ("patients", "labs", "decisions", "worklist_items", "quarantine"):
        assert rows(file, f"select count(*) from {table} where patient_id = 'A'") == [(0,)], table
    assert rows(file, "select value from labs") == [("2",)]


OPT_OUTS = "patient_id,birth_date,sex,clinic_id,opted_out\n"


def test_no_block_of_the_file_holds_who_opted_out(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    sentinel = "SENTINEL-4711-OF-A-PERSON"
    people = OPT_OUTS + f"{sentinel},1950-01-01,female,C1,\nB,1960-02-02,male,C2,\n"
    committed(tmp_path / "1", file, "r1", lab(1, sentinel) + lab(2, "B"), people)
    assert sentinel.encode() in file.read_bytes()
    mode = file.stat().st_mode
    night = (
        SmallNight(tmp_path / "2", warehouse=file)
        .csv("patients", people.replace("C1,", "C1,yes"))
        .csv("labs", LABS + lab(1, sentinel) + lab(2, "B"))
    )
    night.run()
    night.commit("r2", patients=("B",))
    assert [path.name for path in tmp_path.glob("*warehouse*")] + [
        path.name for path in tmp_path.glob(".*warehouse*")
    ] == ["warehouse.duckdb"]
    assert sentinel.encode() not in file.read_bytes()
    assert file.stat().st_mode == mode
    assert rows(file, "select run_id from runs order by run_no") == [("r1",), ("r2",)]
    assert rows(file, "select value from labs") == [("2",)]


def test_a_file_that_was_to_be_written_anew_is_by_the_next_who_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "warehouse.duckdb"
    sentinel = "SENTINEL-4711-OF-A-PERSON"
    people = OPT_OUTS + f"{sentinel},1950-01-01,female,C1,\nB,1960-02-02,male,C2,\n"
    committed(tmp_path / "1", file, "r1", lab(1, sentinel) + lab(2, "B"), people)
    night = (
        SmallNight(tmp_path / "2", warehouse=file)
        .csv("patients", people.replace("C1,", "C1,yes"))
        .csv("labs", LABS + lab(1, sentinel) + lab(2, "B"))
    )
    night.run()
    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "_write_anew", lambda _: None)
        night.commit("r2", patients=("B",))
    assert rows(file, "select value from labs") == [("2",)]
    with night.opened():
        pass
    assert sentinel.encode() not in file.read_bytes()
    assert rows(file, "select value from labs") == [("2",)]


def test_behind_a_link_the_file_itself_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    file, link = tmp_path / "vault" / "w.duckdb", tmp_path / "w.duckdb"
    link.symlink_to(file)
    sentinel = "SENTINEL-4711-OF-A-PERSON"
    people = OPT_OUTS + f"{sentinel},1950-01-01,female,C1,\nB,1960-02-02,male,C2,\n"
    committed(tmp_path / "1", link, "r1", lab(1, sentinel) + lab(2, "B"), people)
    committed(tmp_path / "2", link, "r2", lab(2, "B"), people.replace("C1,", "C1,yes"))
    assert link.is_symlink()
    assert sentinel.encode() not in file.read_bytes()
    assert rows(file, "select value from labs") == [("2",)]


def test_an_increment_says_an_opt_out_once(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    rests = OPT_OUTS + "B,1960-02-02,male,C2,\n"
    committed(tmp_path / "1", file, "r1", lab(1) + lab(2, "B"), mode="increment")
    out = committed(
        tmp_path / "2", file, "r2", "", OPT_OUTS + "A,1950-01-01,female,C1,yes\n", mode="increment"
    )
    assert out.outcome.in_force["patients"]["patient_id"].to_list() == ["B"]  # type: ignore[attr-defined]
    later = committed(tmp_path / "3", file, "r3", lab(3, "A") + lab(4, "B"), rests, mode="increment")
    assert later.outcome.conservation["labs"]["opted_out"] == 1  # type: ignore[attr-defined]
    assert later.outcome.conservation["labs"]["quarantined"] == 0  # type: ignore[attr-defined]
    assert rows(file, "select value from labs order by value") == [("2",), ("4",)]
    # A row that does not speak of it changes nothing; a row that says no does.
    silent = OPT_OUTS + "A,1950-01-01,female,C1,\n"
    fourth = committed(tmp_path / "4", file, "r4", lab(5, "A"), silent, mode="increment")
    assert fourth.outcome.in_force["patients"]["patient_id"].to_list() == ["B"]  # type: ignore[attr-defined]
    back = OPT_OUTS + "A,1950-01-01,female,C1,no\n"
    committed(tmp_path / "5", file, "r5", lab(6, "A"), back, mode="increment")
    assert rows(file, "select value from labs where patient_id = 'A'") == [("6",)]
    assert rows(file, "select count(*) from opted_out") == [(0,)]


def test_an_opt_out_alone_makes_another_night(tmp_path: Path) -> None:
    def of(folder: str, people: str) -> str:
        night = (
            SmallNight(tmp_path / folder).csv("patients", OPT_OUTS + people).csv("labs", LABS + lab(2, "B"))
        )
        return str(night.run().fingerprint)

    known = "B,1960-02-02,male,C2,\n"
    assert of("1", known) != of("2", known + "X,1950-01-01,female,C1,yes\n")
    assert of("3", known + "X,1950-01-01,female,C1,yes\n") != of("4", known + "Y,1950-01-01,female,C1,yes\n")


def test_the_previous_publication_is_the_one_before_this_run(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    night = committed(tmp_path / "1", file, "r1", lab(1))
    with night.opened() as warehouse:
        assert warehouse.previous_publication("r1") is None
    night = committed(tmp_path / "2", file, "r2", lab(1) + lab(2))
    with night.opened() as warehouse:
        assert warehouse.previous_publication("r2") == {
            "run_id": "r1",
            "as_of": date(2026, 6, 30),
            "recognised_b12_rows": 1,
        }
        previous = warehouse.previous_publication()
    assert previous is not None
    assert previous["run_id"] == "r2"


def test_a_failed_commit_leaves_the_warehouse_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "warehouse.duckdb"
    committed(tmp_path / "1", file, "r1", lab(1))
    night = SmallNight(tmp_path / "2", warehouse=file).csv("patients", PATIENTS).csv("labs", LABS + lab(2))
    night.run()

    def failing(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Warehouse, "_write_run", failing)
    with pytest.raises(OSError, match="no space"):
        night.commit("r2")
    assert rows(file, "select value, absent_since_run from labs") == [("1", None)]
    assert rows(file, "select run_id from runs") == [("r1",)]


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with Warehouse(file, tmp_path / "work"):
        pass
    with duckdb.connect(str(file)) as connection:
        connection.execute("update schema_version set version = 99")
    with pytest.raises(ConfigurationError, match="layout 99"), Warehouse(file, tmp_path / "work"):
        pass


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table theirs (a integer)")
    with (
        pytest.raises(ConfigurationError, match=r"layout none|cannot be opened"),
        Warehouse(file, tmp_path / "work"),
    ):
        pass
    (tmp_path / "text.duckdb").write_text("not a database at all, but long enough to have a header" * 100)
    with pytest.raises(ConfigurationError), Warehouse(tmp_path / "text.duckdb", tmp_path / "work"):
        pass


def test_a_file_open_in_another_process_is_locked(tmp_path: Path) -> None:
    import subprocess
    import sys

    file = tmp_path / "warehouse.duckdb"
    with Warehouse(file, tmp_path / "work"):
        pass
    holding = (
        f"import duckdb, sys; c = duckdb.connect({str(file)!r}); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunLocked), Warehouse(file, tmp_path / "work"):
            pass
        other.communicate("")


def test_the_file_can_be_read_by_the_next_engine(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with Warehouse(file, tmp_path / "work") as warehouse:
        found = warehouse._rows(
            "select tags['storage_version'] from duckdb_databases() where database_name = 'store'"
        )
    assert found[0][0].startswith("v1.5")
