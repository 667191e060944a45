"""Time the landing of a FHIR export against the engine merely parsing the same files with the same typed columns.

    python tests/benchmark/fhir.py --lines 1000000 [--dir .bench] [--repeats 3]

Three ways in turn, each a child process: `columns`, the engine parses every line into the typed columns of its type
and counts them; `cells`, the same and the length of every cell that is landed must be known, as in the floor of
the nightly run; `land`, the landing itself with hashing and counting. Shown are the medians of the seconds inside each
(after imports) and the memory of each at its peak. The export is written once: eight of ten lines are Observations, as
a server writes them, with narrative and categories, every third with a second coding.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

import duckdb  # noqa: E402
from bench import timed  # noqa: E402

from rules.loader import code_system_aliases, load_pack  # noqa: E402
from sources.base import Asked, SourceSettings  # noqa: E402
from sources.fhir import land  # noqa: E402
from sources.fhir_shapes import SHAPES, as_columns  # noqa: E402
from sql.warehouse import Matching  # noqa: E402

AS_OF = date(2026, 6, 30)
LINES_PER_FILE = 250_000
SHARES = {
    "Patient": 0.02,
    "Observation": 0.80,
    "MedicationRequest": 0.10,
    "Condition": 0.04,
    "Procedure": 0.01,
    "ServiceRequest": 0.01,
    "Encounter": 0.02,
}
TESTS = (
    ("2132-9", "Cobalamin (Vitamin B12) [Mass/volume] in Serum or Plasma", "pg/mL"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    ("787-2", "MCV [Entitic mean volume] in Red Blood Cells", "fL"),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L"),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL"),
)


def resource(kind: str, number: int, people: int, draw: random.Random) -> dict[str, object]:
    on = AS_OF - timedelta(days=draw.randrange(1500))
    subject = {"reference": f"Patient/p{draw.randrange(people)}"}
    common = {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{on}T22:10:05.123Z", "source": "#a4f1"},
    }
    if kind == "Patient":
        return common | {
            "id": f"p{number}",
            "name": [{"family": f"Family{number}", "given": ["Given"]}],
            "gender": draw.choice(("female", "male")),
            "birthDate": f"{draw.randrange(1930, 2005)}-04-12",
            "generalPractitioner": [{"reference": f"Organization/clinic-{number % 50}"}],
        }
    if kind == "Observation":
        code, words, unit = draw.choice(TESTS)
        local = {"system": "https://lab.example.org/tests", "code": f"T{code}", "display": words}
        return common | {
            "text": {
                "status": "generated",
                "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{words}</div>",
            },
            "status": "final",
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                            "code": "laboratory",
                        }
                    ]
                }
            ],
            "code": {
                "coding": [
                    *([local] if number % 3 == 0 else []),
                    {"system": "http://loinc.org", "code": code, "display": words},
                ],
                "text": words,
            },
            "subject": subject,
            "encounter": {"reference": f"Encounter/e{number}"},
            "effectiveDateTime": f"{on}T09:15:00+01:00",
            "issued": f"{on}T16:20:11.000+01:00",
            "performer": [{"reference": "Organization/lab-1", "display": "Central laboratory"}],
            "valueQuantity": {
                "value": draw.randrange(10, 9000) / 10,
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": unit,
            },
            "specimen": {"reference": f"Specimen/s{number}"},
            "referenceRange": [{"low": {"value": 180, "unit": unit}, "high": {"value": 900, "unit": unit}}],
        }
    if kind == "MedicationRequest":
        return common | {
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "860975"}],
                "text": "Metformin hydrochloride 500 MG Extended Release Oral Tablet",
            },
            "subject": subject,
            "authoredOn": f"{on}T10:00:00Z",
            "dosageInstruction": [
                {
                    "timing": {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}},
                    "route": {"text": "oral"},
                    "doseAndRate": [{"doseQuantity": {"value": 500, "unit": "mg"}}],
                }
            ],
            "dispenseRequest": {"expectedSupplyDuration": {"value": 90, "unit": "days", "code": "d"}},
        }
    concept = {
        "coding": [{"system": "http://snomed.info/sct", "code": "44054006", "display": "Type 2 diabetes"}]
    }
    dated = {
        "Condition": {"code": concept, "recordedDate": str(on)},
        "Procedure": {"code": concept, "status": "completed", "performedDateTime": str(on)},
        "ServiceRequest": {"code": concept, "status": "active", "intent": "order", "authoredOn": str(on)},
        "Encounter": {"status": "finished", "period": {"start": str(on)}},
    }
    return common | {"subject": subject} | dated[kind]


def written_export(lines: int, base: Path) -> Path:
    folder = base / "fhir" / str(lines)
    if (folder / "complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    draw, people = random.Random(20), max(1, int(lines * SHARES["Patient"]))
    for kind, share in SHARES.items():
        wanted = max(1, int(lines * share))
        for first in range(0, wanted, LINES_PER_FILE):
            with (folder / f"{kind}.{first // LINES_PER_FILE:03}.ndjson").open("w", encoding="utf-8") as file:
                file.writelines(
                    json.dumps(resource(kind, number, people, draw), separators=(",", ":")) + "\n"
                    for number in range(first, min(first + LINES_PER_FILE, wanted))
                )
    (folder / "complete").touch()
    return folder


CELLS = {
    "Patient": ("id", "birthDate", "gender", "generalPractitioner[1].reference"),
    "Observation": (
        *("id", "status", "issued", "effectiveDateTime", "subject.reference", "specimen.reference"),
        *("code.text", "code.coding[1].system", "code.coding[1].code", "performer[1].display"),
        *("valueQuantity.value", "valueQuantity.unit"),
        *("referenceRange[1].low.value", "referenceRange[1].high.value"),
    ),
    "MedicationRequest": (
        *("id", "status", "authoredOn", "subject.reference", "medicationCodeableConcept.text"),
        *("medicationCodeableConcept.coding[1].system", "medicationCodeableConcept.coding[1].code"),
        *("dosageInstruction[1].route.text", "dosageInstruction[1].timing.repeat.frequency"),
        *(
            "dosageInstruction[1].doseAndRate[1].doseQuantity.value",
            "dispenseRequest.expectedSupplyDuration.value",
        ),
    ),
    "Condition": ("id", "recordedDate", "subject.reference", "code.coding[1].system", "code.coding[1].code"),
    "Procedure": ("id", "status", "subject.reference", "code.coding[1].system", "code.coding[1].code"),
    "ServiceRequest": ("status", "authoredOn", "subject.reference", "code.coding[1].code"),
    "Encounter": (),
}
"""Resource type -> the cells that its rows are made of."""


def parse(folder: Path, has_cells: bool) -> tuple[float, float]:
    """Every line through the engine's reader into the typed columns of its type, nothing kept; gives the seconds.

    has_cells: the length of every cell must be known as well, as in the floor of the nightly run.
    """
    began = time.perf_counter(), time.process_time()
    with duckdb.connect(config={"memory_limit": "700MB", "preserve_insertion_order": False}) as engine:
        for file in sorted(folder.glob("*.ndjson")):
            kind = file.name.split(".")[0]
            asked = [f'count("{name}")' for name in SHAPES[kind]]
            if has_cells:
                asked += [f"sum(strlen({cell}))" for cell in CELLS[kind]]
            reader = f"read_ndjson('{file}', columns = {as_columns(kind)}, ignore_errors = true)"
            engine.execute(f"select {', '.join(asked)} from {reader}").fetchall()
    return passed(began)


def passed(began: tuple[float, float]) -> tuple[float, float]:
    """Seconds by the clock and of a processor since then."""
    return time.perf_counter() - began[0], time.process_time() - began[1]


def landing(folder: Path) -> tuple[float, float]:
    """The export landed as the nightly run does it; gives the seconds."""
    pack = load_pack("b12/1.0.0")
    matching = Matching(pack.codes, pack.drug_names, code_system_aliases())
    with TemporaryDirectory(dir=folder.parent) as work:
        began = time.perf_counter(), time.process_time()
        asked = Asked(Path(work), AS_OF, matching=matching)
        parts = land(SourceSettings("export", folder, kind="fhir"), asked)
        took = passed(began)
    assert not any(part.malformed_lines for part in parts)
    return took


WAYS = {
    "columns": lambda folder: parse(folder, has_cells=False),
    "cells": lambda folder: parse(folder, has_cells=True),
    "land": landing,
}


def child(way: str, folder: Path) -> None:
    seconds, processor = WAYS[way](folder)
    print(json.dumps({"seconds": seconds, "processor": processor}))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--lines", type=int, default=1_000_000)
    asked.add_argument("--dir", type=Path, default=ROOT / ".bench")
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    options = asked.parse_args()
    folder = written_export(options.lines, options.dir.absolute())
    if options.child:
        child(options.child, folder)
        return
    size = sum(file.stat().st_size for file in folder.glob("*.ndjson"))
    me = [sys.executable, __file__, "--lines", str(options.lines), "--dir", str(options.dir)]
    told: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(options.repeats):
        for way, said in told.items():
            timing, text = timed([*me, "--child", way], way)
            said.append(json.loads(text) | {"peak": timing.peak_mib})
    print(f"{options.lines} lines, {size / 2**20:.0f} MiB, {options.repeats} repeats")
    for way, said in told.items():
        took = median(one["seconds"] for one in said)
        print(
            f"{way:8} {took:7.2f} s  {options.lines / took / 1000:6.0f} thousand lines/s  "
            f"{median(one['processor'] for one in said):6.2f} s of processor  "
            f"{max(one['peak'] for one in said):5.0f} MiB at its peak"
        )
    for way in ("columns", "cells"):
        pairs = list(zip(told[way], told["land"], strict=True))
        of_rates = median(first["seconds"] / second["seconds"] for first, second in pairs)
        of_cores = median(first["processor"] / second["processor"] for first, second in pairs)
        print(f"land / {way}: {of_rates:.0%} of its rate, {of_cores:.0%} by seconds of a core")


if __name__ == "__main__":
    main()
