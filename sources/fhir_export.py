"""FHIR Bulk Data Access: a server asked to export, waited for, and its files brought into a folder of NDJSON.

What was asked for is kept beside the files, so that a night that was killed goes on where it stopped: with the same
export of the server, and with the file that it was in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlencode

from schemas.errors import ConfigurationError, InputRefused, OutputError, ScreenError, SourceUnavailable
from sources.base import Asked, ExportSettings, SourceSettings, as_path
from sources.fhir_entry import Answer, Clock, is_private, joined, origin
from sources.fhir_server import Lost, Server
from sources.fhir_shapes import LOOKED_UP, TABLE_OF
from sources.streams import Delivery, decompressed

log: Final = logging.getLogger("b12screen")

STATE: Final = ".export.json"
OWN: Final = re.compile(
    r"\.?[A-Za-z]+\.\d\.\d{5}\.ndjson(\.gz)?(\.part|\.part\.json|\.empty)?|\.export\.json(\.new)?"
)
"""Names of what an export leaves in its folder. None of them comes from the server."""
NDJSON: Final = "application/fhir+ndjson"
GZIP_MAGIC: Final = b"\x1f\x8b"
LONGEST_PAUSE: Final = 60.0
SHORTEST_PAUSE: Final = 0.2
SEVERITY: Final = re.compile(rb'"severity"\s*:\s*"(fatal|error|warning|information)"')
SEVERITY_BYTES: Final = 64
"""More than the longest match of SEVERITY with a few blanks in it."""
UNFIT: Final = ("fatal", "error")
NAMED_AT_MOST: Final = 5


class _Gone(Exception):
    """The server no longer has the export, or a file of it."""


@dataclass(frozen=True)
class Exported:
    """A finished export. watermark: what a later night gives back to be told only of what is newer."""

    folder: Path
    watermark: str
    files: int


@dataclass
class _File:
    """One file of a manifest. count: resources in it, where the server says so."""

    url: str
    type: str
    name: str
    count: int | None = None


@dataclass
class _Manifest:
    """What the server made. transaction_at: everything up to then is in it."""

    transaction_at: str
    has_token: bool | None
    files: list[_File]
    errors: list[_File]


@dataclass
class _Job:
    """One export: of these types, changed since then. What the server said of it is there once it has."""

    types: list[str]
    since: str | None
    status_url: str | None = None
    manifest: _Manifest | None = None
    is_fetched: bool = False


@dataclass
class _State:
    url: str
    level: str
    jobs: list[_Job] = field(default_factory=list)
    begun_at: float = 0.0
    is_finished: bool = False

    def is_of(self, other: _State) -> bool:
        """Whether both ask for the same."""
        return (self.url, self.level, _asked_for(self)) == (other.url, other.level, _asked_for(other))


def export(source: SourceSettings, asked: Asked, clock: Clock = time) -> Exported:
    """Fill the folder of the source with what its server holds: everything, or for an increment what is newer.

    An earlier export in the folder is replaced; one that was not finished is gone on with, where it asks for the
    same and is not too old. Raises ConfigurationError where settings or the folder cannot be meant, InputRefused
    where the server refuses or its export cannot be trusted, SourceUnavailable where it goes on not to answer, and
    OutputError where there is no room.
    """
    settings, where = _settings(source)
    wanted = _wanted(source, settings, asked)
    _refuse_others(source.path, where)
    with Server(where, settings, _types(source, settings), clock) as server:
        run = _Run(source.path, settings, server, clock)
        scope = _scope(source, settings)
        if state := run.unfinished(wanted):
            with suppress(_Gone):
                return run.finished(state, scope)
        with suppress(_Gone):
            return run.finished(run.begun(wanted), scope)
    raise SourceUnavailable(
        f"{where}: the server no longer has the export that it began for us",
        "Ask who runs the server how long exports are kept, then run again.",
    )


def look(source: SourceSettings, asked: Asked, clock: Clock = time) -> Path | None:
    """Enter the server and read what it says of itself, without an export. Raises as `export` does.

    Gives a folder of a few resources of each type, where the server lets us search for them; else that of the last
    export, and null where there is none.
    """
    settings, where = _settings(source)
    types, base = _types(source, settings), settings.url.rstrip("/")
    folder = asked.work / "looked_at" / as_path(source.name)
    with Server(where, settings, types, clock) as server:
        answer = server.ask("asking what it can do", "GET", f"{base}/metadata")
        _refuse_entry(where, answer)
        told = answer.json()
        if told.get("resourceType") != "CapabilityStatement" or not str(told.get("fhirVersion")).startswith(
            "4."
        ):
            raise InputRefused(
                f"{where}: there is no FHIR R4 server at `url` (status {answer.status})",
                "Set `url` to the base of the server, the address above /metadata.",
            )
        for kind in types:
            found = server.ask("looking at a few resources", "GET", f"{base}/{kind}?_count={asked.sample}")
            _write_sample(found, folder / f"{kind}.ndjson", asked.sample or 0)
    if folder.is_dir():
        return folder
    return source.path if has_files(source.path) else None


def _write_sample(answer: Answer, path: Path, limit: int) -> None:
    """The resources of a page that a search gave, one on a line; nothing where it gave none."""
    entries = answer.json().get("entry") if answer.status == 200 else None
    if not isinstance(entries, list):
        return
    found = [one["resource"] for one in entries[:limit] if isinstance(one, dict) and "resource" in one]
    if found:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _private_file(path, "wb") as file:
            file.write("".join(f"{json.dumps(resource)}\n" for resource in found).encode())


def has_files(folder: Path) -> bool:
    """Whether an export has left files in the folder."""
    return folder.is_dir() and any(_is_landed(path) for path in folder.iterdir())


def _is_landed(path: Path) -> bool:
    return not path.name.startswith(".") and OWN.fullmatch(path.name) is not None


def _settings(source: SourceSettings) -> tuple[ExportSettings, str]:
    where = f"source {source.name}, export"
    if source.export is None:
        raise ConfigurationError(f"{where}: the source has no section `export`")
    return source.export, where


# -- what is asked for ----------------------------------------------------------------------------------------------


def _types(source: SourceSettings, settings: ExportSettings) -> tuple[str, ...]:
    """The types of resources asked for: the chosen ones, else every one that is read."""
    read = list(dict.fromkeys((*TABLE_OF, *LOOKED_UP)))
    if source.fhir.clinic_from != "encounter":
        read.remove("Encounter")
    return settings.types or tuple(read)


def _needed_whole(source: SourceSettings) -> set[str]:
    """Types that rows refer to: an increment needs them also where they have not changed."""
    needed = {"Medication"}
    if source.fhir.patient_identifier_system:
        needed |= {"Patient"}
    if source.fhir.clinic_from == "encounter":
        needed |= {"Patient", "Encounter"}
    return needed


def _wanted(source: SourceSettings, settings: ExportSettings, asked: Asked) -> _State:
    """The exports of tonight: one, or for an increment first the news and then what they refer to."""
    types = _types(source, settings)
    since = _since(source, settings, asked)
    whole = _needed_whole(source) if since else set()
    jobs = [_Job([kind for kind in types if kind not in whole], since)]
    if referred := [kind for kind in types if kind in whole]:
        jobs.append(_Job(referred, None))
    return _State(settings.url.rstrip("/"), settings.level, [job for job in jobs if job.types])


def _asked_for(state: _State) -> list[tuple[list[str], str | None]]:
    return [(job.types, job.since) for job in state.jobs]


def _scope(source: SourceSettings, settings: ExportSettings) -> str:
    """A short name for what is asked for. Where it changes, what was read before says nothing of the rest."""
    said = json.dumps([settings.url.rstrip("/"), settings.level, sorted(_types(source, settings))])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _since(source: SourceSettings, settings: ExportSettings, asked: Asked) -> str | None:
    """From when on tonight reads; null for everything."""
    if source.mode != "increment":
        return None
    scope, found = _scope(source, settings), []
    for (name, _), watermark in asked.watermarks.items():
        at, _, of = watermark.partition(" ")
        with suppress(ValueError):
            if name == source.name and of == scope:
                found.append(datetime.fromisoformat(at))
    return _instant(max(found) - settings.overlap) if found else None


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse_others(folder: Path, where: str) -> None:
    """Raise ConfigurationError where the folder holds what no export left there: it would be read, or lost."""
    try:
        seen = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        others = [name for name in seen if not OWN.fullmatch(name)]
    except FileNotFoundError:
        return
    except OSError:
        others = ["what cannot be read"]
    if others:
        raise ConfigurationError(
            f"{where}: `path` is to be filled, and holds something else: {', '.join(others[:NAMED_AT_MOST])}",
            "Set `path` to a folder of its own; what is in it is replaced by every export.",
        )


# -- one night's export ---------------------------------------------------------------------------------------------


class _Run:
    """One export being brought in."""

    def __init__(self, folder: Path, settings: ExportSettings, server: Server, clock: Clock) -> None:
        self.folder = folder
        self.settings = settings
        self.server = server
        self.clock = clock
        self.where = server.where
        self._resumed: set[str] = set()
        self._furthest: dict[str, int] = {}

    # -- the state beside the files -----------------------------------------------------------------------------

    def unfinished(self, wanted: _State) -> _State | None:
        """The export that an earlier night did not finish, where it can be gone on with."""
        state = self._stored()
        if state is None or state.is_finished:
            return None
        age = self.clock.time() - state.begun_at
        if not state.is_of(wanted) or not 0 <= age <= self.settings.resume_within.total_seconds():
            return None
        self._resumed = {job.status_url for job in state.jobs if job.status_url}
        log.info("%s: going on with the one begun %.0f minutes ago", self.where, age / 60)
        return state

    def begun(self, wanted: _State) -> _State:
        """A new export in an empty folder."""
        if (before := self._stored()) and not before.is_finished:
            self._give_up(before)
        self._resumed = set()
        with self._on_disk("the folder"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self.folder.iterdir():
                if OWN.fullmatch(path.name) and path.name != STATE:
                    path.unlink()
        fresh = [_Job(job.types, job.since) for job in wanted.jobs]
        state = _State(wanted.url, wanted.level, fresh, self.clock.time())
        self._store(state)
        return state

    def _stored(self) -> _State | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            return _state_of(json.loads((self.folder / STATE).read_text(encoding="utf-8")))
        return None

    def _store(self, state: _State) -> None:
        new = self.folder / f"{STATE}.new"
        with self._on_disk(STATE), _private_file(new, "wb") as file:
            file.write(json.dumps(asdict(state)).encode())
            _settle(file)
            new.rename(self.folder / STATE)

    @contextmanager
    def _on_disk(self, name: str) -> Iterator[None]:
        problem = ""
        try:
            yield
        except OSError as error:
            problem = os.strerror(error.errno) if error.errno else "a write failed"
        if problem:
            raise OutputError(
                f"{self.where}: {name} cannot be written: {problem.lower()}.",
                "Make room in the folder of the source, then run again: it goes on where it stopped.",
            )

    # -- the protocol ---------------------------------------------------------------------------------------------

    def finished(self, state: _State, scope: str) -> Exported:
        """The export to its last file, wherever it stands. Raises _Gone where the server no longer has it."""
        for number, job in enumerate(state.jobs):
            if job.is_fetched:
                continue
            if job.status_url is None:
                job.status_url = self._kicked_off(job)
                self._store(state)
            if job.manifest is None:
                job.manifest = self._waited_for(job, number)
                self._store(state)
            for file in (*job.manifest.files, *job.manifest.errors):
                self._fetch(file, job.manifest.has_token)
            job.is_fetched = True
            self._store(state)
            self._delete(job)
        state.is_finished = True
        self._store(state)
        self._report_errors(state)
        manifests = [job.manifest for job in state.jobs if job.manifest]
        latest = min(datetime.fromisoformat(manifest.transaction_at) for manifest in manifests)
        # A server whose clock is ahead would hide what changes until it is put right.
        latest = min(latest, datetime.fromtimestamp(self.clock.time(), UTC))
        return Exported(self.folder, f"{_instant(latest)} {scope}", sum(len(one.files) for one in manifests))

    def _kicked_off(self, job: _Job) -> str:
        """Where the server tells how far it is."""
        level = "" if self.settings.level == "system" else f"/{self.settings.level}"
        asked = {"_outputFormat": NDJSON, "_type": ",".join(job.types)} | (
            {"_since": job.since} if job.since else {}
        )
        url = f"{self.settings.url.rstrip('/')}{level}/$export?{urlencode(asked)}"
        answer = self.server.ask("beginning an export", "GET", url, {"Prefer": "respond-async"})
        _refuse_entry(self.where, answer)
        location = answer.headers.get("Content-Location")
        if answer.status != 202 or not location:
            raise InputRefused(
                f"{self.where}: the server begins no export (status {answer.status})",
                "Check `url` and `level`, and leave out of `types` what the server does not have.",
            )
        location = joined(url, location)
        if origin(location) != self.server.origin:
            raise InputRefused(
                f"{self.where}: the server tells of its export at another origin than `url`",
                "Set `url` to the address at which the server really is.",
            )
        return location

    def _waited_for(self, job: _Job, number: int) -> _Manifest:
        """The manifest, once there is one."""
        url, pause = job.status_url or "", self.settings.wait
        until = self.clock.monotonic() + self.settings.time_limit.total_seconds()
        while True:
            answer = self._asked_how_far(url)
            if answer.status == 200:
                return self._manifest(answer, url, job, number)
            if answer.status in (404, 410):
                raise _Gone
            _refuse_entry(self.where, answer)
            if answer.status != 202:
                raise InputRefused(f"{self.where}: the export failed on the server (status {answer.status})")
            told = self.server.asked_to_wait(answer.headers)
            seconds = max(pause if told is None else told, min(SHORTEST_PAUSE, self.settings.wait))
            pause = min(pause * 2, LONGEST_PAUSE)
            if self.clock.monotonic() + seconds > until:
                break
            self.clock.sleep(seconds)
        raise SourceUnavailable(
            f"{self.where}: the server has not finished within {self.settings.time_limit}",
            "Run again to go on waiting for the same export, or raise `time_limit`.",
        )

    def _asked_how_far(self, url: str) -> Answer:
        """The server's word. An export of an earlier night that it fails to speak of is begun anew."""
        try:
            return self.server.ask("asking how far the export is", "GET", url, {"Accept": "application/json"})
        except SourceUnavailable:
            if url not in self._resumed:
                raise
        raise _Gone

    def _manifest(self, answer: Answer, url: str, job: _Job, number: int) -> _Manifest:
        """What the server made, checked: nothing of it is trusted, and of its words only addresses are kept."""
        told = answer.json()
        try:
            at = datetime.fromisoformat(told["transactionTime"])
            output, errors, deleted = (_entries(told, name) for name in ("output", "error", "deleted"))
            is_sound = at.tzinfo is not None
        except (KeyError, TypeError, ValueError):
            is_sound = False
        if not is_sound:
            raise InputRefused(f"{self.where}: the server's manifest is not one of FHIR Bulk Data Access")
        if any(one.get("relation") == "next" for one in _links(told)):
            raise InputRefused(
                f"{self.where}: the server's manifest has more pages, which were not asked for"
            )
        if job.since and deleted:
            raise InputRefused(
                f"{self.where}: the server tells in {len(deleted)} files of resources that were deleted",
                'An increment cannot take them away: run once with mode = "snapshot", then go back.',
            )
        wanted = [one for one in output if one["type"] in job.types]
        if len(wanted) < len(output):
            log.info("%s: %d files of types not asked for are left", self.where, len(output) - len(wanted))
        needs = told.get("requiresAccessToken")
        return _Manifest(
            at.isoformat(),
            needs if isinstance(needs, bool) else None,
            self._files(wanted, url, number),
            self._files([one | {"type": ".errors"} for one in errors], url, number),
        )

    def _files(self, entries: list[dict[str, Any]], base: str, number: int) -> list[_File]:
        """One file for each address, however often it is told."""
        found: dict[str, _File] = {}
        for one in entries:
            url, count = joined(base, one["url"]), one.get("count")
            if origin(url) is None:
                raise InputRefused(f"{self.where}: the server's manifest names a file that is not on the web")
            name = f"{one['type']}.{number}.{len(found):05d}.ndjson"
            found.setdefault(url, _File(url, one["type"], name, count if isinstance(count, int) else None))
        return list(found.values())

    def _delete(self, job: _Job) -> None:
        """Tell the server that its files are no longer needed; it need not listen."""
        if job.status_url is None or origin(job.status_url) != self.server.origin:
            return
        with suppress(Lost, ScreenError):
            with self.server.opened("DELETE", job.status_url, {"Accept": "application/json"}) as response:
                status = response.status_code
            if status in (200, 202, 204, 404, 410):
                return
        log.warning("%s: the server was not told that its files can go", self.where)

    def _give_up(self, state: _State) -> None:
        log.info("%s: an earlier one, not finished, is given up", self.where)
        for job in state.jobs:
            if not job.is_fetched:
                self._delete(job)

    # -- files ----------------------------------------------------------------------------------------------------

    def _fetch(self, file: _File, needs_token: bool | None) -> None:
        """Bring a file in, unless it is there."""
        if any((self.folder / name).exists() for name in self._names(file)):
            return
        is_own = origin(file.url) == self.server.origin
        has_token = needs_token is True if not is_own else needs_token is not False
        if has_token and not is_private(file.url) and self.settings.has_login:
            raise InputRefused(
                f"{self.where}: {file.name} would need our token over a connection that others can read"
            )
        self.server.retried(f"reading {file.name}", lambda: self._read(file, has_token))
        self._accept(file)

    def _read(self, file: _File, has_token: bool) -> None:
        """One attempt, from where the one before ended if the server can be sure that it is the same file."""
        part = self._part(file)
        begun, size = self._begun(file), part.stat().st_size if part.exists() else 0
        can_resume = bool(begun.get("validator")) and size > 0
        headers = {"Accept": NDJSON, "Accept-Encoding": "gzip"}
        if can_resume:
            headers |= {"Range": f"bytes={size}-", "If-Range": begun["validator"]}
        lost = None
        try:
            with self.server.opened("GET", file.url, headers, has_token=has_token, is_file=True) as response:
                if response.status_code == 206 and can_resume and _goes_on(response.headers, size, begun):
                    mode = "ab"
                elif response.status_code == 200:
                    mode = "wb"
                    self._note(file, response.headers)
                else:
                    self._refuse_file(file, response.status_code)
                self._write(part, mode, file, response.iter_raw())
        except Lost as error:
            reached = part.stat().st_size if part.exists() else 0
            has_progressed = bool(self._begun(file).get("validator")) and reached > self._furthest.get(
                file.name, size
            )
            self._furthest[file.name] = max(reached, self._furthest.get(file.name, size))
            lost = Lost(error.what, error.wait, has_progressed)
        if lost:
            raise lost

    def _refuse_file(self, file: _File, status: int) -> None:
        if status in (206, 416):
            self._part(file).unlink(missing_ok=True)
            raise Lost("the server no longer has the rest of the same file", 0.0)
        if status in (404, 410):
            raise _Gone
        raise InputRefused(
            f"{self.where}: the server does not give {file.name} (status {status})",
            "Check that this client may read every type of `types`; run again to go on with the rest.",
        )

    def _write(self, part: Path, mode: str, file: _File, blocks: Iterator[bytes]) -> None:
        with self._on_disk(file.name), _private_file(part, mode) as copy:
            for block in blocks:
                copy.write(block)
            _settle(copy)

    def _note(self, file: _File, headers: Mapping[str, str]) -> None:
        """Leave beside a file that is being read what is needed to go on with it."""
        # A weak tag is of what means the same, not of the same bytes.
        tag = headers.get("ETag", "")
        validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
        is_whole_told = "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")
        noted = {
            "validator": validator if validator.isascii() else "",
            "encoding": headers.get("Content-Encoding", ""),
            "total": headers.get("Content-Length"),
            "is_whole_told": is_whole_told,
        }
        self._part(file).unlink(missing_ok=True)
        with self._on_disk(file.name), _private_file(self._noted(file), "wb") as copy:
            copy.write(json.dumps(noted).encode())

    def _names(self, file: _File) -> tuple[str, str, str]:
        """What a file is called once it is whole: as it is, compressed, or with nothing in it."""
        return file.name, f"{file.name}.gz", f".{file.name.removeprefix('.')}.empty"

    def _begun(self, file: _File) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            return dict(json.loads(self._noted(file).read_text(encoding="utf-8")))
        return {}

    def _part(self, file: _File) -> Path:
        return self.folder / f".{file.name.removeprefix('.')}.part"

    def _noted(self, file: _File) -> Path:
        return self.folder / f".{file.name.removeprefix('.')}.part.json"

    def _accept(self, file: _File) -> None:
        """Give a file its name, once it is known to be whole. Raises InputRefused where it is not."""
        part, begun = self._part(file), self._begun(file)
        with part.open("rb") as copy:
            is_gzip = copy.read(2) == GZIP_MAGIC
        where = f"{self.where}, {file.name}"
        problem = ""
        try:
            if begun.get("encoding", "") not in ("", "gzip", "x-gzip", "identity"):
                problem = "it came in an encoding that was not asked for"
            elif begun.get("total") not in (None, str(part.stat().st_size)):
                problem = "it has another length than the server said"
            elif file.count is not None or is_gzip:
                lines = _lines(part, is_gzip, where)
                if file.count not in (None, lines):
                    problem = f"the server counted {file.count} resources in it, and {lines} came"
            elif not begun.get("is_whole_told"):
                problem = "the server says neither how long it is nor how many resources are in it"
        except InputRefused as error:
            problem = error.what.removeprefix(where).lstrip(": ")
        if problem:
            part.unlink()
            raise InputRefused(
                f"{where}: {problem}", "Run again; where it stays so, ask who runs the server."
            )
        plain, compressed, empty = self._names(file)
        name = compressed if is_gzip else plain if part.stat().st_size else empty
        with self._on_disk(file.name):
            part.rename(self.folder / name)
            self._noted(file).unlink(missing_ok=True)

    # -- what the server says went wrong ----------------------------------------------------------------------------

    def _report_errors(self, state: _State) -> None:
        """Say what the server could not export. Raises InputRefused where it calls that an error."""
        found = Counter[str]()
        for job in state.jobs:
            for file in job.manifest.errors if job.manifest else ():
                for path in (self.folder / name for name in self._names(file)):
                    if path.exists():
                        found += _severities(path, f"{self.where}, {file.name}")
        if not found:
            return
        words = ", ".join(
            f"{found[word]} {word}" for word in (*UNFIT, "warning", "information") if found[word]
        )
        if any(found[word] for word in UNFIT) and not self.settings.accept_errors:
            raise InputRefused(
                f"{self.where}: the server says that its export is not whole ({words})",
                "Its words are in the files .errors.* in the folder of the source; they may name patients. Where "
                "nothing that matters is missing, set accept_errors = true.",
            )
        log.warning("%s: the server reports %s", self.where, words)


def _refuse_entry(where: str, answer: Answer) -> None:
    if answer.status in (401, 403):
        raise InputRefused(
            f"{where}: the server does not let us in (status {answer.status})",
            "Check the login, and that this client may export at this `level`.",
        )


def _entries(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of the manifest. Raises TypeError or KeyError where it is none; only `output` must be there."""
    found = told[name] if name == "output" else told.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TypeError
    for one in found:
        if not isinstance(one["url"], str) or (name == "output" and not isinstance(one["type"], str)):
            raise TypeError
    return found


def _links(told: dict[str, Any]) -> list[dict[str, Any]]:
    found = told.get("link")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _goes_on(headers: Mapping[str, str], size: int, begun: Mapping[str, Any]) -> bool:
    """Whether an answer is the rest of the file that was begun."""
    span, _, total = headers.get("Content-Range", "").partition("/")
    return (
        span.startswith(f"bytes {size}-")
        and (total == "*" or begun["total"] in (None, total))
        and headers.get("Content-Encoding", "") == begun["encoding"]
    )


def _lines(path: Path, is_gzip: bool, where: str) -> int:
    """How many lines hold more than blanks, to the last byte of the file."""
    lines, rest = 0, b""
    for block in decompressed(Delivery(path, where).blocks(), "gzip" if is_gzip else "none", where):
        *whole, rest = (rest + block).split(b"\n")
        lines += sum(map(bool, map(bytes.strip, whole)))
    return lines + bool(rest.strip())


def _severities(path: Path, where: str) -> Counter[str]:
    """How often each severity is told. A match that a block ends in is found in the next one."""
    found, rest = Counter[str](), b""
    for block in decompressed(
        Delivery(path, where).blocks(), "gzip" if path.suffix == ".gz" else "none", where
    ):
        window, seen = rest + block, 0
        for match in SEVERITY.finditer(window):
            found[match[1].decode()] += 1
            seen = match.end()
        rest = window[max(seen, len(window) - SEVERITY_BYTES) :]
    return found


def _private_file(path: Path, mode: str) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if mode == "ab" else os.O_TRUNC)
    return open(os.open(path, flags, 0o600), mode)  # type: ignore[return-value]


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _state_of(stored: dict[str, Any]) -> _State:
    return _State(**stored | {"jobs": [_job_of(job) for job in stored["jobs"]]})


def _job_of(stored: dict[str, Any]) -> _Job:
    told = stored["manifest"]
    files = {name: [_File(**one) for one in told[name]] for name in ("files", "errors")} if told else {}
    return _Job(**stored | {"manifest": _Manifest(**told | files) if told else None})
