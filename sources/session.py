"""What the landing of a database needs from its driver, and how a driver says that something is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa

from sources.queries import Query

WATERMARK: Final = "b12_watermark"
"""The name under which a query's watermark column arrives beside the canonical columns."""

Values = Mapping[str, str | None]
"""The parameters of a query."""


@dataclass(frozen=True)
class Login:
    """Who enters. Neither is ever shown."""

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Column:
    """A column of a query's result. type: the word of its database for what it holds."""

    name: str
    type: str
    is_date_or_time: bool = False


@dataclass(frozen=True)
class Wanted:
    """What is read of a query's result.

    columns: canonical column -> column of the result; it arrives as text under the canonical name. watermark: the
    column that arrives as it is, under the name WATERMARK, without values that are no day. limit: at most so many
    rows.
    """

    columns: Mapping[str, Column]
    watermark: Column | None = None
    limit: int | None = None


class Lost(Exception):
    """A connection could not be had, or broke off: it may be there again in a moment.

    `what` is ours: a driver's own text may quote a row, and names who enters.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Session(Protocol):
    """One read-only transaction that sees one state of the database. Everything may raise Lost or InputRefused."""

    def clock(self) -> datetime:
        """The database's own time, with its offset."""
        ...

    def columns(self, query: Query, values: Values) -> list[Column]:
        """The columns that the query gives, without its rows."""
        ...

    def batches(self, query: Query, values: Values, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        """The rows of the query, batch by batch as they arrive."""
        ...

    def close(self) -> None:
        """Leave the database; never raises."""
        ...
