"""Object storage as a source: a real S3 server on loopback, whole nights, and a port before it that goes wrong."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from flows import stages
from flows.context import opened, plan
from flows.settings import load
from schemas.errors import ConfigurationError, InputRefused, OutputError, ScreenError, SourceUnavailable
from schemas.vocabulary import TABLES
from sources import storage
from sources.base import Asked, Part, SourceSettings, StorageSettings
from sources.gather import gather
from tests.integration.command import call
from tests.sources import demo

pytestmark = pytest.mark.xdist_group("storage")

AS_OF = date(2026, 6, 30)
KEY, SECRET = "AKIA-SENTINEL-KEY", "SENTINEL-SECRET-0815"
PATIENT = "ID-SENTINEL-4711"
PATIENTS = f"patient_id,birth_date,sex,clinic_id\n{PATIENT},1950-05-04,F,North\n".encode()
LABS = b"patient_id,value,collected_at,code\n" + f"{PATIENT},212,2026-05-20,B12\n".encode() * 3
MEDICATIONS = f"patient_id,drug_name\n{PATIENT},metformin\n".encode()


@dataclass
class Server:
    """An S3 server, and a bucket of its own for every test."""

    port: int
    bucket: str

    def url(self, prefix: str = "night") -> str:
        return f"s3://{self.bucket}/{prefix}"

    def store(self) -> S3Store:
        return S3Store(
            self.bucket,
            endpoint=f"http://127.0.0.1:{self.port}",
            region="us-east-1",
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )

    def put(self, key: str, content: bytes = b"") -> None:
        self.store().put(key, content)

    def request(self, method: str, path: str, body: bytes = b"") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        scope = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request"
        connection.request(method, path, body, {"Authorization": scope})
        return connection.getresponse().status


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def server(port: int, request: pytest.FixtureRequest) -> Server:
    made = Server(port, f"bucket-{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}")
    assert made.request("PUT", f"/{made.bucket}") == 200
    return made


@pytest.fixture
def small(server: Server) -> Server:
    for name, content in (("patients", PATIENTS), ("labs", LABS), ("medications", MEDICATIONS)):
        server.put(f"night/{name}.csv", content)
    return server


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_KEY", KEY)
    monkeypatch.setenv("STORAGE_SECRET", SECRET)


def source(server: Server, port: int | None = None, prefix: str = "night", **given: Any) -> SourceSettings:
    of_source = {name: given.pop(name) for name in list(given) if name in SourceSettings.__dataclass_fields__}
    told = {
        "endpoint": f"http://127.0.0.1:{port or server.port}",
        "region": "us-east-1",
        "access_key_env": "STORAGE_KEY",
        "secret_key_env": "STORAGE_SECRET",
        "attempts": 3,
        "wait": 0.01,
        "timeout": 5.0,
        **given,
    }
    settings = StorageSettings(url=server.url(prefix), **told)
    return SourceSettings(name="hospital", path=Path(), storage=settings, **of_source)


def fetched(asked_of: SourceSettings, work: Path, sample: int | None = None) -> list[Part]:
    return gather(asked_of, Asked(work=work / "work", as_of=AS_OF, sample=sample))


def refusal(asked_of: SourceSettings, work: Path, kind: type[ScreenError] = InputRefused) -> str:
    with pytest.raises(kind) as refused:
        fetched(asked_of, work)
    assert type(refused.value) is kind
    told = "".join(traceback.format_exception(refused.value))
    assert not [word for word in (KEY, SECRET, PATIENT) if word in told]
    return str(refused.value)


# -- the same people -------------------------------------------------------------------------------------------------

CONFIG = """
[screen]
as_of = 2026-06-30
timezone = "Europe/London"
output = "out"

[sources.clinic]
"""
ON_STORAGE = """
url = "{url}"
[sources.clinic.storage]
endpoint = "http://127.0.0.1:{port}"
region = "us-east-1"
access_key_env = "STORAGE_KEY"
secret_key_env = "STORAGE_SECRET"
attempts = 2
wait = 0.01
"""


def configured(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True, parents=True)
    (home / "site.toml").write_text(CONFIG + text)
    return home / "site.toml"


def published(config: Path) -> dict[str, bytes]:
    with opened(plan(config=config, with_workbooks=False, accept_low_volume=True)) as night:
        run = night.output / stages.run_all(night)["run_id"]
    return {str(path.relative_to(run.parent)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def demo_extract(folder: Path) -> dict[str, bytes]:
    """The demonstration people in every form of file: CSV, gzip, zstd and parts of Parquet."""
    demo.as_folder(folder / "plain")
    plain = {table: (folder / "plain" / f"{table}.csv").read_bytes() for table in TABLES}
    labs = pl.read_csv(plain["labs"], infer_schema=False)
    halves = []
    for half in (labs[: labs.height // 2], labs[labs.height // 2 :]):
        half.write_parquet(folder / "half.parquet")
        halves.append((folder / "half.parquet").read_bytes())
    return {
        "patients.csv": plain["patients"],
        "labs/part-1.parquet": halves[0],
        "labs/part-2.parquet": halves[1],
        "medications.csv.gz": gzip.compress(plain["medications"], mtime=0),
        "conditions.csv.zst": zstandard.compress(plain["conditions"]),
        "procedures.csv": plain["procedures"],
        "orders.csv": plain["orders"],
    }


def test_the_lists_are_byte_for_byte_those_of_the_folder(server: Server, tmp_path: Path) -> None:
    for name, content in demo_extract(tmp_path).items():
        server.put(f"exports/2026-06-30/{name}", content)
        path = tmp_path / "files" / "extract" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    expected = published(configured(tmp_path / "files", 'path = "extract"'))
    url = server.url("exports/2026-06-30/")
    found = published(configured(tmp_path / "storage", ON_STORAGE.format(url=url, port=server.port)))
    assert set(found) == set(expected)
    assert len([name for name in expected if "/all/" in name or "/clinics/" in name]) > 10
    # The files have the same names and bytes in both places, so even the manifest is the same but for the clock.
    differing = {name.partition("/")[2] for name in expected if found[name] != expected[name]}
    assert differing <= {"manifest.json"}


def test_parts_are_named_and_counted_as_in_a_folder(small: Server, tmp_path: Path) -> None:
    parts = fetched(source(small), tmp_path)
    assert [(part.name, part.rows, part.size) for part in parts] == [
        ("patients.csv", 1, len(PATIENTS)),
        ("labs.csv", 3, len(LABS)),
        ("medications.csv", 1, len(MEDICATIONS)),
    ]
    assert parts[1].read_path.read_bytes() == LABS
    assert parts[1].read_path.stat().st_mode & 0o077 == 0


# -- what lies there -------------------------------------------------------------------------------------------------


def test_folders_of_a_console_and_other_objects_are_passed_over(small: Server, tmp_path: Path) -> None:
    store = small.store()
    small.request("PUT", f"/{small.bucket}/night/")
    small.request("PUT", f"/{small.bucket}/night/orders/")
    for key in ("night/orders/a.csv", "night/orders/b.csv"):
        store.put(key, b"patient_id,ordered_on,code\nA1,2026-06-01,MMA\n")
    for key in ("night/README.txt", "night/other/labs.csv", "labs.csv", "night2/labs.csv", "night/_SUCCESS"):
        store.put(key, b"x")
    store.put("night/orders/c.csv.tmp", b"x")
    names = [part.name for part in fetched(source(small), tmp_path)]
    assert names == ["patients.csv", "labs.csv", "medications.csv", "orders/a.csv", "orders/b.csv"]


def test_the_whole_of_a_bucket_can_be_the_extract(server: Server, tmp_path: Path) -> None:
    for name, content in (("patients", PATIENTS), ("labs", LABS), ("medications", MEDICATIONS)):
        server.put(f"{name}.csv", content)
    assert len(fetched(source(server, prefix=""), tmp_path)) == 3


def test_names_are_checked_as_in_a_folder(small: Server, tmp_path: Path) -> None:
    small.store().delete("night/labs.csv")
    small.put("night/Labs.csv", LABS)
    told = refusal(source(small), tmp_path)
    assert f"table labs not found in {small.url()}; found: Labs.csv, medications.csv, patients.csv" in told
    assert "Did you mean Labs.csv -> labs.csv?" in told


def test_what_is_no_part_among_parts_is_refused(small: Server, tmp_path: Path) -> None:
    small.put("night/orders/a.csv", b"patient_id,ordered_on,code\n")
    small.put("night/orders/deep/b.csv", b"patient_id,ordered_on,code\n")
    assert "folder orders holds what is not a part: deep/" in refusal(source(small), tmp_path)


@pytest.mark.parametrize("key", ["night/a%5Cb.csv", "night/..%5C..%5Clabs.csv", "night/" + "n" * 300])
def test_a_name_that_no_file_can_have_is_refused(small: Server, tmp_path: Path, key: str) -> None:
    assert small.request("PUT", f"/{small.bucket}/{key}", b"x") == 200
    assert "whose name cannot be that of a file" in refusal(source(small), tmp_path)
    assert [path.name for path in tmp_path.rglob("*.csv")] == []


@pytest.mark.parametrize("key", ["night/../labs.csv", "night/labs/../../up.csv", "night/labs//a.csv"])
def test_names_that_lead_elsewhere_write_nothing_elsewhere(server: Server, tmp_path: Path, key: str) -> None:
    (tmp_path / "before").mkdir()
    asked_of = source(server)
    found = {"common_prefixes": [], "objects": [{"path": key, "size": 1, "e_tag": '"x"'}]}
    objects, others = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("obstore.list_with_delimiter", lambda *_: found)
        storage._list(server.store(), "night", "", asked_of.storage, "here", objects, others)
    assert all("/" not in item.name and item.name != ".." for item in objects)


def test_an_empty_prefix_is_refused(small: Server, tmp_path: Path) -> None:
    told = refusal(source(small, prefix="tomorrow"), tmp_path)
    assert f"there is nothing below {small.url('tomorrow')}" in told


def test_a_missing_bucket_is_refused(small: Server, tmp_path: Path) -> None:
    missing = Server(small.port, "no-such-bucket")
    assert "there is no such bucket or container as s3://no-such-bucket/night" in refusal(
        source(missing), tmp_path
    )


# -- a look ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [lambda text: text, lambda text: gzip.compress(text, 1), zstandard.compress])
def test_a_sample_fetches_no_more_of_a_csv_than_it_needs(
    small: Server, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    suffix = {"<lambda>": ".csv"}.get(pack.__name__, ".csv.zst")
    content = pack(
        LABS + b"".join(f"A{n * 7919 % 10**9},{n},2026-05-20,B{n * n}\n".encode() for n in range(250_000))
    )
    suffix = ".csv.gz" if content.startswith(b"\x1f\x8b") else suffix
    small.store().delete("night/labs.csv")
    small.put(f"night/labs{suffix}", content)
    part = fetched(source(small), tmp_path, sample=2)[1]
    copy = next(path for path in (tmp_path / "work").rglob(f"labs{suffix}"))
    assert part.rows == 2
    assert copy.stat().st_size == storage.LOOK_BYTES < len(content)


def test_a_sample_of_a_small_object_is_the_same(small: Server, tmp_path: Path) -> None:
    assert [part.rows for part in fetched(source(small), tmp_path, sample=2)] == [1, 2, 1]


def test_check_tries_the_storage(small: Server, tmp_path: Path) -> None:
    config = configured(tmp_path, ON_STORAGE.format(url=small.url(), port=small.port))
    told = call("check", "--config", str(config))
    assert "Source clinic (files, snapshot): can be read" in told.out


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "source-storage.md"


def test_the_page_works_word_for_word(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(port, "clinic-exports")
    assert server.request("PUT", "/clinic-exports") == 200
    for name, content in demo_extract(tmp_path).items():
        server.put(f"b12/{name}", content)
    first, pattern = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "site.toml").write_text(pattern)
    assert load(tmp_path / "site.toml", {}).sources["practice"].path == Path("/data/exports/2026-06-*")
    told = first.replace("https://minio.hospital.example", f"http://127.0.0.1:{port}")
    (tmp_path / "site.toml").write_text('[screen]\nas_of = 2026-06-30\noutput = "out"\n' + told)
    for variable, value in re.findall(r"export (\w+)=(\.+)", PAGE.read_text()):
        monkeypatch.setenv(variable, value)
    checked = call("check", "--config", tmp_path / "site.toml")
    assert "Source hospital (files, snapshot): can be read" in checked.out
    ran = call("run", "--direct", "--no-workbooks", "--config", tmp_path / "site.toml")
    assert (ran.code, ran.err.count("Traceback")) == (0, 0)


# -- faults ------------------------------------------------------------------------------------------------------------

Fault = Callable[[BaseHTTPRequestHandler, bytes], bool]


@dataclass
class Gate:
    """A port before the server. faults: what is done with the answers to come, in order; then all pass."""

    port: int
    faults: list[Fault] = field(default_factory=list)
    for_ever: Fault | None = None
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def gate(port: int) -> Iterator[Gate]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            opened_gate.asked.append(self.path)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            body = answer.read()
            fault = opened_gate.faults.pop(0) if opened_gate.faults else opened_gate.for_ever
            if fault and fault(self, body):
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (
                    "content-length",
                    "connection",
                    "transfer-encoding",
                    "server",
                    "date",
                ):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    opened_gate = Gate(proxy.server_address[1])
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield opened_gate
    proxy.shutdown()
    proxy.server_close()


def status(code: int) -> Fault:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        text = f"<Error><Code>Fault</Code><Message>{SECRET} {PATIENT}</Message></Error>".encode()
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
        return True

    return answer


def dropped(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    handler.close_connection = True
    handler.connection.close()
    return True


def passed(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    return False


def then(action: Callable[[], object]) -> Fault:
    def do(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        action()
        return False

    return do


def cut(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    """Half of an object, with the length of the whole, and then nothing."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("ETag", etag_of(body))
    handler.send_header("Last-Modified", "Tue, 30 Jun 2026 00:00:00 GMT")
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    return dropped(handler, body)


def etag_of(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize(
    "fault", [status(500), status(503), status(429), dropped], ids=["500", "503", "429", "drop"]
)
def test_what_passes_is_waited_for(small: Server, gate: Gate, tmp_path: Path, fault: Fault) -> None:
    gate.faults = [fault, fault, passed, fault, fault]
    parts = fetched(source(small, gate.port), tmp_path)
    assert [part.rows for part in parts] == [1, 3, 1]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (status(503), "status 503"),
        (status(500), "status 500"),
        (status(429), "status 429"),
        (dropped, "the connection failed or broke off"),
    ],
    ids=["503", "500", "429", "drop"],
)
@pytest.mark.parametrize("good", [0, 2], ids=["from the beginning", "in the middle"])
def test_what_does_not_pass_ends(
    small: Server, gate: Gate, tmp_path: Path, fault: Fault, told: str, good: int
) -> None:
    gate.faults, gate.for_ever = [passed] * good, fault
    message = refusal(source(small, gate.port), tmp_path, SourceUnavailable)
    assert f"{small.url()} cannot be read ({told}), 3 attempts" in message
    assert len(gate.asked) == good + 3


def test_a_connection_that_breaks_off_within_an_object_is_taken_up_again(
    small: Server, gate: Gate, tmp_path: Path
) -> None:
    gate.faults = [passed, cut]
    assert [part.rows for part in fetched(source(small, gate.port), tmp_path)] == [1, 3, 1]


def test_a_connection_that_always_breaks_off_within_an_object_ends(
    small: Server, gate: Gate, tmp_path: Path
) -> None:
    gate.faults, gate.for_ever = [passed], cut
    assert "cannot be read" in refusal(source(small, gate.port), tmp_path, SourceUnavailable)


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("good", [0, 1], ids=["the list", "an object"])
def test_refused_entry_is_not_tried_again(
    small: Server, gate: Gate, tmp_path: Path, code: int, good: int
) -> None:
    # The S3 server of the tests lets everyone in, so that the port before it has to say no.
    gate.faults, gate.for_ever = [passed] * good, status(code)
    told = refusal(source(small, gate.port), tmp_path)
    assert f"may not be read with these credentials (status {code})" in told
    assert len(gate.asked) == good + 1


@pytest.mark.parametrize("when", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "change",
    [
        lambda server: server.put("night/labs.csv", LABS + LABS[-30:]),
        lambda server: server.put("night/labs.csv", LABS.replace(b"212", b"213")),
        lambda server: server.store().delete("night/labs.csv"),
        lambda server: server.put("night/conditions.csv", b"patient_id,code_system,code\n"),
    ],
    ids=["longer", "of the same length", "removed", "another"],
)
def test_a_change_while_it_is_read_is_refused(
    small: Server, gate: Gate, tmp_path: Path, change: Callable[[Server], object], when: int
) -> None:
    gate.faults = [*[passed] * (when - 1), then(lambda: change(small))]
    told = refusal(source(small, gate.port), tmp_path)
    assert "objects were replaced, added or removed while they were read" in told


def test_nobody_there_is_said(small: Server, tmp_path: Path) -> None:
    # A port that was given out and taken back: nobody listens.
    listening = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    free = listening.server_address[1]
    listening.server_close()
    assert "the connection failed" in refusal(source(small, free), tmp_path, SourceUnavailable)


def test_a_full_disk_is_said(small: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, flags: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "_for_the_owner", full)
    assert "No space left on device" in refusal(source(small), tmp_path, OutputError)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_a_variable_that_is_not_set_is_named(
    small: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_SECRET")
    told = refusal(source(small), tmp_path, ConfigurationError)
    assert "the environment variable STORAGE_SECRET, named by secret_key_env, is not set" in told
    config = configured(tmp_path, ON_STORAGE.format(url=small.url(), port=small.port))
    assert call("run", "--direct", "--config", str(config)).code == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('url = "s3://bucket/x"\npath = "x"', "give `path` or `url`, not both"),
        ('url = "ftp://bucket/x"', "`url` is s3://bucket/prefix"),
        ('url = "s3://bucket/../x"', "`url` is s3://bucket/prefix"),
        ('url = "s3://key:word@bucket/x"', "`url` is s3://bucket/prefix"),
        ('url = "https://example.org/x"', "`url` is s3://bucket/prefix"),
        ('kind = "fhir"\nurl = "s3://bucket/x"', "only a source of files has `url`"),
        ('path = "x"\n[sources.clinic.storage]\nregion = "a"', "is of a source with a `url`"),
        ('url = "s3://b/x"\n[sources.clinic.storage]\naccess_key = "a"', "did you mean `access_key_env`"),
        ('url = "s3://b/x"\n[sources.clinic.storage]\naccess_key_env = "A"', "belong together"),
        (
            'url = "s3://b/x"\n[sources.clinic.storage]\nendpoint = "http://a.example"',
            "must begin with https",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(configured(tmp_path, text), {})
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("url", "bucket", "prefix", "account"),
    [
        ("s3://bucket/a/b/", "bucket", "a/b", None),
        ("s3://bucket", "bucket", "", None),
        ("az://container/a", "container", "a", None),
        ("https://clinic01.blob.core.windows.net/container/a/b", "container", "a/b", "clinic01"),
    ],
)
def test_an_address_is_taken_apart(url: str, bucket: str, prefix: str, account: str | None) -> None:
    found = storage._place(url)
    assert found is not None
    assert (found.bucket, found.prefix, found.account) == (bucket, prefix, account)


def test_a_connection_string_of_azure_is_taken_apart() -> None:
    text = "DefaultEndpointsProtocol=https;AccountName=clinic01;AccountKey=a2V5==;EndpointSuffix=core.windows.net"
    told = storage._connection_string(text)
    assert (told["accountname"], told["accountkey"]) == ("clinic01", "a2V5==")


# -- a pattern for a folder --------------------------------------------------------------------------------------------


def in_folder(path: Path) -> SourceSettings:
    return SourceSettings(name="hospital", path=path)


def test_a_pattern_stands_for_the_one_folder_that_matches(tmp_path: Path) -> None:
    for month in ("2026-05", "2026-06"):
        (tmp_path / "exports" / month).mkdir(parents=True)
    for name, content in (("patients", PATIENTS), ("labs", LABS), ("medications", MEDICATIONS)):
        (tmp_path / "exports" / "2026-06" / f"{name}.csv").write_bytes(content)
    assert len(fetched(in_folder(tmp_path / "exports" / "*-06"), tmp_path)) == 3
    told = refusal(in_folder(tmp_path / "exports" / "2026-*"), tmp_path)
    assert "matches 2 folders, not one: 2026-05/, 2026-06/" in told
    assert "matches 0 folders, not one" in refusal(in_folder(tmp_path / "exports" / "2027-*"), tmp_path)
