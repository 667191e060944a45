"""What a person sees while a night runs: a line that moves on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from flows.watch import log

DOING = {
    "extract": "finding and checking the files",
    "stage": "reading the rows that a rule can use",
    "validate": "checking every row",
    "decide": "deciding for every person",
    "compose": "writing the lists and the report",
    "workbooks": "writing the clinics' workbooks",
    "publish": "committing and publishing",
}


class Progress(logging.Handler):
    """Shows the stages of a night on stderr as they begin and end, and keeps how long each took."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self._console = console
        self._status: Status | None = console.status("starting") if console.is_terminal else None

    def say(self, text: str) -> None:
        if self._status:
            self._status.update(text)
        else:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        stage, event = getattr(record, "stage", ""), getattr(record, "event", "")
        if event == "begin":
            if self._status:
                self.say(f"{stage}: {DOING.get(stage, '')}")
            return
        if event == "end":
            self.seconds[stage] = round(getattr(record, "seconds", 0.0), 3)
        self._console.print(record.getMessage(), highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> Progress:
        if self._status:
            self._status.start()
        log.addHandler(self)
        return self

    def __exit__(self, *failure: object) -> None:
        log.removeHandler(self)
        if self._status:
            self._status.stop()


@contextmanager
def shown(*, debug: bool) -> Iterator[Progress]:
    """The night's progress on stderr for as long as the block lasts."""
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    log.propagate = False
    with Progress(Console(stderr=True, file=sys.stderr)) as progress:
        yield progress
