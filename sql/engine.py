"""What a night tells the engine: how much of the machine it may use, and the codes it looks for.

Apart from the warehouse, so that settings and sources can speak of it without loading an engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Matching:
    """The codes a rule can use, as frames.

    codes: concept, system, code, match, match_code, breadth. drug_names: name (lower case), concept.
    code_system_aliases: alias (squeezed), system.
    """

    codes: pl.DataFrame
    drug_names: pl.DataFrame
    code_system_aliases: pl.DataFrame


@dataclass(frozen=True)
class Engine:
    """How much of the machine DuckDB may use; `threads` 0 takes all. `timezone`: where dates without offset are."""

    memory_limit: str = "700MB"
    threads: int = 0
    timezone: str = "UTC"
    max_line_bytes: int = 2 * 1024 * 1024
