"""Gathering: one door to every kind of source."""

from __future__ import annotations

from sources import files
from sources.base import Asked, Part, SourceSettings


def gather(source: SourceSettings, asked: Asked) -> list[Part]:
    """The parts of a source, by table in canonical order and then by name; landed first where they are not files.

    Raises InputRefused where a required table is missing or something cannot be trusted, SourceUnavailable where
    the source cannot be reached, and ConfigurationError where its settings cannot be meant.
    """
    return files.discover(source, asked.work)
