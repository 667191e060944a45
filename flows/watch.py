"""What a night says about itself: one line per stage, counts only, and failures that hold no row content."""

from __future__ import annotations

import errno
import functools
import logging
import re
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

from polars.exceptions import PanicException

from schemas.errors import OutputError, ScreenError

log: Final = logging.getLogger("b12screen")
log.setLevel(logging.INFO)

Counts = dict[str, int]
Stage = Callable[[Path], Counts]

_DISK: Final = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file grew past the permitted size",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.ENOTDIR: "a folder on its path is a file",
    errno.EIO: "a write failed",
}
_DISK_IN_WORDS: Final = {
    "no space left": errno.ENOSPC,
    "failed to offload": errno.ENOSPC,
    "disk quota": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "read-only file system": errno.EROFS,
    "could not write": errno.EIO,
    "failed to commit": errno.EIO,
}


class StageFailed(ScreenError):
    """A stage met what it does not know: kind of error and stage, nothing of what the error says."""


def watched(stage: Stage) -> Stage:
    """The stage, timed, logged in one line, and unable to let an exception's text out.

    DuckDB, Polars and Pandera put values into their messages. So whatever is not one of our own errors is
    replaced by its kind, after its `except` block has ended: an exception raised inside would keep the
    original as its context, and a scheduler stores that too.
    """

    @functools.wraps(stage)
    def run(night_file: Path) -> Counts:
        name = stage.__name__
        log.info("stage=%s begins", name, extra={"stage": name, "event": "begin"})
        began = time.monotonic()
        failure: ScreenError
        try:
            counts = stage(night_file)
        except ScreenError as error:
            failure = type(error)(error.what, error.hint)
        # A panic of the engine is not an Exception, and its text may quote a row as well.
        except (Exception, PanicException) as error:
            log.debug("stage=%s failed at %s", name, place_of(error.__traceback__))
            failure = _told(name, error)
        else:
            seconds = time.monotonic() - began
            extra = {"stage": name, "event": "end", "counts": counts, "seconds": seconds}
            log.info("stage=%s seconds=%.2f %s", name, seconds, _fields(counts), extra=extra)
            return counts
        raise failure

    return run


def _told(name: str, error: BaseException) -> ScreenError:
    number = _disk_error(error)
    if number is not None:
        return OutputError(
            f"Stage {name} could not write: {_DISK[number]}.",
            "make room or choose another --output or --warehouse, then run again; nothing half-done is left.",
        )
    return StageFailed(
        f"Stage {name} failed: {type(error).__name__}.",
        "--debug says where in the program. The text of the error is held back: it may quote a row.",
    )


_DUCKDB_WRITES: Final = ("IOException", "OutOfMemoryException", "TransactionException", "FatalException")


def _disk_error(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno in _DISK:
        return error.errno
    text = str(error).lower()
    found = re.search(r"\(os error (\d+)\)", text)
    if found and int(found.group(1)) in _DISK:
        return int(found.group(1))
    is_io = isinstance(error, OSError) or type(error).__name__ in _DUCKDB_WRITES
    return next((number for words, number in _DISK_IN_WORDS.items() if is_io and words in text), None)


def place_of(trace: TracebackType | None) -> str:
    """Files and lines an error passed through, the innermost first, without its message."""
    frames = traceback.extract_tb(trace)
    return " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )


def _fields(counts: Mapping[str, int]) -> str:
    return " ".join(f"{name}={count}" for name, count in counts.items())
