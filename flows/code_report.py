"""The nightly report on codes: what the extracts use that no list holds, and what they no longer use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from flows.context import Night
from flows.settings import Settings
from rules.lookalikes import lookalikes_sha256, read_lookalikes
from rules.model import Pack
from schemas.vocabulary import TABLES
from sql.warehouse import Warehouse
from transforms.code_use import falling, unlisted

CODE_FILES: Final = ("unlisted_codes", "falling_codes")
CODES_IN_THE_SUMMARY: Final = 10
_SHOWN: Final = ("table_name", "code_system", "code", "rows", "codelists")


@dataclass(frozen=True)
class CodeReport:
    """`used`: how many distinct codes and names were counted. The frames are those of `transforms.code_use`."""

    used: int
    unlisted: pl.DataFrame
    falling: pl.DataFrame

    def counts(self, settings: Settings) -> dict[str, Any]:
        """The report in counts, and the codes with the most rows; names as typed stay in the files."""
        coded = self.unlisted.filter(pl.col("code") != "")
        most = coded.group_by(pl.col(_SHOWN).exclude("rows", "codelists")).agg(
            pl.col("rows").sum(), pl.col("codelists").str.split("; ").explode().unique().sort().str.join("; ")
        )
        most = most.sort("rows", "table_name", "code_system", "code", descending=[True, False, False, False])
        return {
            "codes_counted": self.used,
            "unlisted": {
                table: self.unlisted.filter(pl.col("table_name") == table).height
                for table in TABLES
                if table in self.unlisted["table_name"]
            },
            "unlisted_rows": int(self.unlisted["rows"].sum()),
            "most_used": most.select(_SHOWN).head(CODES_IN_THE_SUMMARY).to_dicts(),
            "falling": self.falling.height,
            "min_rows": settings.limits.unlisted_min_rows,
            "code_drop": settings.limits.code_drop,
            "code_drop_min_rows": settings.limits.code_drop_min_rows,
        }


def reported(night: Night, pack: Pack, warehouse: Warehouse) -> CodeReport:
    used = warehouse.code_use()
    return CodeReport(
        used=used.height,
        unlisted=unlisted(used, pack, read_lookalikes(pack)),
        falling=_fallen(night, pack, warehouse),
    )


def report_sha256(night: Night, pack: Pack, warehouse: Warehouse) -> str:
    """Hash of what the report rests on beside tonight's rows, for the run id; empty where there is no report.

    That is the words it looks for, and what fell since an earlier run: the warehouse alone knows that one.
    """
    if not night.settings.codelists.report:
        return ""
    rests_on = lookalikes_sha256() + _fallen(night, pack, warehouse).write_csv()
    return hashlib.sha256(rests_on.encode()).hexdigest()


def _fallen(night: Night, pack: Pack, warehouse: Warehouse) -> pl.DataFrame:
    limits = night.settings.limits
    return falling(
        warehouse.code_use(),
        warehouse.previous_code_use(night.as_of),
        pack,
        [name for name, source in night.settings.sources.items() if source.mode == "snapshot"],
        share=limits.code_drop,
        min_rows=limits.code_drop_min_rows,
    )
