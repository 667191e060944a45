"""PostgreSQL as a source: a real server over a real connection, whole nights, and everything that breaks."""

from __future__ import annotations

import logging
import re
import resource
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import stages
from flows.context import opened, plan
from schemas.errors import ConfigurationError, InputRefused, SourceUnavailable
from schemas.vocabulary import TABLES
from sources.base import Asked, DatabaseSettings, Part, SourceSettings, TableMapping
from sources.gather import gather
from sql.warehouse import Warehouse
from tests.integration.command import call
from tests.night import Publication
from tests.sources import demo, demo_in_postgres
from tests.sources.postgres_server import PASSWORD, SUPERUSER, Server, running

pytestmark = pytest.mark.xdist_group("postgres")

AS_OF = date(2026, 6, 30)
SECRET = "ID-SENTINEL-0815"
ONE_PATIENT = (
    f"select '{SECRET}' as patient_id, '1960-01-01' as birth_date, 'female' as sex, 'C1' as clinic_id"
)
ONE_MEDICATION = f"select '{SECRET}' as patient_id, 'metformin' as drug_name"
MANY_LABS = f"""
select '{SECRET}' || i as patient_id, '212' as value, '2026-05-20' as collected_at, '2132-9' as code,
    repeat('x', 100) as test_name
from generate_series(1, 200000) as i"""
MANY = 200_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def clinic(server: Server) -> Server:
    demo_in_postgres.load(server)
    return server


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_USER", SUPERUSER)
    monkeypatch.setenv("CLINIC_PASSWORD", PASSWORD)


def source(server: Server, queries: Path, **given: Any) -> SourceSettings:
    of_database = {
        "queries": queries,
        "host": "127.0.0.1",
        "port": server.port,
        "dbname": "postgres",
        "user_env": "CLINIC_USER",
        "password_env": "CLINIC_PASSWORD",
        "sslmode": "disable",
        "wait": 0.01,
        "statement_timeout": 60,
    }
    own = {name: value for name, value in given.items() if name in SourceSettings.__dataclass_fields__}
    database = DatabaseSettings(**of_database | {k: v for k, v in given.items() if k not in own})
    return SourceSettings(name="hospital", path=Path(), kind="postgres", database=database, **own)


def written(folder: Path, **queries: str) -> Path:
    folder.mkdir(exist_ok=True)
    defaults = {"patients": ONE_PATIENT, "labs": MANY_LABS, "medications": ONE_MEDICATION}
    for table, text in (defaults | queries).items():
        (folder / f"{table}.sql").write_text(text)
    return folder


def landed(asked_of: SourceSettings, work: Path, **given: Any) -> dict[str, Part]:
    parts = gather(asked_of, Asked(work=work, as_of=AS_OF, **given))
    return {part.table: part for part in parts}


def one_lab(cell: str, column: str = "value") -> str:
    """A query of one laboratory row with `cell`, an expression, in a column."""
    cells = {"value": "'1'", "collected_at": "'2026-05-20'"} | {column: cell}
    return f"select 'a' as patient_id, 'x' as code, {', '.join(f'{v} as {k}' for k, v in cells.items())}"


# -- the same people ------------------------------------------------------------------------------------------------


def test_the_demonstration_people_land_as_they_stand_in_their_files(clinic: Server, tmp_path: Path) -> None:
    queries = demo_in_postgres.queries(tmp_path / "queries")
    parts = landed(source(clinic, queries, dbname=demo_in_postgres.DATABASE), tmp_path)
    assert list(parts) == list(TABLES)
    for table, part in parts.items():
        frame = pl.read_parquet(part.read_path)
        assert set(frame.dtypes) == {pl.String}
        assert part.rows == frame.height == len(demo.rows_of(table))
        found = sorted(str(demo.canonical(table, row)) for row in frame.to_dicts())
        assert found == sorted(str(demo.canonical(table, row)) for row in demo.rows_of(table)), table


CONFIG = """
[screen]
as_of = 2026-06-30
timezone = "Europe/London"
output = "out"

[sources.clinic]
"""
AS_DATABASE = """
kind = "postgres"
[sources.clinic.database]
host = "127.0.0.1"
port = {port}
dbname = "{dbname}"
user_env = "CLINIC_USER"
password_env = "CLINIC_PASSWORD"
sslmode = "disable"
queries = "queries"
attempts = 2
wait = 0.01
"""


def configured(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / "site.toml").write_text(CONFIG + text)
    return home / "site.toml"


def in_database(home: Path, server: Server, dbname: str = demo_in_postgres.DATABASE) -> Path:
    return configured(home, AS_DATABASE.format(port=server.port, dbname=dbname))


def screened(config: Path) -> Publication:
    with opened(plan(config=config, with_workbooks=False, accept_low_volume=True)) as night:
        run_id = stages.run_all(night)["run_id"]
    return Publication(night.output / run_id)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_lists_are_byte_for_byte_those_of_the_files(clinic: Server, tmp_path: Path) -> None:
    of_files = configured(tmp_path / "files", 'path = "extract"')
    demo.as_folder(tmp_path / "files" / "extract")
    of_database = in_database(tmp_path / "database", clinic)
    demo_in_postgres.queries(tmp_path / "database" / "queries")
    expected, found = screened(of_files), screened(of_database)
    assert found.folder.name == expected.folder.name
    before, after = files_below(expected.folder), files_below(found.folder)
    assert set(before) == set(after)
    lists = {name for name in before if name.startswith(("all/", "clinics/"))}
    assert len(lists) > 10
    assert [name for name in sorted(lists) if before[name] != after[name]] == []
    # Only what names the delivered files may differ.
    assert {n for n in before if before[n] != after[n]} <= {
        "manifest.json",
        "report.html",
        *quarantine(before),
    }


def quarantine(files: Mapping[str, bytes]) -> set[str]:
    return {name for name in files if name.startswith("quarantine/")}


# -- the page -------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "source-database.md"
PEOPLE = """
insert into people values ('A1', '1950-05-04', 'F', 'North', null, null), ('A2', '1960-01-01', 'M', 'South', null, true)
"""
RESULTS = """
insert into results values
    (1, 'A1', 'B12S', 142.50, 'ng/L', '2026-05-20 10:30+01', '2026-05-21'),
    (2, 'A1', 'B12S', 130.00, 'ng/L', '2026-07-01 10:30+01', '2026-06-20')
"""
SCRIPTS = "insert into scripts values ('A1', 'Metformin 500 mg', '2021-03-12', 'active', '2021-03-12')"


def test_the_page_works_word_for_word(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = {text.splitlines()[0][3:]: text for text in re.findall(r"```sql\n(.*?)```", page, re.DOTALL)}
    tables, rights = blocks["the tables of the example"], blocks["once, in the database"]
    server.run("create database lis")
    statements = [text for block in (tables, rights) for text in block.split(";") if text.strip()]
    server.run(*statements, PEOPLE, RESULTS, SCRIPTS, database="lis")
    (tmp_path / "config" / "queries" / "hospital").mkdir(parents=True)
    for name, text in blocks.items():
        if name.startswith("queries/"):
            (tmp_path / "config" / name).write_text(text)
    config = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert config
    # The example's server is elsewhere, and has a certificate.
    text = config.group(1).replace("reporting.example", "127.0.0.1").replace("5432", str(server.port))
    text = re.sub(r"sslmode.*\nsslrootcert.*\n", 'sslmode = "disable"\n', text)
    (tmp_path / "config" / "site.toml").write_text(text)
    monkeypatch.setenv("B12_LIS_USER", "b12_reader")
    monkeypatch.setenv("B12_LIS_PASSWORD", "the-password")
    asked = {"config": tmp_path / "config" / "site.toml", "as_of": AS_OF}
    with opened(plan(**asked, with_workbooks=False, accept_low_volume=True)) as planned:
        run_id = stages.run_all(planned)["run_id"]
    published = Publication(planned.output / run_id)
    assert list(published.by_person) == ["A1"]
    with Warehouse(tmp_path / "out" / "warehouse.duckdb", tmp_path / "look") as warehouse:
        assert warehouse.watermarks() == {("hospital", "labs"): "2026-05-21T00:00:00+00:00"}


# -- what arrives ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("1.10::numeric", "1.10"),
        ("123456789012345678901234567890.123456789::numeric", "123456789012345678901234567890.123456789"),
        ("0.1::float8", "0.1"),
        ("0.1::real", "0.1"),
        ("7::smallint", "7"),
        ("true", "true"),
        ("'<150'::varchar(9)", "<150"),
        ("'ab '::char(5)", "ab"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("null::numeric", None),
        ("'2026-05-20'::date", "2026-05-20"),
        ("'2026-05-20 10:30'::timestamp", "2026-05-20T10:30:00"),
        ("'2026-05-20 10:30:00.25+02'::timestamptz", "2026-05-20T08:30:00.25+00"),
        ("'infinity'::timestamptz", "infinity"),
        ("E'a\\tb\\nc'", "a\tb\nc"),
        ("'200%'", "200%"),
    ],
)
def test_every_type_arrives_as_exact_text(
    server: Server, tmp_path: Path, cell: str, text: str | None
) -> None:
    queries = written(tmp_path / "q", labs=one_lab(cell))
    part = landed(source(server, queries), tmp_path)["labs"]
    assert pl.read_parquet(part.read_path)["value"].to_list() == [text]


def test_text_does_not_depend_on_the_settings_of_the_server(server: Server, tmp_path: Path) -> None:
    server.run(
        "alter database postgres set datestyle = 'SQL, DMY'",
        "alter database postgres set timezone = 'Asia/Tokyo'",
        "alter database postgres set extra_float_digits = -10",
    )
    try:
        cells = "'2026-05-20 10:30+00'::timestamptz || '' as unit, 0.123456789012::float8"
        queries = written(
            tmp_path / "q",
            labs=one_lab("'2026-05-20 10:30+00'::timestamptz", "collected_at") + f", {cells} as value2",
        )
        of_labs = source(server, queries, tables={"labs": TableMapping({"value": "value2"})})
        row = pl.read_parquet(landed(of_labs, tmp_path)["labs"].read_path).row(0, named=True)
        assert row["collected_at"] == "2026-05-20T10:30:00+00"
        assert row["unit"] == "2026-05-20 10:30:00+00"
        assert row["value"] == "0.123456789012"
    finally:
        server.run("alter database postgres reset all")


def test_columns_are_bound_by_the_mapping_and_others_stay_there(server: Server, tmp_path: Path) -> None:
    text = (
        "select 'a' as \"NHI\", '5' as result, '2026-05-20' as \"Sample Date\", 'B12S' as test, 'x' as note"
    )
    mapping = TableMapping(
        {"patient_id": "NHI", "value": "RESULT", "collected_at": "sample date", "code": "test"}
    )
    of_labs = source(server, written(tmp_path / "q", labs=text), tables={"labs": mapping})
    part = landed(of_labs, tmp_path)["labs"]
    assert part.header == ("patient_id", "value", "collected_at", "code")
    assert pl.read_parquet(part.read_path).rows() == [("a", "5", "2026-05-20", "B12S")]


def test_a_missing_column_is_refused_with_the_closest(server: Server, tmp_path: Path) -> None:
    text = "select 'a' as patient_id, '5' as value, '2026-05-20' as colected_at, 'x' as code"
    with pytest.raises(InputRefused, match=r"labs\.sql.*collected_at") as told:
        landed(source(server, written(tmp_path / "q", labs=text)), tmp_path)
    assert '"colected_at"' in told.value.hint


def test_parameters_reach_the_query(server: Server, tmp_path: Path) -> None:
    text = one_lab("$as_of || coalesce($watermark, ' first') || '$as_of' -- $as_of\n")
    queries = written(tmp_path / "q", labs=text)
    part = landed(source(server, queries), tmp_path)["labs"]
    assert pl.read_parquet(part.read_path)["value"].to_list() == ["2026-06-30 first$as_of"]


def test_a_look_reads_so_many_rows_of_each_table(server: Server, tmp_path: Path) -> None:
    parts = landed(source(server, written(tmp_path / "q")), tmp_path, sample=10)
    assert {table: part.rows for table, part in parts.items()} == {
        "patients": 1,
        "labs": 10,
        "medications": 1,
    }


def test_all_tables_show_one_state_of_the_database(server: Server, tmp_path: Path) -> None:
    """A row that arrives after the first table was read is seen in none of the later ones."""
    server.run("drop table if exists moving", "create table moving (patient_id text)")

    def arrive(_: int) -> None:
        server.run("insert into moving values ('late')")

    labs = "select patient_id, '1' as value, '2026-05-20' as collected_at, 'x' as code from moving"
    # Patients are read first; the relay lets the row in while they are on their way.
    patients = MANY_LABS.replace("'212' as value", "'1960-01-01' as birth_date, 'F' as sex, 'C' as clinic_id")
    queries = written(tmp_path / "q", patients=patients, labs=labs)
    with relay(server.port, 1_000_000, arrive) as port:
        parts = landed(source(server, queries, port=port), tmp_path)
    assert server.rows("select count(*) from moving") == [(1,)]
    assert parts["labs"].rows == 0
    assert parts["patients"].rows == MANY


# -- reading on -----------------------------------------------------------------------------------------------------


@pytest.fixture
def changing(server: Server) -> Iterator[Server]:
    server.run(
        "create table results (id text, seen_at timestamptz)",
        "insert into results values ('one', '2026-06-01 10:00+00'), ('two', '2026-06-10 10:00+00')",
    )
    yield server
    server.run("drop table results")


CHANGED = """
select id as patient_id, '212' as value, '2026-05-20' as collected_at, '2132-9' as code, seen_at
from results
where $watermark is null or seen_at >= $watermark::timestamptz
"""


def increment(server: Server, tmp_path: Path, **given: Any) -> SourceSettings:
    queries = written(tmp_path / "q", labs=CHANGED)
    return source(server, queries, mode="increment", watermark={"labs": "SEEN_AT"}, **given)


def read_on(asked_of: SourceSettings, work: Path, before: str | None) -> tuple[list[str], str | None]:
    marks = {("hospital", "labs"): before} if before else {}
    part = landed(asked_of, work, watermarks=marks)["labs"]
    assert "seen_at" not in part.header
    return sorted(pl.read_parquet(part.read_path)["patient_id"].to_list()), part.watermark


def test_the_second_night_reads_from_the_watermark_less_the_overlap(changing: Server, tmp_path: Path) -> None:
    asked_of = increment(changing, tmp_path, overlap=timedelta(days=2))
    rows, mark = read_on(asked_of, tmp_path, None)
    assert (rows, mark) == (["one", "two"], "2026-06-10T10:00:00+00:00")
    changing.run(
        # Late, but within two days of the watermark; late by more; and new.
        "insert into results values ('late', '2026-06-09 00:00+00'), ('lost', '2026-06-08 09:59+00'), "
        "('new', '2026-06-12 10:00:00.5+00')"
    )
    assert read_on(asked_of, tmp_path, mark) == (["late", "new", "two"], "2026-06-12T10:00:00.500000+00:00")


def test_a_night_without_rows_keeps_the_watermark(changing: Server, tmp_path: Path) -> None:
    changing.run("truncate results")
    asked_of = increment(changing, tmp_path)
    assert read_on(asked_of, tmp_path, None) == ([], None)
    assert read_on(asked_of, tmp_path, "2026-06-10T10:00:00+00:00") == ([], "2026-06-10T10:00:00+00:00")


def test_the_watermark_never_goes_back(changing: Server, tmp_path: Path) -> None:
    changing.run("delete from results where id = 'two'")
    asked_of = increment(changing, tmp_path, overlap=timedelta(days=20))
    mark = "2026-06-10T10:00:00+00:00"
    assert read_on(asked_of, tmp_path, mark) == (["one"], mark)


def test_a_row_from_the_future_does_not_hide_later_ones(changing: Server, tmp_path: Path) -> None:
    changing.run("insert into results values ('ahead', '2999-01-01'), ('never', 'infinity')")
    _, mark = read_on(increment(changing, tmp_path), tmp_path, None)
    now = changing.rows("select now()")[0][0]
    assert now - timedelta(minutes=5) <= datetime.fromisoformat(str(mark)) <= now


@pytest.mark.parametrize(
    ("kind", "mark"), [("date", "2026-06-10T00:00:00"), ("timestamp", "2026-06-10T10:00:00")]
)
def test_watermarks_may_be_dates_and_local_times(
    changing: Server, tmp_path: Path, kind: str, mark: str
) -> None:
    changing.run(f"alter table results alter seen_at type {kind}")
    asked_of = increment(changing, tmp_path)
    assert read_on(asked_of, tmp_path, None) == (["one", "two"], mark)
    assert read_on(asked_of, tmp_path, mark) == (["two"], mark)


def test_a_watermark_must_be_a_time_that_the_query_gives(changing: Server, tmp_path: Path) -> None:
    as_text = CHANGED.replace("seen_at\nfrom", "seen_at::text as seen_at\nfrom")
    queries = written(tmp_path / "q", labs=as_text)
    asked_of = source(changing, queries, mode="increment", watermark={"labs": "seen_at"})
    with pytest.raises(InputRefused, match="neither a date nor a time"):
        landed(asked_of, tmp_path)
    written(queries, labs=CHANGED.replace("seen_at\nfrom", "seen_at as seen_on\nfrom"))
    with pytest.raises(InputRefused, match="does not give the watermark column") as told:
        landed(asked_of, tmp_path)
    assert '"seen_on"' in told.value.hint


def test_a_watermark_is_kept_with_a_committed_night_only(changing: Server, tmp_path: Path) -> None:
    written(tmp_path / "queries", labs=CHANGED)
    text = AS_DATABASE.replace('kind = "postgres"', 'kind = "postgres"\nmode = "increment"')
    config = configured(
        tmp_path, text.format(port=changing.port, dbname="postgres") + 'watermark = { labs = "seen_at" }\n'
    )
    with opened(plan(config=config, with_workbooks=False, accept_low_volume=True)) as night:
        for stage in stages.STORY[:-1]:
            stage(night.file)
    assert marks_in(tmp_path) == {}
    screened(config)
    assert marks_in(tmp_path) == {("clinic", "labs"): "2026-06-10T10:00:00+00:00"}
    changing.run("insert into results values ('three', '2026-06-12 10:00+00')")
    with opened(plan(config=config, with_workbooks=False, accept_low_volume=True)) as night:
        assert stages.extract(night.file)["labs"] == 2
    assert marks_in(tmp_path) == {("clinic", "labs"): "2026-06-10T10:00:00+00:00"}


def marks_in(home: Path) -> dict[tuple[str, str], str]:
    with Warehouse(home / "out" / "warehouse.duckdb", home / "look") as warehouse:
        return warehouse.watermarks()


# -- what breaks ----------------------------------------------------------------------------------------------------


@contextmanager
def relay(port: int, after: int, do: Callable[[int], None], times: int = 1) -> Iterator[int]:
    """A port that leads to the server; once `after` bytes of an answer went by, `do` is called with the descriptor.

    It is called for the first `times` connections that come so far.
    """
    done: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def carry(source: socket.socket, target: socket.socket, is_answer: bool) -> None:
            carried, is_open = 0, is_answer
            try:
                while block := source.recv(65_536):
                    carried += len(block)
                    if is_open and carried > after and len(done) < times:
                        is_open = False
                        done.append(1)
                        do(target.fileno())
                    target.sendall(block)
            except OSError:
                pass
            finally:
                for end in (source, target):
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            while True:
                try:
                    client, _ = door.accept()
                    onward = socket.create_connection(("127.0.0.1", port))
                except OSError:
                    return
                for ends in ((client, onward, False), (onward, client, True)):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield door.getsockname()[1]


def cut(descriptor: int) -> None:
    with socket.socket(fileno=descriptor) as end:
        end.shutdown(socket.SHUT_RDWR)
        end.detach()


def terminated(server: Server) -> Callable[[int], None]:
    everyone = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'b12screen'"
    return lambda _: server.run(everyone)


def restarted(server: Server) -> Callable[[int], None]:
    def restart(_: int) -> None:
        server.stop()
        server.start()

    return restart


def assert_silent(told: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a person nor the password is in what was said, nor in the errors behind it."""
    said = "".join(traceback.format_exception(told)) + caplog.text
    assert told.__context__ is None
    for secret in (SECRET, PASSWORD, SUPERUSER):
        assert secret not in said


@pytest.mark.parametrize("fault", ["cut", "terminated", "restarted"])
def test_a_connection_lost_on_the_way_is_begun_again(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    do = {"cut": cut, "terminated": terminated(server), "restarted": restarted(server)}[fault]
    with caplog.at_level(logging.INFO), relay(server.port, 5_000_000, do) as port:
        parts = landed(source(server, written(tmp_path / "q"), port=port), tmp_path)
    assert parts["labs"].rows == pl.read_parquet(parts["labs"].read_path).height == MANY
    assert "source=hospital the connection broke off; attempt 2 of 4" in caplog.text
    assert SECRET not in caplog.text


def test_a_connection_lost_again_and_again_is_refused(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO),
        relay(server.port, 5_000_000, cut, times=9) as port,
        pytest.raises(SourceUnavailable, match="broke off, 3 times in a row") as told,
    ):
        landed(source(server, written(tmp_path / "q"), port=port, attempts=3), tmp_path)
    assert_silent(told.value, caplog)
    assert not list((tmp_path / "landed").rglob("*.parquet"))


def test_a_database_that_is_down_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        asked_of = source(Absent(nobody.getsockname()[1]), written(tmp_path / "q"), attempts=2)
        with pytest.raises(SourceUnavailable, match="cannot be reached, 2 times in a row") as told:
            landed(asked_of, tmp_path)
    assert_silent(told.value, caplog)


class Absent(Server):
    def __init__(self, port: int) -> None:
        self.port = port


def test_a_query_that_takes_too_long_is_ended(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queries = written(tmp_path / "q", labs=one_lab("pg_sleep(20)::text"))
    with pytest.raises(SourceUnavailable, match=r"labs\.sql.*statement_timeout") as told:
        landed(source(server, queries, statement_timeout=1), tmp_path)
    assert_silent(told.value, caplog)


@pytest.mark.parametrize(
    ("change", "query", "said"),
    [
        (
            "alter table tonight rename value to result",
            "select patient_id,\n  t.value, at as collected_at, code from tonight t",
            r"labs\.sql, line 2: .* a column that does not exist: t\.value \(SQLSTATE 42703\)",
        ),
        (
            "alter table tonight drop value",
            "select *, at as collected_at from tonight",
            "required column value",
        ),
        (
            "drop table tonight",
            "select *, at as collected_at from tonight",
            "line 1: .* a table that does not exist: tonight",
        ),
        (
            "alter table tonight alter at type text using 'haemolysed ID-SENTINEL-0815'",
            "select *, at::date as collected_at from tonight",
            r"fails on what it reads \(SQLSTATE 22007\)",
        ),
    ],
)
def test_a_table_that_was_changed_is_refused(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str, query: str, said: str
) -> None:
    server.run(
        "drop table if exists tonight",
        f"create table tonight as select '{SECRET}' as patient_id, 212 as value, current_date as at, 'x' as code",
    )
    asked_of = source(server, written(tmp_path / "q", labs=query))
    assert landed(asked_of, tmp_path)["labs"].rows == 1
    server.run(change)
    with pytest.raises(InputRefused, match=said) as told:
        landed(asked_of, tmp_path)
    assert_silent(told.value, caplog)


def test_a_column_of_another_type_still_arrives(server: Server, tmp_path: Path) -> None:
    server.run(
        "drop table if exists tonight",
        "create table tonight as select 'a' as patient_id, 212 as value, current_date as collected_at, 'x' as code",
    )
    asked_of = source(server, written(tmp_path / "q", labs="select * from tonight"))
    assert pl.read_parquet(landed(asked_of, tmp_path)["labs"].read_path)["value"].to_list() == ["212"]
    server.run("alter table tonight alter value type text using '<' || value")
    assert pl.read_parquet(landed(asked_of, tmp_path)["labs"].read_path)["value"].to_list() == ["<212"]


def test_a_user_without_rights_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.run(
        "drop table if exists private",
        f"create table private as {one_lab(repr(SECRET), 'patient_code')}",
        "drop role if exists reader",
        "create role reader login password 'reader''s \\ secret'",
        "grant select on private to reader",
    )
    monkeypatch.setenv("CLINIC_USER", "reader")
    monkeypatch.setenv("CLINIC_PASSWORD", "reader's \\ secret")
    asked_of = source(server, written(tmp_path / "q", labs="select * from private"))
    assert landed(asked_of, tmp_path)["labs"].rows == 1
    server.run("revoke select on private from reader")
    with pytest.raises(InputRefused, match=r"labs\.sql: the user may not read what the query names") as told:
        landed(asked_of, tmp_path)
    assert_silent(told.value, caplog)


def test_a_query_cannot_change_anything(server: Server, tmp_path: Path) -> None:
    server.run("drop table if exists kept", "create table kept as select 1 as a")
    server.run(
        "create or replace function spoil() returns text language sql as 'delete from kept; select ''1'''"
    )
    with pytest.raises(InputRefused, match="it would change something"):
        landed(source(server, written(tmp_path / "q", labs=one_lab("spoil()"))), tmp_path)
    assert server.rows("select count(*) from kept") == [(1,)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CLINIC_PASSWORD": "wrong"}, "refuses the user or the password"),
        ({"CLINIC_USER": "nobody-here"}, "refuses the user or the password"),
    ],
)
def test_a_wrong_login_is_refused_at_once(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    given: dict[str, str],
    said: str,
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SourceUnavailable, match=said) as told:
        landed(source(server, written(tmp_path / "q"), wait=600), tmp_path)
    assert_silent(told.value, caplog)
    assert not any(value in str(told.value) for value in given.values())


def test_an_unknown_database_and_missing_encryption_are_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no such database"):
        landed(source(server, written(tmp_path / "q"), dbname="nowhere", wait=600), tmp_path)
    with pytest.raises(SourceUnavailable, match="encrypted"):
        landed(source(server, written(tmp_path / "q"), sslmode="require", wait=600), tmp_path)


def test_secrets_may_stand_in_a_file(server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    asked_of = source(server, written(tmp_path / "q"), password_env=None, password_file=secret)
    for text, said in (("", "it is empty"), ("a\nb\n", "more than one line")):
        secret.write_text(text)
        with pytest.raises(ConfigurationError, match=said):
            landed(asked_of, tmp_path)
    secret.write_text(f"{PASSWORD}\n")
    assert landed(asked_of, tmp_path, sample=1)["labs"].rows == 1
    secret.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        landed(asked_of, tmp_path)


def test_a_variable_that_is_not_set_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLINIC_PASSWORD")
    with pytest.raises(ConfigurationError, match="CLINIC_PASSWORD, which `password_env` names, is not set"):
        landed(source(server, written(tmp_path / "q")), tmp_path)


@pytest.mark.parametrize("module", ["adbc_driver_postgresql", "sqlglot"])
def test_a_driver_that_is_not_installed_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=r"is not installed") as told:
        landed(source(server, written(tmp_path / "q")), tmp_path)
    assert "b12screen[postgres]" in told.value.hint


# -- whole nights that must not be ----------------------------------------------------------------------------------


def night(home: Path, **options: Any) -> Any:
    return call("run", "--direct", "--no-workbooks", "--config", home / "site.toml", **options)


def assert_nothing_published(home: Path, told: Any, code: int) -> None:
    assert told.code == code, told.err
    assert not [path for path in (home / "out").iterdir() if not path.name.startswith((".", "warehouse"))]
    for secret in (SECRET, PASSWORD, SUPERUSER, "DEMO-"):
        assert secret not in told.out + told.err


def test_a_refused_query_publishes_nothing(server: Server, tmp_path: Path) -> None:
    in_database(tmp_path, server, "postgres")
    written(
        tmp_path / "queries", labs=MANY_LABS.replace("'212' as value", f"('{SECRET}' || i)::numeric as value")
    )
    told = night(tmp_path)
    assert_nothing_published(tmp_path, told, 3)
    assert "labs.sql: the database refuses the query: it fails on what it reads (SQLSTATE 22P02)" in told.err


def test_a_full_disk_publishes_nothing(server: Server, tmp_path: Path) -> None:
    in_database(tmp_path, server, "postgres")
    written(tmp_path / "queries", labs=MANY_LABS.replace("repeat('x', 100)", "md5(i::text)"))
    limit = 300_000
    told = night(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert_nothing_published(tmp_path, told, 5)
    assert "labs.sql: its landed copy cannot be written: file too large" in told.err


def test_a_missing_variable_ends_with_the_code_of_a_wrong_configuration(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_database(tmp_path, server, "postgres")
    written(tmp_path / "queries")
    monkeypatch.delenv("CLINIC_USER")
    assert_nothing_published(tmp_path, night(tmp_path), 2)
