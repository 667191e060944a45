"""Errors that reach a person: what, where, what was expected, what to do. Never a row's content."""

from __future__ import annotations

from typing import ClassVar


class ScreenError(Exception):
    """A failure that is explained to the user in one message and ends the run with `exit_code`.

    `what` says what went wrong and where; `hint` says what to do. Neither may hold a patient identifier or
    the content of a row: table, file, line number, column and rule id are enough.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what if not hint else f"{what}\n  Hint: {hint}")
        self.what = what
        self.hint = hint


class ConfigurationError(ScreenError):
    """Usage or configuration is wrong: nothing was read."""

    exit_code = 2


class RulePackError(ConfigurationError):
    """A rule pack or codelist is not fit to decide with."""


class InputRefused(ScreenError):
    """The inputs cannot be trusted: nothing is published."""

    exit_code = 3


class SourceUnavailable(InputRefused):
    """A source could not be reached, or broke off, and went on doing so when tried again: nothing is published."""


class RunLocked(ScreenError):
    """Another run holds the warehouse or the output folder."""

    exit_code = 4


class OutputError(ScreenError):
    """The publication could not be written."""

    exit_code = 5


class ContractError(ScreenError):
    """A table broke a promise between two stages: a defect of the program, not of a row."""
