"""A night of the warehouse alone, for tests: files written as text, parts built by hand, results read back."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import zstandard

from schemas.canonical import STAGED_MODELS
from schemas.contract import split
from schemas.vocabulary import TABLES
from sources.base import Part, SourceSettings, TableMapping
from sql.engine import Engine, Matching
from sql.warehouse import Warehouse

AS_OF = date(2026, 6, 30)

CODES = pl.DataFrame(
    [
        ("lab_b12_total", "LOINC", "2132-9", "exact", "2132-9", "exact"),
        ("lab_mma_serum", "LOINC", "13964-2", "exact", "13964-2", "exact"),
        ("lab_haemoglobin", "LOINC", "718-7", "exact", "718-7", "exact"),
        ("drug_metformin", "ATC", "A10BA02", "prefix", "A10BA02", "exact"),
        ("drug_ppi", "ATC", "A02BC", "prefix", "A02BC", "exact"),
        ("drug_ppi", "SNOMED-CT", "387137007", "exact", "387137007", "exact"),
        ("cond_peripheral_neuropathy", "ICD-10", "G62", "prefix", "G62", "exact"),
        ("cond_peripheral_neuropathy", "ICD-10", "G60.9", "prefix", "G609", "broad"),
        ("cond_alcohol_misuse", "ICD-10", "G62.1", "prefix", "G621", "exact"),
        ("proc_gastrectomy_total", "OPCS-4", "G27", "prefix", "G27", "exact"),
        ("proc_abdominal_pelvic_radiotherapy", "ICD-10", "K62.7", "prefix", "K627", "broad"),
    ],
    schema=["concept", "system", "code", "match", "match_code", "breadth"],
    orient="row",
)
DRUG_NAMES = pl.DataFrame(
    [
        ("metformin", "drug_metformin"),
        ("omeprazole", "drug_ppi"),
        ("esomeprazole", "drug_ppi"),
        ("cyanocobalamin", "drug_b12_cyanocobalamin_any"),
        ("vitamin b-12", "drug_b12_cyanocobalamin_any"),
        ("folic acid", "drug_folic_acid"),
    ],
    schema=["name", "concept"],
    orient="row",
)
ALIASES = pl.DataFrame(
    [
        ("loinc", "LOINC"),
        ("http://loinc.org", "LOINC"),
        ("snomedct", "SNOMED-CT"),
        ("icd10", "ICD-10"),
        ("atc", "ATC"),
        ("opcs4", "OPCS-4"),
    ],
    schema=["alias", "system"],
    orient="row",
)
MATCHING = Matching(CODES, DRUG_NAMES, ALIASES)

PATIENTS = "patient_id,birth_date,sex,clinic_id\nA,1950-01-01,female,C1\nB,1960-02-02,male,C2\n"
LABS = "patient_id,value,unit,collected_at,code_system,code\n"
MEDICATIONS = "patient_id,drug_name,start_on\n"


class SmallNight:
    """Files of one source, staged, validated and selected in a warehouse under `folder`."""

    def __init__(self, folder: Path, *, warehouse: Path | None = None, engine: Engine | None = None) -> None:
        self.folder = folder
        self.warehouse_file = warehouse or folder / "warehouse.duckdb"
        self.engine = engine or Engine(memory_limit="500MB", threads=2)
        self.parts: list[Part] = []
        self.sources: dict[str, SourceSettings] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def source(self, name: str = "site", **settings: Any) -> SmallNight:
        self.sources[name] = SourceSettings(name=name, path=self.folder, **settings)
        return self

    def csv(self, table: str, content: str | bytes, *, source: str = "site", **given: Any) -> SmallNight:
        """One CSV part; its rows are counted as the files are: lines after the header that are not empty."""
        self.sources.setdefault(source, SourceSettings(name=source, path=self.folder))
        content = content.encode() if isinstance(content, str) else content
        compression = given.get("compression", "none")
        name = f"{source}-{table}-{len(self.parts)}.csv"
        compress = {"none": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[compression]
        (self.folder / name).write_bytes(compress(content))
        header = tuple(content.split(b"\n", 1)[0].decode("utf-8-sig").strip().split(","))
        mapping = self.sources[source].tables.get(table, TableMapping())
        columns = {column: column for column in header} | dict(mapping.columns)
        lines = len([line for line in re.split(rb"\r?\n", content) if line]) - 1
        self.parts.append(
            Part(
                source=source,
                table=table,
                name=name,
                read_path=self.folder / name,
                format="csv",
                compression=compression,
                delimiter=",",
                header=header,
                columns={column: site for column, site in columns.items() if site in header},
                rows=given.get("rows", lines),
                sha256=hashlib.sha256(content).hexdigest(),
                size=len(content),
            )
        )
        return self

    def parquet(self, table: str, frame: pl.DataFrame, *, source: str = "site") -> SmallNight:
        self.sources.setdefault(source, SourceSettings(name=source, path=self.folder))
        name = f"{source}-{table}-{len(self.parts)}.parquet"
        frame.write_parquet(self.folder / name)
        self.parts.append(
            Part(
                source=source,
                table=table,
                name=name,
                read_path=self.folder / name,
                format="parquet",
                compression="none",
                delimiter=",",
                header=tuple(frame.columns),
                columns={column: column for column in frame.columns},
                rows=frame.height,
                sha256=name,
                size=0,
            )
        )
        return self

    def opened(self) -> Warehouse:
        return Warehouse(self.warehouse_file, self.folder / "work", self.engine)

    def run(
        self, as_of: date = AS_OF, count_codes_from: int | None = None, links: pl.DataFrame | None = None
    ) -> Outcome:
        """Stage, validate and select, each in a warehouse opened anew."""
        with self.opened() as warehouse:
            warehouse.stage(self.parts, list(self.sources.values()), MATCHING, count_codes_from, links)
        with self.opened() as warehouse:
            for table, model in STAGED_MODELS.items():
                warehouse.refuse(table, split(warehouse.staged(table), model).refused, as_of)
        with self.opened() as warehouse:
            warehouse.select_in_force(as_of, self.folder / "work" / "in_force")
            return Outcome(
                in_force={
                    name: pl.read_parquet(self.folder / "work" / "in_force" / f"{name}.parquet")
                    for name in (*TABLES, "codes", "identities")
                },
                quarantine={table: warehouse.quarantine(table) for table in TABLES},
                conservation={entry["table"]: entry for entry in warehouse.conservation()},
                fingerprint=warehouse.content_fingerprint(),
            )

    def commit(self, run_id: str, as_of: date = AS_OF, patients: tuple[str, ...] = ("A",)) -> None:
        """Commit a night that decided on `patients` and put each on one list."""
        ids = list(patients)
        decisions, worklists = self.folder / "decisions.parquet", self.folder / "worklists.parquet"
        pl.DataFrame(
            {
                "patient_id": ids,
                "source": "site",
                "clinical_status": "INDET_SYMPT",
                "lists": [["mma_testing"]] * len(ids),
            },
            schema_overrides={"patient_id": pl.String},
        ).write_parquet(decisions)
        pl.DataFrame(
            {"patient_id": ids, "item_id": ids, "list": "mma_testing", "priority": "P2"},
            schema_overrides={"patient_id": pl.String, "item_id": pl.String},
        ).write_parquet(worklists)
        run = {
            "run_id": run_id,
            "as_of": as_of,
            "state": "published",
            "pack": "b12/1.0.0",
            "code_version": "0",
            "counts": {"people": len(ids)},
        }
        with self.opened() as warehouse:
            warehouse.commit(run, decisions, worklists)


class Outcome:
    """What a selected night left behind."""

    def __init__(
        self,
        in_force: Mapping[str, pl.DataFrame],
        quarantine: Mapping[str, pl.DataFrame],
        conservation: Mapping[str, Mapping[str, Any]],
        fingerprint: str,
    ) -> None:
        self.in_force = in_force
        self.quarantine = quarantine
        self.conservation = conservation
        self.fingerprint = fingerprint

    def values(self) -> list[str]:
        return sorted(self.in_force["labs"]["value"].to_list())

    def reasons(self, table: str) -> list[str]:
        return self.quarantine[table]["reasons"].to_list()

    def concepts(self, table: str) -> dict[str, list[tuple[str, str, str]]]:
        """Record id -> concept, breadth and way of matching, of each row in force."""
        joined = self.in_force[table].join(self.in_force["codes"], on="code_id").sort("concept")
        found: dict[str, list[tuple[str, str, str]]] = {}
        for record, *concept in joined.select("evidence_id", "concept", "breadth", "matched_by").iter_rows():
            found.setdefault(record, []).append(tuple(concept))
        return found
