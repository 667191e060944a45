"""FHIR Bulk Data Access over a real connection: the protocol, who enters, what goes on, and everything that breaks."""

from __future__ import annotations

import gzip
import json
import logging
import re
import signal
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from flows import stages
from flows.context import opened, plan
from flows.settings import load
from schemas.errors import ConfigurationError, InputRefused, OutputError, ScreenError, SourceUnavailable
from sources import fhir_export
from sources.base import Asked, ExportSettings, FhirSettings, SourceSettings
from sources.fhir_entry import Answer
from sources.fhir_server import Server
from sources.gather import gather
from sql.warehouse import Warehouse
from tests.night import Publication
from tests.sources import fhir_people
from tests.sources.export_server import (
    MANIFEST_AT,
    Running,
    half,
    no_longer,
    plain_rest,
    reset,
    serving,
    silence,
    status,
    unframed,
)

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 6, 30)
NOW = datetime(2026, 7, 1, 3, tzinfo=UTC).timestamp()
SENTINELS = (
    "TOKEN-SENTINEL",
    "CLIENT-SENTINEL",
    "PATIENT-SENTINEL",
    "SIGNATURE-SENTINEL",
    "PRIVATE KEY",
    "eyJ",
)

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Clock:
    """A clock that sleeps at once and remembers for how long."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at
        self.slept: list[float] = []

    def time(self) -> float:
        return self.at

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def lines(kind: str, many: int, first: int = 0) -> bytes:
    """So many resources, each long enough that a file does not fit into one block of the network."""
    return b"".join(
        json.dumps({"resourceType": kind, "id": f"PATIENT-SENTINEL-{first + n}", "text": "x" * 40}).encode()
        + b"\n"
        for n in range(many)
    )


PEOPLE, RESULTS = [lines("Patient", 3)], [lines("Observation", 200), lines("Observation", 5, first=200)]
FILES = {"Patient": PEOPLE, "Observation": RESULTS}


@pytest.fixture(autouse=True)
def _nothing_is_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No log line of any test quotes a token, a key, a person or the query of an address."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.DEBUG)
    yield
    said = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    assert [word for word in SENTINELS if word in said] == []


def source(server: Running, folder: Path, **given: Any) -> SourceSettings:
    own = {name: given.pop(name) for name in ("mode", "fhir", "name") if name in given}
    settings = {"url": server.url, "types": ("Patient", "Observation"), "wait": 1.0, "timeout": 5.0} | given
    return SourceSettings(
        **{"name": "hospital", "path": folder, "kind": "fhir", "export": ExportSettings(**settings)} | own
    )


def asked(tmp_path: Path, **given: Any) -> Asked:
    return Asked(work=tmp_path / "work", as_of=AS_OF, **given)


def exported(
    server: Running, tmp_path: Path, clock: Clock | None = None, **given: Any
) -> fhir_export.Exported:
    work = asked(tmp_path, watermarks=given.pop("watermarks", {}))
    return fhir_export.export(source(server, tmp_path / "export", **given), work, clock or Clock())


def refused(kind: type[ScreenError], server: Running, tmp_path: Path, **given: Any) -> str:
    """What is said; neither it nor what led to it tells what nobody may read."""
    with pytest.raises(kind) as told:
        exported(server, tmp_path, **given)
    whole = "".join(traceback.format_exception(told.value))
    assert type(told.value) is kind
    assert [word for word in SENTINELS if word in whole] == []
    return str(told.value)


def arrived(tmp_path: Path) -> list[bytes]:
    """The lines of every file that a landing would read, in order of name."""
    found = b""
    for path in sorted((tmp_path / "export").glob("[!.]*")):
        found += gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return found.splitlines()


ALL = b"".join([*RESULTS, *PEOPLE]).splitlines()


def signing(tmp_path: Path, key: Any = RSA_KEY) -> dict[str, Any]:
    (tmp_path / "key.pem").write_text(pem(key))
    return {"client_id": "CLIENT-SENTINEL", "private_key_file": tmp_path / "key.pem"}


# -- the protocol --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_gzip", [True, False])
def test_an_export_arrives_as_the_server_has_it(tmp_path: Path, is_gzip: bool) -> None:
    with serving(files=FILES, polls=2, gzip=is_gzip) as server:
        found = exported(server, tmp_path)
        assert arrived(tmp_path) == ALL
        assert found.files == 3
        begun = server.sent("/fhir/$export")[0]
        assert begun.query == {"_outputFormat": "application/fhir+ndjson", "_type": "Patient,Observation"}
        assert server.deleted == ["1"]
        assert server.count("GET", "/fhir/jobs/1") == 3
    names = sorted(path.name for path in (tmp_path / "export").iterdir())
    end = ".gz" if is_gzip else ""
    assert names == [
        ".export.json",
        f"Observation.0.00001.ndjson{end}",
        f"Observation.0.00002.ndjson{end}",
        f"Patient.0.00000.ndjson{end}",
    ]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "export").iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("level", "path"),
    [
        ("system", "/fhir/$export"),
        ("Patient", "/fhir/Patient/$export"),
        ("Group/b-1", "/fhir/Group/b-1/$export"),
    ],
)
def test_the_level_is_asked_for(tmp_path: Path, level: str, path: str) -> None:
    with serving(files=FILES) as server:
        exported(server, tmp_path, level=level)
        assert len(server.sent(path)) == 1


def test_without_types_all_that_are_read_are_asked_for(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        exported(server, tmp_path, types=())
        assert set(server.sent("/fhir/$export")[0].query["_type"].split(",")) == {
            "Patient",
            "Observation",
            "MedicationRequest",
            "MedicationDispense",
            "MedicationStatement",
            "MedicationAdministration",
            "Condition",
            "FamilyMemberHistory",
            "Procedure",
            "ServiceRequest",
            "Medication",
        }


@pytest.mark.parametrize(
    ("told", "slept"),
    [
        ("7", [7.0, 7.0]),
        (format_datetime(datetime(2026, 7, 1, 3, 0, 30, tzinfo=UTC), usegmt=True), [30.0, 0.2]),
        ("soon", [1.0, 2.0]),
        (None, [1.0, 2.0]),
    ],
)
def test_the_server_says_when_to_ask_again(tmp_path: Path, told: str | None, slept: list[float]) -> None:
    clock = Clock()
    with serving(files=FILES, polls=2, retry_after=told) as server:
        exported(server, tmp_path, clock)
    assert clock.slept == slept


def test_an_address_told_twice_is_read_once(tmp_path: Path) -> None:
    with serving(files={"Patient": PEOPLE}) as server:
        one = {"type": "Patient", "url": f"{server.url}/files/Patient/0"}
        server.export.manifest = {"output": [one, one]}
        assert exported(server, tmp_path).files == 1
        assert arrived(tmp_path) == PEOPLE[0].splitlines()
        assert set(server.fetched().values()) == {1}


def test_types_not_asked_for_are_left(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        output = [
            {"type": "../../etc/passwd", "url": f"{server.url}/files/Patient/0"},
            {"type": "Patient", "url": f"{server.url}/files/Patient/0"},
        ]
        server.export.manifest = {"output": output}
        exported(server, tmp_path)
    assert arrived(tmp_path) == PEOPLE[0].splitlines()


def test_an_empty_file_is_no_file_of_the_landing(tmp_path: Path) -> None:
    with serving(files={"Patient": PEOPLE, "Observation": [b""]}, gzip=False) as server:
        exported(server, tmp_path)
    assert [path.name for path in (tmp_path / "export").glob("[!.]*")] == ["Patient.0.00000.ndjson"]


def test_every_export_replaces_the_one_before(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        exported(server, tmp_path)
        server.export.files = {"Patient": [lines("Patient", 1)]}
        exported(server, tmp_path)
        assert server.count("GET", "/fhir/$export") == 2
    assert arrived(tmp_path) == lines("Patient", 1).splitlines()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "Patient.ndjson").write_bytes(PEOPLE[0])
    with serving(files=FILES) as server:
        assert "holds something else: Patient.ndjson" in refused(ConfigurationError, server, tmp_path)
        assert server.asked == []
    assert (tmp_path / "export" / "Patient.ndjson").exists()


# -- who enters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pem", "jwk", "jwks"])
@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_a_client_signs_and_gets_a_token(tmp_path: Path, form: str, algorithm: str) -> None:
    key = RSA_KEY if algorithm == "RS384" else EC_KEY
    as_jwk = (RSAAlgorithm if algorithm == "RS384" else ECAlgorithm).to_jwk(key, as_dict=True)
    one = as_jwk | {"kid": "of-the-file"}
    public = {"kty": as_jwk["kty"], "kid": "public"}
    text = {"pem": pem(key), "jwk": json.dumps(one), "jwks": json.dumps({"keys": [public, one]})}[form]
    (tmp_path / "key").write_text(text)
    login = {"client_id": "CLIENT-SENTINEL", "private_key_file": tmp_path / "key"}
    with serving(files=FILES, public_key=key.public_key(), algorithm=algorithm) as server:
        exported(server, tmp_path, **login)
        assert arrived(tmp_path) == ALL
        assert len(server.claims) == 1
        claims = server.claims[0]
        assert claims["iss"] == claims["sub"] == "CLIENT-SENTINEL"
        assert 0 < claims["exp"] - NOW <= 300
        assert claims["kid"] == (None if form == "pem" else "of-the-file")
        assert server.sent("/token")[0].form["scope"] == "system/Patient.read system/Observation.read"


def test_a_token_is_fetched_anew_before_it_ends(tmp_path: Path) -> None:
    clock = Clock()
    with serving(
        files=FILES, polls=3, retry_after="200", public_key=RSA_KEY.public_key(), expires_in=300
    ) as server:
        exported(
            server, tmp_path, clock, token_url=f"http://127.0.0.1:{server.port}/token", **signing(tmp_path)
        )
        assert clock.slept == [200.0] * 3
        # At 0, 400 and, as the files are read at once, no more.
        assert len(server.claims) == 2
        assert server.sent("/fhir/.well-known") == []


def test_a_token_that_ends_between_two_files_is_fetched_anew(tmp_path: Path) -> None:
    faults = {"GET /fhir/files/Observation/0": [half(300), no_longer]}
    with serving(files=FILES, public_key=RSA_KEY.public_key(), faults=faults) as server:
        exported(server, tmp_path, **signing(tmp_path))
        assert arrived(tmp_path) == ALL
        assert len(server.claims) == 2
        assert server.fetched()["/fhir/files/Observation/0"] == 3


def test_a_wrong_key_is_refused_in_words(tmp_path: Path) -> None:
    with serving(files=FILES, public_key=RSA_KEY.public_key()) as server:
        told = refused(InputRefused, server, tmp_path, **signing(tmp_path, OTHER_KEY))
    assert "the authorization server gives no token (status 400, invalid_client)" in told
    assert "registered for this client" in told


@pytest.mark.parametrize(
    "text",
    ["", "PRIVATE KEY", '{"kty": "RSA"}', '{"keys": 1}', "{", pem(ec.generate_private_key(ec.SECP256R1()))],
)
def test_a_file_without_a_key_is_refused_before_anything_is_asked(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with serving(files=FILES) as server:
        told = refused(ConfigurationError, server, tmp_path, client_id="x", private_key_file=tmp_path / "key")
        assert "the key cannot be read" in told
        assert server.asked == []


def test_a_token_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(files=FILES, bearer="TOKEN-SENTINEL") as server:
        assert "FHIR_TOKEN" in refused(ConfigurationError, server, tmp_path, token_env="FHIR_TOKEN")
        monkeypatch.setenv("FHIR_TOKEN", "PATIENT-SENTINEL")
        told = refused(InputRefused, server, tmp_path, token_env="FHIR_TOKEN")
        assert "the server does not let us in (status 401)" in told
        monkeypatch.setenv("FHIR_TOKEN", "TOKEN-SENTINEL")
        exported(server, tmp_path, token_env="FHIR_TOKEN")
    assert arrived(tmp_path) == ALL


@pytest.mark.parametrize(("needs", "is_sent"), [(True, True), (False, False), (None, False)])
def test_another_origin_gets_our_token_only_where_the_manifest_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: bool | None, is_sent: bool
) -> None:
    monkeypatch.setenv("FHIR_TOKEN", "TOKEN-SENTINEL")
    with serving(files=FILES, open_files=True) as store, serving(bearer="TOKEN-SENTINEL") as server:
        server.export.requires_token = needs
        server.export.manifest = {"output": [{"type": "Patient", "url": f"{store.url}/files/Patient/0"}]}
        exported(server, tmp_path, token_env="FHIR_TOKEN")
        assert arrived(tmp_path) == PEOPLE[0].splitlines()
        assert ["Authorization" in one.headers for one in store.asked] == [is_sent]


def test_a_file_may_be_redirected_elsewhere_and_our_token_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_TOKEN", "TOKEN-SENTINEL")
    with (
        serving(files=FILES, open_files=True) as store,
        serving(files=FILES, bearer="TOKEN-SENTINEL") as server,
    ):
        to = status(307, Location=f"{store.url}/files/Patient/0")
        server.export.faults = {"GET /fhir/files/Patient/0": [to]}
        exported(server, tmp_path, token_env="FHIR_TOKEN")
        assert arrived(tmp_path) == ALL
        assert ["Authorization" in one.headers for one in store.asked] == [False]


@pytest.mark.parametrize("path", [r"GET /fhir/\$export", "GET /fhir/jobs"])
def test_no_other_redirect_leaves_the_server(tmp_path: Path, path: str) -> None:
    with serving(files=FILES) as other, serving(files=FILES) as server:
        server.export.faults = {path: [status(307, Location=f"{other.url}/jobs/1?s=SIGNATURE-SENTINEL")]}
        assert "redirects to another origin" in refused(InputRefused, server, tmp_path)
        assert other.asked == []


def test_the_export_is_not_told_of_at_another_origin(tmp_path: Path) -> None:
    with serving(files=FILES) as other, serving(files=FILES) as server:
        begun = status(202, Content_Location=f"{other.url}/jobs/1?s=SIGNATURE-SENTINEL")
        server.export.faults = {r"GET /fhir/\$export": [begun]}
        assert "at another origin than `url`" in refused(InputRefused, server, tmp_path)
        assert other.asked == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://a:b@127.0.0.1/x", "http://[", "http://127.0.0.1:x/"],
)
def test_a_file_that_is_not_on_the_web_is_refused(tmp_path: Path, url: str) -> None:
    with serving(manifest={"output": [{"type": "Patient", "url": url}]}) as server:
        assert "not on the web" in refused(InputRefused, server, tmp_path)


def test_an_address_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with serving(
        manifest={"output": [{"type": "Patient", "url": "http://127.0.0.1/\x00SIGNATURE-SENTINEL"}]}
    ) as server:
        assert "cannot be meant" in refused(InputRefused, server, tmp_path)


@pytest.mark.parametrize(("needs", "is_sent"), [(True, True), (False, False), (None, True)])
def test_the_server_itself_gets_our_token_unless_it_does_not_want_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: bool | None, is_sent: bool
) -> None:
    monkeypatch.setenv("FHIR_TOKEN", "TOKEN-SENTINEL")
    with serving(files=FILES, bearer="TOKEN-SENTINEL", open_files=True, requires_token=needs) as server:
        exported(server, tmp_path, token_env="FHIR_TOKEN")
        assert {"Authorization" in one.headers for one in server.sent("/fhir/files/")} == {is_sent}


def test_redirects_on_the_same_server_are_followed_to_an_end(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        again = status(302, Location="/fhir/$export?_type=Patient")
        server.export.faults = {r"GET /fhir/\$export": [again] * 20}
        assert "redirects without end" in refused(InputRefused, server, tmp_path)
        assert server.count("GET", "/fhir/$export") == 6


# -- faults that pass, and that do not -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "is_file"),
    [
        (r"GET /fhir/\$export", False),
        ("GET /fhir/jobs", False),
        ("GET /fhir/files/Patient", True),
        ("POST /token", False),
    ],
)
@pytest.mark.parametrize(
    ("fault", "slept"),
    [
        (status(429, Retry_After="9"), 9.0),
        (
            status(503, Retry_After=format_datetime(datetime(2026, 7, 1, 3, 0, 20, tzinfo=UTC), usegmt=True)),
            20.0,
        ),
        (status(429, Retry_After="99999"), 900.0),
        (status(500), 1.0),
        (reset, 1.0),
    ],
    ids=["429", "503", "longer than a token lasts", "500", "reset"],
)
def test_a_fault_that_passes_is_waited_for(
    tmp_path: Path, path: str, is_file: bool, fault: Any, slept: float
) -> None:
    clock = Clock()
    with serving(files=FILES, polls=0, public_key=RSA_KEY.public_key(), faults={path: [fault]}) as server:
        exported(server, tmp_path, clock, **signing(tmp_path))
    assert arrived(tmp_path) == ALL
    assert clock.slept == [slept]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (r"GET /fhir/\$export", "beginning an export"),
        ("GET /fhir/jobs", "asking how far the export is"),
        ("GET /fhir/files/Patient", "reading Patient.0.00000.ndjson"),
    ],
)
def test_a_fault_that_stays_is_refused(tmp_path: Path, path: str, what: str) -> None:
    clock = Clock()
    with serving(files=FILES, polls=0, faults={path: [status(503)] * 99}) as server:
        told = refused(SourceUnavailable, server, tmp_path, clock=clock, attempts=4)
    assert f"{what}: 503 Service Unavailable, 4 times in a row" in told
    assert clock.slept == [1.0, 2.0, 4.0]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with serving() as server:
        pass
    told = refused(SourceUnavailable, server, tmp_path, attempts=2)
    assert "the connection broke off, 2 times in a row" in told


def test_a_server_that_is_silent(tmp_path: Path) -> None:
    with serving(files=FILES, faults={r"GET /fhir/\$export": [silence(1.0)] * 9}) as server:
        told = refused(SourceUnavailable, server, tmp_path, attempts=2, timeout=0.1)
    assert "no answer within 0.1 s, 2 times in a row" in told


@pytest.mark.parametrize("code", [200, 400, 404, 422])
def test_an_export_that_is_not_begun(tmp_path: Path, code: int) -> None:
    with serving(files=FILES, faults={r"GET /fhir/\$export": [status(code)]}) as server:
        assert f"begins no export (status {code})" in refused(InputRefused, server, tmp_path)


def test_a_job_that_never_ends(tmp_path: Path) -> None:
    clock = Clock()
    with serving(files=FILES, polls=10**6, retry_after="600") as server:
        told = refused(SourceUnavailable, server, tmp_path, clock=clock, time_limit=timedelta(hours=1))
        assert "has not finished within 1:00:00" in told
        assert clock.slept == [600.0] * 6
        # It goes on waiting for the same one.
        server.jobs["1"]["polls"] = 0
        exported(server, tmp_path, clock)
        assert server.count("GET", "/fhir/$export") == 1
    assert arrived(tmp_path) == ALL


@pytest.mark.parametrize("path", ["GET /fhir/jobs", "GET /fhir/files/Patient"])
def test_an_export_that_the_server_has_dropped(tmp_path: Path, path: str) -> None:
    with serving(files=FILES, faults={path: [status(404)]}) as server:
        assert "no longer has the export" in refused(SourceUnavailable, server, tmp_path)
        # An earlier night's that is gone is begun anew, once.
        server.export.faults[path] = [status(410)]
        exported(server, tmp_path)
        assert server.count("GET", "/fhir/$export") == 2
    assert arrived(tmp_path) == ALL


def test_an_export_that_failed_on_the_server_is_not_asked_for_again_and_again(tmp_path: Path) -> None:
    with serving(files=FILES, polls=0, faults={"GET /fhir/jobs/1": [status(500)] * 99}) as server:
        assert "500" in refused(SourceUnavailable, server, tmp_path, attempts=2)
        exported(server, tmp_path, attempts=2)
    assert arrived(tmp_path) == ALL


@pytest.mark.parametrize(
    "manifest",
    [
        {"output": {}},
        {"output": [1]},
        {"output": [{"type": "Patient"}]},
        {"output": [{"type": 1, "url": "http://x/"}]},
        {"transactionTime": None},
        {"transactionTime": "PATIENT-SENTINEL"},
        {"transactionTime": "2026-06-30T01:00:00"},
        {"error": 7},
        {"link": [{"relation": "next", "url": "http://127.0.0.1/"}]},
    ],
)
def test_a_manifest_that_cannot_be_meant(tmp_path: Path, manifest: dict[str, Any]) -> None:
    with serving(files=FILES, manifest=manifest) as server:
        assert "the server's manifest" in refused(InputRefused, server, tmp_path)


ADDRESSES = st.sampled_from(
    ["http://127.0.0.1:9/x", "/x", "", "../x", "http://[", "file:///x", "//", "http://x:99999/", "?", "\x00"]
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["Patient", "../x", "", 1]),
            "url": ADDRESSES,
            "count": st.integers(),
        },
    )
    | st.none(),
    max_size=4,
)
MANIFESTS = st.fixed_dictionaries(
    {"transactionTime": st.sampled_from([MANIFEST_AT]) | st.text(max_size=9) | st.none() | st.integers()},
    optional={
        "output": ENTRIES,
        "error": ENTRIES | st.integers(),
        "deleted": ENTRIES,
        "requiresAccessToken": st.booleans() | st.none() | st.text(max_size=2),
        "link": ENTRIES | st.booleans(),
    },
)


@hypothesis.settings(max_examples=1000, deadline=None)
@hypothesis.given(told=MANIFESTS, since=st.none() | st.just("2026-06-01T00:00:00Z"))
def test_no_manifest_gets_further_than_names_of_our_own(told: dict[str, Any], since: str | None) -> None:
    of = ExportSettings("http://127.0.0.1:9/fhir")
    server = Server("source x, export", of, (), Clock())
    run = fhir_export._Run(Path("nowhere"), of, server, Clock())
    answer = Answer(200, {}, json.dumps(told).encode())
    try:
        found = run._manifest(answer, of.url, fhir_export._Job(["Patient"], since), 0)
    except InputRefused:
        return
    for file in (*found.files, *found.errors):
        assert fhir_export.OWN.fullmatch(file.name)
        assert file.url.startswith("http")


def outcomes(*severities: str) -> bytes:
    return b"".join(
        json.dumps(
            {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": one, "diagnostics": 'PATIENT-SENTINEL "severity": "fatal"'}],
            }
        ).encode()
        + b"\n"
        for one in severities
    )


def test_what_the_server_could_not_export_is_refused_and_counted(tmp_path: Path) -> None:
    with serving(files=FILES | {"Trouble": [outcomes("error", "error", "warning")]}) as server:
        server.export.manifest = {
            "error": [{"type": "OperationOutcome", "url": f"{server.url}/files/Trouble/0"}]
        }
        told = refused(InputRefused, server, tmp_path)
        assert "not whole (2 error, 1 warning)" in told
        assert "accept_errors = true" in told
        # The server was told that it can forget, and is asked anew.
        assert server.deleted == ["1"]
        exported(server, tmp_path, accept_errors=True)
    assert arrived(tmp_path) == ALL


def test_a_severity_between_two_blocks_is_counted_once(tmp_path: Path) -> None:
    one = b'"severity": "error"'
    (tmp_path / "x.ndjson").write_bytes(one + b"x" * (4 * 1024 * 1024 - len(one) - 5) + one + one)
    assert fhir_export._severities(tmp_path / "x.ndjson", "x") == {"error": 3}


def test_what_the_server_warns_of_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(files=FILES | {"Trouble": [outcomes("warning", "information")]}) as server:
        server.export.manifest = {
            "error": [{"type": "OperationOutcome", "url": f"{server.url}/files/Trouble/0"}]
        }
        exported(server, tmp_path)
    assert "the server reports 1 warning, 1 information" in caplog.text
    assert arrived(tmp_path) == ALL


# -- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_gzip", [True, False])
def test_half_a_file_is_gone_on_with_from_its_middle(tmp_path: Path, is_gzip: bool) -> None:
    faults = {"GET /fhir/files/Observation/0": [half(300), half(40)]}
    with serving(files=FILES, gzip=is_gzip, faults=faults) as server:
        exported(server, tmp_path, attempts=2)
        ranges = [one.headers.get("Range") for one in server.sent("/fhir/files/Observation/0")]
    assert ranges == [None, "bytes=300-", "bytes=340-"]
    assert arrived(tmp_path) == ALL


def test_half_a_file_begins_anew_where_the_server_cannot_go_on(tmp_path: Path) -> None:
    faults = {"GET /fhir/files/Observation/0": [half(300)]}
    with serving(files=FILES, ranges=False, faults=faults) as server:
        exported(server, tmp_path)
        assert [one.headers.get("Range") for one in server.sent("/fhir/files/Observation/0")] == [None, None]
    assert arrived(tmp_path) == ALL


def test_a_file_that_changed_meanwhile_begins_anew(tmp_path: Path) -> None:
    def changed(answering: Any) -> bool:
        answering.server_of.export.files = {"Patient": [lines("Patient", 3, first=7)]}
        return False

    faults = {"GET /fhir/files/Patient/0": [half(60), changed]}
    with serving(files={"Patient": PEOPLE}, gzip=False, faults=faults) as server:
        exported(server, tmp_path)
    assert arrived(tmp_path) == lines("Patient", 3, first=7).splitlines()


def test_a_rest_in_another_encoding_is_not_joined(tmp_path: Path) -> None:
    faults = {"GET /fhir/files/Patient/0": [half(60), plain_rest]}
    with serving(files=FILES, faults=faults) as server:
        exported(server, tmp_path)
        assert [one.headers.get("Range") for one in server.sent("/fhir/files/Patient/0")] == [
            None,
            "bytes=60-",
            None,
        ]
    assert arrived(tmp_path) == ALL


def test_half_a_file_for_ever_is_refused(tmp_path: Path) -> None:
    faults = {"GET /fhir/files/Observation/0": [half(300)] * 99}
    with serving(files=FILES, ranges=False, faults=faults) as server:
        told = refused(SourceUnavailable, server, tmp_path, attempts=3)
        assert "the connection broke off, 3 times in a row" in told
        assert server.fetched()["/fhir/files/Observation/0"] == 3


def test_a_file_with_another_count_than_the_server_says_is_refused(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        server.export.manifest = {
            "output": [{"type": "Patient", "url": f"{server.url}/files/Patient/0", "count": 4}]
        }
        told = refused(InputRefused, server, tmp_path)
    assert "Patient.0.00000.ndjson: the server counted 4 resources in it, and 3 came" in told
    assert arrived(tmp_path) == []


@pytest.mark.parametrize(("count", "is_taken"), [(1, True), (None, False)])
def test_a_file_without_an_end_counts_only_where_its_resources_are_counted(
    tmp_path: Path, count: int | None, is_taken: bool
) -> None:
    with serving(faults={"GET /fhir/files/Patient": [unframed]}) as server:
        one = {"type": "Patient", "url": f"{server.url}/files/Patient/0"} | (
            {"count": count} if count else {}
        )
        server.export.manifest = {"output": [one]}
        if is_taken:
            exported(server, tmp_path)
        else:
            assert "neither how long it is" in refused(InputRefused, server, tmp_path)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(PEOPLE[0])
    with serving(files={"Patient": [whole[:-9]]}, gzip=False, counts=False) as server:
        assert "the gzip file ends too early" in refused(InputRefused, server, tmp_path)
    assert arrived(tmp_path) == []


RUN = """
    import sys
    from pathlib import Path
    from sources.fhir_export import export
    from sources.base import Asked, ExportSettings, SourceSettings
    from datetime import date, timedelta
    settings = ExportSettings(url=sys.argv[1], types=("Patient", "Observation"), wait=0.01, timeout=60)
    source = SourceSettings(name="hospital", path=Path(sys.argv[2]), kind="fhir", export=settings)
    {limit}
    try:
        export(source, Asked(work=Path(sys.argv[2]), as_of=date(2026, 6, 30)))
    except Exception as error:
        print(type(error).__name__, error)
"""


def run_apart(server: Running, folder: Path, limit: str = "") -> subprocess.Popen[str]:
    code = textwrap.dedent(RUN).format(limit=limit)
    command = [sys.executable, "-c", code, server.url, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_night_killed_between_two_files_goes_on_with_the_second(tmp_path: Path) -> None:
    with serving(files=FILES, faults={"GET /fhir/files/Observation/0": [silence(5.0)]}) as server:
        with run_apart(server, tmp_path / "export") as night:
            until = time.monotonic() + 30
            while not server.sent("/fhir/files/Observation/0") and time.monotonic() < until:
                time.sleep(0.05)
            night.send_signal(signal.SIGKILL)
        assert [path.name for path in (tmp_path / "export").glob("[!.]*")] == ["Patient.0.00000.ndjson.gz"]
        exported(server, tmp_path, Clock(time.time()))
        assert server.count("GET", "/fhir/$export") == 1
        assert server.fetched()["/fhir/files/Patient/0"] == 1
        assert server.deleted == ["1"]
    assert arrived(tmp_path) == ALL


@pytest.mark.parametrize(
    ("later", "given"),
    [(timedelta(hours=25), {}), (timedelta(), {"level": "Patient"}), (-timedelta(hours=1), {})],
)
def test_what_was_not_finished_is_given_up_where_it_is_old_or_of_something_else(
    tmp_path: Path, later: timedelta, given: dict[str, str]
) -> None:
    with serving(files=FILES, faults={"GET /fhir/files/Observation/0": [status(403)]}) as server:
        assert "status 403" in refused(InputRefused, server, tmp_path)
        exported(server, tmp_path, Clock(NOW + later.total_seconds()), **given)
        assert len(server.sent("/fhir/$export") + server.sent("/fhir/Patient/$export")) == 2
        assert server.deleted == ["1", "2"]
    assert arrived(tmp_path) == ALL


def test_a_full_disk_is_told_and_what_arrived_stays(tmp_path: Path) -> None:
    with serving(files=FILES, gzip=False) as server:
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))"
        with run_apart(server, tmp_path / "export", limit) as night:
            told, _ = night.communicate(timeout=30)
        assert told.startswith("OutputError")
        assert "Observation.0.00001.ndjson cannot be written: file too large" in told
        exported(server, tmp_path, Clock(time.time()))
        assert server.fetched()["/fhir/files/Patient/0"] == 1
        assert server.sent("/fhir/files/Observation/0")[-1].headers["Range"] == "bytes=4000-"
    assert arrived(tmp_path) == ALL


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with serving(files=FILES) as server, pytest.raises(ConfigurationError, match="what cannot be read"):
        fhir_export.export(source(server, tmp_path / "file" / "export"), asked(tmp_path), Clock())


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / ".export.json").mkdir()
    with serving(files=FILES) as server:
        refused(OutputError, server, tmp_path)
        assert server.asked == []


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PRIVATE KEY")
    with serving(files=FILES) as server:
        told = refused(ConfigurationError, server, tmp_path, ca_file=tmp_path / "ca.pem")
        assert "no certificates can be read from" in told
        assert server.asked == []


# -- increments ----------------------------------------------------------------------------------------------


def test_an_increment_asks_for_what_is_newer(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        first = exported(server, tmp_path, mode="increment")
        assert first.watermark.startswith(MANIFEST_AT)
        again = {
            ("hospital", "labs"): first.watermark,
            ("other", "labs"): first.watermark.replace("T01", "T02"),
        }
        exported(server, tmp_path, mode="increment", watermarks=again, overlap=timedelta(hours=2))
        begun = server.sent("/fhir/$export")
        assert [one.query.get("_since") for one in begun] == [None, "2026-06-29T23:00:00.000Z"]


@pytest.mark.parametrize(
    ("given", "before"),
    [
        ({"types": ("Patient", "Observation", "Condition")}, None),
        ({"level": "Patient"}, None),
        ({}, "2026-05-20T00:00:00"),
    ],
)
def test_an_increment_that_asks_for_something_else_reads_everything(
    tmp_path: Path, given: dict[str, Any], before: str | None
) -> None:
    with serving(files=FILES) as server:
        watermark = before or exported(server, tmp_path, mode="increment").watermark
        exported(server, tmp_path, mode="increment", watermarks={("hospital", "labs"): watermark}, **given)
        assert [one for one in server.asked if "_since" in one.query] == []


def test_an_increment_has_whole_what_its_rows_refer_to(tmp_path: Path) -> None:
    types = ("Patient", "Observation", "Medication", "MedicationRequest")
    given = {"mode": "increment", "types": types, "fhir": FhirSettings(patient_identifier_system="urn:x")}
    with serving(files=FILES) as server:
        first = exported(server, tmp_path, **given)
        exported(server, tmp_path, watermarks={("hospital", "labs"): first.watermark}, **given)
        second = [(one.query["_type"], "_since" in one.query) for one in server.sent("/fhir/$export")[1:]]
        assert second == [("Observation,MedicationRequest", True), ("Patient,Medication", False)]
        assert server.deleted == ["1", "2", "3"]
    assert arrived(tmp_path) == ALL


def test_an_increment_with_deletions_is_refused(tmp_path: Path) -> None:
    with serving(files=FILES) as server:
        first = exported(server, tmp_path, mode="increment")
        server.export.manifest = {"deleted": [{"type": "Bundle", "url": f"{server.url}/files/Patient/0"}]}
        watermarks = {("hospital", "labs"): first.watermark}
        told = refused(InputRefused, server, tmp_path, mode="increment", watermarks=watermarks)
        assert 'mode = "snapshot"' in told
        exported(server, tmp_path, mode="snapshot")


def test_a_server_ahead_of_its_time_hides_nothing(tmp_path: Path) -> None:
    with serving(files=FILES, transaction_at="2030-01-01T00:00:00Z") as server:
        assert exported(server, tmp_path, Clock(NOW)).watermark.startswith("2026-07-01T03:00:00")


# -- a look, and whole nights --------------------------------------------------------------------------------


def test_a_look_enters_and_exports_nothing(tmp_path: Path) -> None:
    with serving(files=FILES, public_key=RSA_KEY.public_key()) as server:
        one = source(server, tmp_path / "export", **signing(tmp_path))
        assert gather(one, asked(tmp_path, sample=5)) == []
        assert [one.path for one in server.asked if one.method == "GET"] == [
            "/fhir/.well-known/smart-configuration",
            "/fhir/metadata",
            "/fhir/Patient",
            "/fhir/Observation",
        ]
        assert not (tmp_path / "export").exists()
        server.export.capabilities = {"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}
        with pytest.raises(InputRefused, match="no FHIR R4 server"):
            gather(one, asked(tmp_path, sample=5))


def test_a_look_lands_a_few_resources_where_the_server_lets_us_search(tmp_path: Path) -> None:
    with serving(files=demo_export(tmp_path / "folder"), can_search=True) as server:
        one = source(server, tmp_path / "export", types=())
        parts = gather(one, asked(tmp_path, sample=7))
    assert {part.table: part.rows for part in parts if part.table in ("patients", "labs")} == {
        "patients": 7,
        "labs": 7,
    }
    assert {path.parent.parent for path in (tmp_path / "work").rglob("*.ndjson")} == {
        tmp_path / "work" / "looked_at"
    }
    assert not (tmp_path / "export").exists()


CONFIG = """
[screen]
as_of = 2026-06-30
timezone = "Europe/London"
output = "out"

[sources.clinic]
kind = "fhir"
path = "export"
mode = "{mode}"
[sources.clinic.fhir]
opt_out = "{opt_out}"
length_extension = "{length}"
"""


def configured(home: Path, server: Running | None = None, mode: str = "snapshot") -> Path:
    home.mkdir(exist_ok=True)
    text = CONFIG.format(mode=mode, opt_out=fhir_people.OPT_OUT, length=fhir_people.LENGTH)
    if server:
        text += f'[sources.clinic.export]\nurl = "{server.url}"\nwait = 0.01\n'
    (home / "site.toml").write_text(text)
    return home / "site.toml"


def screened(config: Path) -> Publication:
    with opened(plan(config=config, with_workbooks=False, accept_low_volume=True)) as night:
        run_id = stages.run_all(night)["run_id"]
    return Publication(night.output / run_id)


def lists_below(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: body for name, body in found.items() if name.startswith(("all/", "clinics/"))}


def demo_export(folder: Path) -> dict[str, list[bytes]]:
    """The demonstration people as a folder of NDJSON, and the same by type as a server has them."""
    demo = ROOT / "sample_data" / "clinic_demo"
    tables = ("patients", "labs", "medications", "conditions", "procedures", "orders")
    fhir_people.write_export({table: fhir_people.carried(demo, table) for table in tables}, folder)
    files: dict[str, list[bytes]] = {}
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes().splitlines(keepends=True)
        middle = len(whole) // 2
        files[re.match(r"[A-Za-z]+", path.name)[0]] = [b"".join(whole[:middle]), b"".join(whole[middle:])]
    return files


def test_a_night_from_a_server_publishes_the_lists_of_the_folder(tmp_path: Path) -> None:
    files = demo_export(tmp_path / "folder" / "export")
    expected = screened(configured(tmp_path / "folder"))
    with serving(files=files, faults={"GET /fhir/files/Observation/0": [half(5000), status(500)]}) as server:
        found = screened(configured(tmp_path / "server", server))
        assert len(server.deleted) == 1
    before, after = lists_below(expected.folder), lists_below(found.folder)
    assert len(before) > 10
    assert found.folder.name == expected.folder.name
    assert sorted(before) == sorted(after)
    assert [name for name in sorted(before) if before[name] != after[name]] == []


def test_a_committed_night_is_where_the_next_one_goes_on(tmp_path: Path) -> None:
    files = demo_export(tmp_path / "folder")
    with serving(files=files) as server:
        config = configured(tmp_path / "server", server, mode="increment")
        screened(config)
        with Warehouse(tmp_path / "server" / "out" / "warehouse.duckdb", tmp_path / "spill") as warehouse:
            kept = warehouse.watermarks()
        assert {name for name, _ in kept} == {"clinic"}
        assert all(watermark.startswith(MANIFEST_AT) for watermark in kept.values())
        # The next night has nothing new.
        server.export.files = {}
        screened(config)
        begun = server.sent("/fhir/$export")
    assert [one.query.get("_since") for one in begun] == [None, "2026-06-29T01:00:00.000Z", None]
    assert begun[2].query["_type"] == "Medication"


# -- settings ------------------------------------------------------------------------------------------------

SOURCE = (
    '[sources.x]\nkind = "fhir"\npath = "export"\n[sources.x.export]\nurl = "https://fhir.example.org/r4"\n'
)


def test_the_settings_of_an_export(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SOURCE + 'client_id = "b12"\nprivate_key_file = "key.pem"\ntime_limit = "90 minutes"\n')
    found = load(file, {}).source_settings()[0].export
    assert found == replace(
        ExportSettings("https://fhir.example.org/r4"),
        client_id="b12",
        private_key_file=tmp_path / "key.pem",
        time_limit=timedelta(minutes=90),
    )


def test_an_export_decides_nothing(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SOURCE)
    whole = load(file, {})
    assert whole.deciding() == whole.with_extracts(tmp_path).deciding()
    assert whole.with_extracts(tmp_path).source_settings()[0].export is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('client_id = "b12"', "`client_id` and `private_key_file` belong together"),
        ('private_key_file = "k"', "`client_id` and `private_key_file` belong together"),
        ('client_id = "b"\nprivate_key_file = "k"\ntoken_env = "T"', "not both"),
        ('types = ["Observations"]', "did you mean `Observation`?"),
        ('level = "group/1"', "level"),
        ('level = "Group/../Patient"', "level"),
        ('time_limit = "soon"', "time_limit"),
        ('tokenenv = "T"', "did you mean `token_env`?"),
        (
            'token_url = "http://login.example.org"\nclient_id = "b"\nprivate_key_file = "k"',
            "must begin with https",
        ),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "site.toml").write_text(SOURCE + line)
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        load(tmp_path / "site.toml", {})


@pytest.mark.parametrize(
    "url", ["fhir.example.org", "https://me:secret@fhir.example.org", "https://x/r4?key=secret"]
)
def test_addresses_that_cannot_be_meant(tmp_path: Path, url: str) -> None:
    (tmp_path / "site.toml").write_text(SOURCE.replace("https://fhir.example.org/r4", url))
    with pytest.raises(ConfigurationError, match="not a web address") as error:
        load(tmp_path / "site.toml", {})
    assert "secret" not in str(error.value)


def test_the_section_is_of_a_fhir_source(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SOURCE.replace('kind = "fhir"\n', ""))
    with pytest.raises(ConfigurationError, match='kind = "fhir"'):
        load(tmp_path / "site.toml", {})


def test_the_page_works_word_for_word(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "source-fhir-export.md").read_text()
    install, jwks = re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    _, *keys = install.splitlines()
    python = jwks.replace(".venv/bin/python", sys.executable)
    told = subprocess.run(
        "\n".join(["set -e", *keys, python]),
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    (public,) = json.loads(told.stdout)["keys"]
    text = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]
    key = RSAAlgorithm.from_jwk(public)
    with serving(files=demo_export(tmp_path / "folder"), public_key=key) as server:
        config = tmp_path / "site.toml"
        config.write_text(text.replace("https://fhir.example.org/r4", server.url).replace("../", ""))
        (one,) = load(config, {}).source_settings()
        gather(one, asked(tmp_path, sample=5))
        parts = gather(one, asked(tmp_path))
        assert len(server.sent("/fhir/Group/b12-screen/$export")) == 1
        assert {claims["kid"] for claims in server.claims} == {public["kid"]} == {"b12"}
    assert {part.table for part in parts} >= {"patients", "labs", "medications"}
