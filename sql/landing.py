"""Landing: what a source holds, written as Parquet in canonical raw form, with the engine that stages it later.

Nothing here reads a file or a stream twice, and memory is bounded by the engine's limit: statements stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from schemas.errors import InputRefused, OutputError
from sql.engine import Engine
from sql.statements import text_literal
from sql.warehouse import EngineError, memory

COMPRESSION: Final = "zstd"
ROW_GROUP: Final = 100_000


class Landing:
    """An engine in memory that writes query results into `folder`. Use it in a `with` statement."""

    def __init__(self, folder: Path, engine: Engine | None = None) -> None:
        self.folder = folder
        self.engine = engine or Engine()

    def __enter__(self) -> Landing:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._connection = memory(self.folder / "spill", self.engine)
        self._connection.execute("set enable_progress_bar = false").fetchall()
        self._connection.execute("set timezone = 'UTC'").fetchall()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def give(self, name: str, stream: object) -> None:
        """Make an Arrow table or stream of record batches (read once) known to statements as `name`."""
        self._connection.register(name, stream)

    def forget(self, name: str) -> None:
        self._connection.unregister(name)

    def run(self, text: str, where: str, /, **values: Any) -> list[tuple[Any, ...]]:
        """The rows a statement gives. Raises InputRefused naming `where`, never with what the engine says of rows."""
        with self._said_plainly(where):
            return self._connection.execute(text, values or None).fetchall()

    def write(self, query: str, path: Path, where: str, /, **values: Any) -> int:
        """Write the rows of `query` to a Parquet file in `folder`; gives their number."""
        copy = (
            f"copy ({query}) to {text_literal(str(path))} "
            f"(format parquet, compression {COMPRESSION}, row_group_size {ROW_GROUP})"
        )
        with self._said_plainly(where):
            return int(self._connection.execute(copy, values or None).fetchall()[0][0])

    def columns(self, query: str, where: str) -> list[str]:
        """The names of the columns that `query` gives, without running it."""
        return [str(row[0]) for row in self.run(f"describe {query}", where)]

    @contextmanager
    def _said_plainly(self, where: str) -> Iterator[None]:
        """What the engine says quotes rows; it becomes a refusal that names the place and the kind of fault."""
        problem: InputRefused | OutputError | None = None
        try:
            yield
        except EngineError as error:
            words = str(error).lower()
            if "no space left" in words or "file too large" in words:
                problem = OutputError(
                    f"{where}: its landed copy cannot be written: the disk is full.",
                    "Make room, then run again.",
                )
            else:
                problem = InputRefused(f"{where}: cannot be read ({type(error).__name__}).")
        if problem:
            raise problem


def paths(files: Sequence[Path]) -> str:
    """The files as a list in SQL."""
    return "[" + ", ".join(text_literal(str(file)) for file in files) + "]"
