"""Landing: what a source holds, written as Parquet in canonical raw form, with the engine that stages it later.

Nothing here reads a file or a stream twice, and memory is bounded by the engine's limit: statements stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from schemas.errors import InputRefused, OutputError, ScreenError
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
        return self._told(text, values, where)

    def write(self, query: str, path: Path, where: str, /, **values: Any) -> int:
        """Write the rows of `query` to a Parquet file in `folder`; gives their number."""
        copy = (
            f"copy ({query}) to {text_literal(str(path))} "
            f"(format parquet, compression {COMPRESSION}, row_group_size {ROW_GROUP})"
        )
        return int(self._told(copy, values, where)[0][0])

    def columns(self, query: str, where: str) -> list[str]:
        """The names of the columns that `query` gives, without running it."""
        return [str(row[0]) for row in self.run(f"describe {query}", where)]

    def _told(self, text: str, values: dict[str, Any], where: str) -> list[tuple[Any, ...]]:
        """What the engine says of a failure quotes rows; it becomes a refusal of the place and the kind of fault."""
        problem: ScreenError
        try:
            return self._connection.execute(text, values or None).fetchall()
        except EngineError as error:
            problem = _refusal(error, where)
        # Raised out here: inside, the engine's error would travel along as context.
        raise problem


def _refusal(error: Exception, where: str) -> ScreenError:
    words = str(error).lower()
    if "no space left" in words or "file too large" in words:
        return OutputError(
            f"{where}: its landed copy cannot be written: the disk is full.", "Make room, then run again."
        )
    return InputRefused(f"{where}: cannot be read ({type(error).__name__}).")


def paths(files: Sequence[Path]) -> str:
    """The files as a list in SQL."""
    return "[" + ", ".join(text_literal(str(file)) for file in files) + "]"
