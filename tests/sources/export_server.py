"""A server that speaks FHIR Bulk Data Access and SMART Backend Services on the loopback, with faults to order."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

MANIFEST_AT = "2026-06-30T01:00:00.000Z"
QUERY_SECRET = "SIGNATURE-SENTINEL"


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


Fault = Callable[["_Answering"], bool]
"""Does what is wrong; true where the answer has been given."""


@dataclass
class Export:
    """What the server holds and how it behaves. files: type -> bodies of its files, not compressed."""

    files: dict[str, list[bytes]] = field(default_factory=dict)
    counts: bool = True
    polls: int = 1
    retry_after: str | None = "0"
    transaction_at: str = MANIFEST_AT
    requires_token: bool | None = True
    manifest: dict[str, Any] = field(default_factory=dict)
    gzip: bool = True
    ranges: bool = True
    public_key: Any = None
    algorithm: str = "RS384"
    expires_in: int = 300
    bearer: str | None = None
    open_files: bool = False
    can_search: bool = False
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    capabilities: dict[str, Any] = field(
        default_factory=lambda: {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    )


class Running:
    """A server that runs. asked: every request in order. tokens: those that are good."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.asked: list[Asked] = []
        self.tokens: list[str] = []
        self.seen_assertions: set[str] = set()
        self.claims: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.begun = 0
        self.deleted: list[str] = []
        self.other: Running | None = None
        running = self

        class Answering(_Answering):
            server_of = running

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/fhir"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str, start: str) -> int:
        return sum(one.method == method and one.path.startswith(start) for one in self.asked)

    def fetched(self) -> Counter[str]:
        return Counter(one.path for one in self.asked if one.path.startswith("/fhir/files/"))

    def sent(self, start: str) -> list[Asked]:
        return [one for one in self.asked if one.path.startswith(start)]

    def revoke(self) -> None:
        self.tokens.clear()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Running

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = Asked(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            dict(self.headers),
            {name: values[0] for name, values in parse_qs(body).items()},
        )
        self.asked = asked
        self.server_of.asked.append(asked)
        try:
            if not self._spoilt(parts.path):
                self._route(asked)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _spoilt(self, path: str) -> bool:
        for start, faults in self.server_of.export.faults.items():
            if re.match(start, f"{self.command} {path}") and faults:
                return faults.pop(0)(self)
        return False

    def _route(self, asked: Asked) -> None:
        path, server = asked.path, self.server_of
        if path == "/fhir/.well-known/smart-configuration":
            return self.say(
                200, {"token_endpoint": f"http://127.0.0.1:{server.port}/token", "capabilities": []}
            )
        if path == "/token":
            return self._give_token(asked)
        if path.startswith("/fhir/files/"):
            return self._give_file(asked)
        if not self._is_let_in():
            return self.say(401, {"resourceType": "OperationOutcome"})
        if path == "/fhir/metadata":
            return self.say(200, server.export.capabilities)
        if path.endswith("/$export"):
            return self._begin(asked)
        if path.startswith("/fhir/jobs/"):
            return self._tell(asked)
        if path.removeprefix("/fhir/") in server.export.files and server.export.can_search:
            return self._find(path.removeprefix("/fhir/"), int(asked.query["_count"]))
        return self.say(404, {"resourceType": "OperationOutcome"})

    def _is_let_in(self) -> bool:
        export = self.server_of.export
        if export.public_key is None and export.bearer is None:
            return True
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return given in (self.server_of.tokens if export.bearer is None else [export.bearer])

    def _give_token(self, asked: Asked) -> None:
        server, form = self.server_of, asked.form
        try:
            claims = jwt.decode(
                form["client_assertion"],
                server.export.public_key,
                algorithms=[server.export.algorithm],
                audience=f"http://127.0.0.1:{server.port}/token",
                options={
                    "require": ["exp", "iss", "sub", "aud", "jti"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError:
            return self.say(
                400, {"error": "invalid_client", "error_description": "no such key for CLIENT-SENTINEL"}
            )
        if claims["jti"] in server.seen_assertions or form["grant_type"] != "client_credentials":
            return self.say(400, {"error": "invalid_grant"})
        server.seen_assertions.add(claims["jti"])
        server.claims.append(claims | {"kid": jwt.get_unverified_header(form["client_assertion"]).get("kid")})
        token = f"TOKEN-SENTINEL-{secrets.token_hex(8)}"
        server.tokens.append(token)
        return self.say(
            200, {"access_token": token, "token_type": "bearer", "expires_in": server.export.expires_in}
        )

    def _begin(self, asked: Asked) -> None:
        server = self.server_of
        if (
            asked.headers.get("Prefer") != "respond-async"
            or asked.headers.get("Accept") != "application/fhir+json"
        ):
            return self.say(400, {})
        server.begun += 1
        number = str(server.begun)
        server.jobs[number] = {
            "polls": server.export.polls,
            "types": asked.query["_type"].split(","),
            "asked": asked,
        }
        location = f"http://127.0.0.1:{server.port}/fhir/jobs/{number}?s={QUERY_SECRET}"
        return self.say(202, None, {"Content-Location": location})

    def _tell(self, asked: Asked) -> None:
        server, number = self.server_of, asked.path.rsplit("/", 1)[1]
        if number not in server.jobs:
            return self.say(404, {"resourceType": "OperationOutcome"})
        if asked.method == "DELETE":
            server.deleted.append(number)
            del server.jobs[number]
            return self.say(202, None)
        job, export = server.jobs[number], server.export
        if job["polls"] > 0:
            job["polls"] -= 1
            headers = {"X-Progress": "PATIENT-SENTINEL"}
            return self.say(
                202, None, headers | ({"Retry-After": export.retry_after} if export.retry_after else {})
            )
        return self.say(200, self._manifest(job["types"]))

    def _manifest(self, types: list[str]) -> dict[str, Any]:
        export, server = self.server_of.export, self.server_of
        output = []
        for kind in types:
            for number, body in enumerate(export.files.get(kind, [])):
                url = f"http://127.0.0.1:{server.port}/fhir/files/{kind}/{number}?s={QUERY_SECRET}"
                lines = sum(bool(line.strip()) for line in body.split(b"\n"))
                output.append({"type": kind, "url": url} | ({"count": lines} if export.counts else {}))
        told = {"transactionTime": export.transaction_at, "request": self.path, "output": output, "error": []}
        needs = {} if export.requires_token is None else {"requiresAccessToken": export.requires_token}
        return told | needs | export.manifest

    def _find(self, kind: str, many: int) -> None:
        """A page of a search; one resource more than is asked for, as servers do."""
        found = b"".join(self.server_of.export.files[kind]).splitlines()[: many + 1]
        entries = [{"resource": json.loads(line)} for line in found]
        self.say(200, {"resourceType": "Bundle", "type": "searchset", "entry": entries})

    def _give_file(self, asked: Asked) -> None:
        export = self.server_of.export
        if not export.open_files and not self._is_let_in():
            return self.say(401, {})
        kind, number = asked.path.removeprefix("/fhir/files/").split("/")
        try:
            self.give(export.files[kind][int(number)])
        except (KeyError, IndexError):
            self.say(404, {})

    def give(self, body: bytes, **wrong: Any) -> None:
        """A file, whole or from where it is asked for; `cut`: only so many bytes of what was announced."""
        export, headers = self.server_of.export, {"Content-Type": "application/fhir+ndjson"}
        if export.gzip and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, mtime=0)
            headers["Content-Encoding"] = "gzip"
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        status, total = 200, len(body)
        if export.ranges:
            headers |= {"ETag": tag, "Accept-Ranges": "bytes"}
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and self.headers.get("If-Range") == tag:
                start = int(asked[1])
                status, body = 206, body[start:]
                headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: wrong.get("cut", len(body))])
        self.wfile.flush()

    def say(self, status: int, told: dict[str, Any] | None, headers: Mapping[str, str] | None = None) -> None:
        body = b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# -- what can go wrong ---------------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Fault:
    """Another status; underscores in the names of headers stand for hyphens."""

    def spoil(answering: _Answering) -> bool:
        told = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "PATIENT-SENTINEL"}]}
        answering.say(code, told, {name.replace("_", "-"): value for name, value in headers.items()})
        return True

    return spoil


def reset(answering: _Answering) -> bool:
    """The connection is torn down before an answer."""
    answering.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    answering.connection.close()
    answering.close_connection = True
    return True


def half(cut: int) -> Fault:
    """Only so many bytes of a file, although all are announced."""

    def spoil(answering: _Answering) -> bool:
        kind, number = answering.asked.path.removeprefix("/fhir/files/").split("/")
        answering.give(answering.server_of.export.files[kind][int(number)], cut=cut)
        answering.close_connection = True
        return True

    return spoil


def plain_rest(answering: _Answering) -> bool:
    """The rest of a file, but not in the encoding in which it was begun."""
    answering.send_response(206)
    start = int(answering.headers["Range"].removeprefix("bytes=").rstrip("-"))
    answering.send_header("Content-Range", f"bytes {start}-{start + 9}/*")
    answering.send_header("Content-Length", "10")
    answering.end_headers()
    answering.wfile.write(b"0123456789")
    return True


def silence(seconds: float) -> Fault:
    """Nothing for so long, and then the answer."""

    def spoil(_: _Answering) -> bool:
        time.sleep(seconds)
        return False

    return spoil


def no_longer(answering: _Answering) -> bool:
    """From now on no token that was given is good."""
    answering.server_of.revoke()
    return False


def unframed(answering: _Answering) -> bool:
    """A file that ends where the connection ends."""
    answering.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b'{"resourceType": "Patient"}\n')
    answering.close_connection = True
    return True


@contextmanager
def serving(**given: Any) -> Iterator[Running]:
    running = Running(Export(**given))
    try:
        yield running
    finally:
        running.close()
