"""A night's context: what is screened for which day, its work folder, its locks, and its run id."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from exports.publish import discard_abandoned
from flows.settings import Settings, load
from schemas.errors import ConfigurationError, OutputError, RunLocked

NIGHT_FILE: Final = "night.json"
PRIVATE: Final = 0o700
GROUP_READABLE: Final = 0o750
STRANGERS: Final = 0o027


class Night(BaseModel):
    """One night as names, paths and dates: all that a stage needs to be told, and nothing of a patient."""

    model_config = ConfigDict(frozen=True)

    as_of: date
    settings: Settings
    output: Path
    warehouse: Path
    work: Path
    code_version: str
    with_workbooks: bool = True
    accept_low_volume: bool = False

    @property
    def file(self) -> Path:
        return self.work / NIGHT_FILE

    def run_id(self, fingerprint: str, pack_sha256: str, report_sha256: str = "") -> str:
        """`as_of` and twelve hex digits of everything that can change a published byte."""
        parts = {
            "content": fingerprint,
            "pack": pack_sha256,
            "code_report": report_sha256,
            "configuration": self.settings.deciding(),
            "workbooks": self.with_workbooks,
            "code": self.code_version,
        }
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"{self.as_of}-{digest[:12]}"

    def note(self, name: str, content: object) -> None:
        """Leaves small facts (counts, names, paths) of one stage for the next one in the work folder."""
        (self.work / f"{name}.json").write_text(json.dumps(content, default=str), encoding="utf-8")

    def noted(self, name: str) -> dict[str, Any]:
        content = json.loads((self.work / f"{name}.json").read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(f"{name}.json is not an object")
        return content


def read_night(file: Path) -> Night:
    return Night.model_validate_json(file.read_text(encoding="utf-8"))


def code_version() -> str:
    """The installed version; of a checkout that nobody installed, only that it is one."""
    try:
        return metadata.version("b12screen")
    except metadata.PackageNotFoundError:
        return "0+checkout"


def plan(
    *,
    config: Path | None = None,
    extracts: Path | None = None,
    output: Path | None = None,
    warehouse: Path | None = None,
    as_of: date | None = None,
    pack: str | None = None,
    with_workbooks: bool = True,
    accept_low_volume: bool = False,
) -> Night:
    """The night that was asked for. What is not given comes from the configuration, then from the defaults.

    Raises ConfigurationError where nothing says what to screen.
    """
    settings = load(config, os.environ).with_screen(
        output=output, warehouse=warehouse, as_of=as_of, pack=pack
    )
    if extracts is not None:
        settings = settings.with_extracts(extracts)
    if not settings.sources:
        raise ConfigurationError(
            "Nothing says what to screen.",
            "give --extracts DIR (a folder with patients.csv, labs.csv, medications.csv), or --config FILE.",
        )
    # The file itself: through a link it would be locked, and written anew, in another place.
    file = settings.warehouse.resolve()
    return Night(
        as_of=settings.screen.as_of or datetime.now(settings.zone).date(),
        settings=settings,
        output=settings.screen.output.absolute(),
        warehouse=file,
        work=beside(file, "work") / str(os.getpid()),
        code_version=code_version(),
        with_workbooks=with_workbooks,
        accept_low_volume=accept_low_volume,
    )


def where(config: Path | None, output: Path | None) -> Path:
    """The output folder that these options mean."""
    return load(config, os.environ).with_screen(output=output).screen.output.absolute()


def checked(night: Night) -> Night:
    """The night, after its folders could be made and its locks be taken once: cheaper to learn now than later."""
    with opened(night):
        return night


def beside(warehouse: Path, purpose: str) -> Path:
    """A hidden path beside the warehouse, of its own per warehouse file."""
    return warehouse.with_name(f".{warehouse.name}.{purpose}")


@contextmanager
def opened(night: Night) -> Iterator[Night]:
    """The night with both locks held and an empty work folder, which is gone afterwards.

    What dead runs left, work and half-written publications, is removed: the locks are held, so nobody works there.
    Raises RunLocked, or OutputError where the folders cannot be made.
    """
    with ExitStack() as held:
        # Every file from here on holds patients, or could: nothing for strangers.
        held.callback(os.umask, os.umask(STRANGERS))
        for folder in (night.warehouse.parent, night.output):
            _make_folder(folder, GROUP_READABLE)
        held.enter_context(locked(beside(night.warehouse, "lock"), f"the warehouse {night.warehouse}"))
        held.enter_context(locked(night.output / ".lock", f"the output folder {night.output}"))
        held.callback(_clear, night)
        _clear(night)
        _make_folder(night.work, PRIVATE)
        _write_night(night)
        yield night


def _write_night(night: Night) -> None:
    try:
        night.file.write_text(night.model_dump_json(), encoding="utf-8")
        return
    except OSError as error:
        number = error.errno
    raise OutputError(
        f"The work folder beside {night.warehouse} cannot be written (error {number}).",
        "make room or choose another --warehouse, then run again.",
    )


def _clear(night: Night) -> None:
    shutil.rmtree(night.work.parent, ignore_errors=True)
    discard_abandoned(night.output)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path`, which names its owner. The kernel lets go of it when the owner dies.

    The file itself stays: removing it would let two runs hold two different files of one name.
    Raises RunLocked with the owner's process id and since when.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputError(f"The lock {path} cannot be made: {error.strerror}.") from None
    try:
        _take(descriptor, what)
        owner = {"pid": os.getpid(), "since": datetime.now().astimezone().isoformat(timespec="seconds")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunLocked(
            f"Another run holds {what}: {_owner(descriptor)}.",
            "wait until it has ended. The lock goes with its process; there is nothing to remove by hand.",
        ) from None


def _owner(descriptor: int) -> str:
    try:
        owner = json.loads(os.pread(descriptor, 1024, 0))
        return f"process {owner['pid']}, since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just begun"


def _make_folder(folder: Path, mode: int) -> None:
    """Makes a folder that strangers may not enter; one that is there already keeps its rights."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            "name a folder that can be written, with --output or --warehouse.",
        ) from None
