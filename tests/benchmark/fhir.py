"""Time the landing of a FHIR export against the engine merely parsing the same files with the same typed columns.

    python tests/benchmark/fhir.py --lines 1000000 [--dir .bench] [--repeats 3]

Parsing and landing are child processes, in turn. Shown are the medians of the seconds inside each (after imports),
the median of the ratio of their rates (landing / parsing), and the peak memory of each. The export is written once:
eight of ten lines are Observations, as a server writes them, with narrative, categories and second codings.
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


def parse(folder: Path) -> int:
    """Every line through the engine's reader into the typed columns of its type, and nothing else."""
    import duckdb

    from sources.fhir_shapes import SHAPES, as_columns

    rows = 0
    with duckdb.connect(config={"memory_limit": "700MB", "preserve_insertion_order": False}) as engine:
        for file in sorted(folder.glob("*.ndjson")):
            kind = file.name.split(".")[0]
            counts = ", ".join(f'count("{name}")' for name in SHAPES[kind])
            columns = as_columns(kind)
            rows += engine.execute(
                f"select count(*), {counts} from read_ndjson('{file}', columns = {columns}, ignore_errors = true)"
            ).fetchall()[0][0]
    return rows


def landed(folder: Path) -> int:
    from rules.loader import code_system_aliases, load_pack
    from sources.base import Asked, SourceSettings
    from sources.fhir import land
    from sql.warehouse import Matching

    pack = load_pack("b12/1.0.0")
    matching = Matching(pack.codes, pack.drug_names, code_system_aliases())
    global began
    began = time.perf_counter()
    with TemporaryDirectory(dir=folder.parent) as work:
        parts = land(
            SourceSettings("export", folder, kind="fhir"), Asked(Path(work), AS_OF, matching=matching)
        )
    return sum(part.rows for part in parts)


began = 0.0


def child(what: str, folder: Path) -> None:
    global began
    import duckdb  # noqa: F401
    import polars  # noqa: F401

    began = time.perf_counter()
    rows = parse(folder) if what == "parse" else landed(folder)
    print(json.dumps({"seconds": time.perf_counter() - began, "rows": rows}))


def main() -> None:
    from bench import timed

    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--lines", type=int, default=1_000_000)
    asked.add_argument("--dir", type=Path, default=ROOT / ".bench")
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--child", choices=("parse", "land"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    folder = written_export(options.lines, options.dir.absolute())
    if options.child:
        child(options.child, folder)
        return
    size = sum(file.stat().st_size for file in folder.glob("*.ndjson"))
    me = [sys.executable, __file__, "--lines", str(options.lines), "--dir", str(options.dir)]
    seconds: dict[str, list[float]] = {"parse": [], "land": []}
    processor: dict[str, list[float]] = {"parse": [], "land": []}
    peaks: dict[str, list[float]] = {"parse": [], "land": []}
    for _ in range(options.repeats):
        for what in ("parse", "land"):
            timing, said = timed([*me, "--child", what], what)
            seconds[what].append(json.loads(said)["seconds"])
            processor[what].append(timing.cpu_seconds)
            peaks[what].append(timing.peak_mib)
    ratio = median(
        parsing / landing for parsing, landing in zip(seconds["parse"], seconds["land"], strict=True)
    )
    print(f"{options.lines} lines, {size / 2**20:.0f} MiB, {options.repeats} repeats")
    for what in ("parse", "land"):
        took = median(seconds[what])
        print(
            f"{what:6} {took:7.2f} s  {options.lines / took / 1000:8.0f} thousand lines/s  "
            f"{median(processor[what]):7.2f} s of processor  {max(peaks[what]):6.0f} MiB at its peak"
        )
    print(f"rate of landing / rate of parsing: {ratio:.2f}")


if __name__ == "__main__":
    main()
