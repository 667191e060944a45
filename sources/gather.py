"""Gathering: one door to every kind of source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from sources import database, fhir, files, omop
from sources.base import Asked, Kind, Part, SourceSettings

Land = Callable[[SourceSettings, Asked], list[Part]]


def _fhir(source: SourceSettings, asked: Asked) -> list[Part]:
    """The parts of a folder of NDJSON, filled from its server first where it has one."""
    if source.export is None:
        return fhir.land(source, asked)
    # With it come packages that only a site with a server needs.
    from sources import fhir_export  # noqa: PLC0415

    if asked.sample is not None:
        folder = fhir_export.look(source, asked)
        return fhir.land(replace(source, path=folder), asked) if folder else []
    exported = fhir_export.export(source, asked)
    if source.mode == "increment" and not fhir_export.has_files(source.path):
        return []
    return [replace(part, watermark=exported.watermark) for part in fhir.land(source, asked)]


def _files(source: SourceSettings, asked: Asked) -> list[Part]:
    """The parts of a folder of files, fetched from object storage first where it lies there."""
    if source.storage is None:
        return files.discover(source, asked.work, asked.sample)
    from sources import storage  # noqa: PLC0415

    return storage.land(source, asked)


LAND: Final[Mapping[Kind, Land]] = {
    "files": _files,
    "postgres": database.land,
    "sqlserver": database.land,
    "mysql": database.land,
    "oracle": database.land,
    "fhir": _fhir,
    "omop": omop.land,
}
"""Kind of source -> what finds or lands its parts."""


def gather(source: SourceSettings, asked: Asked) -> list[Part]:
    """The parts of a source, by table in canonical order and then by name; landed first where they are not files.

    Raises InputRefused where a required table is missing or something cannot be trusted, SourceUnavailable where
    the source cannot be reached, and ConfigurationError where its settings cannot be meant.
    """
    return LAND[source.kind](source, asked)
