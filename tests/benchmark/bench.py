"""Time the nightly run against the least that reading its files can cost.

    python tests/benchmark/bench.py --people 100000 1000000 [--dir .bench] [--repeats 3]

For CSV and for Parquet and for each size, two whole child processes are timed in turn: the floor (DuckDB
reads and decodes the columns that the screen needs, and nothing else) and `b12screen run --direct` with a
new warehouse and a new output folder each time. Shown are medians of wall time, processor time and peak
memory, the median of the ratios run / floor, and the growth between sizes (the exponent of people: 1 is
linear). Extracts are written once and used again; results go to `<dir>/results.json` as well.

This process stays small on purpose, and leaves DuckDB to its children: the kernel counts what a parent held
when it forked as the child's peak memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FORMATS = ("csv", "parquet")
RUN = (sys.executable, "-m", "flows.cli", "run")


@dataclass(frozen=True)
class Timing:
    """One child process: wall and processor seconds, peak memory, and the stages it reported."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    stage_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All repeats of one size in one format, floor and run in turn."""

    form: str
    people: int
    extract_mib: float
    floors: list[Timing]
    runs: list[Timing]

    @property
    def ratio(self) -> float:
        """Median of run / floor, each against the floor timed just before it."""
        return median(
            run.wall_seconds / floor.wall_seconds for floor, run in zip(self.floors, self.runs, strict=True)
        )


def timed(command: list[str], what: str) -> tuple[Timing, str]:
    """Run one child process to its end; its peak memory is the kernel's figure for that child alone."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=errors, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            sys.stderr.write(errors.read().decode(errors="replace")[-2000:])
            raise SystemExit(f"{what} ended with exit code {child.returncode}: {' '.join(command)}")
        to_mib = 1024 * 1024 if sys.platform == "darwin" else 1024
        return (
            Timing(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / to_mib),
            output.read().decode(errors="replace"),
        )


def reported_stages(text: str) -> dict[str, float]:
    """`stage_seconds` of the JSON object the run prints, empty where it prints none."""
    for line in reversed([text, *text.splitlines()]):
        try:
            report = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(report, dict) and isinstance(report.get("stage_seconds"), dict):
            return {str(stage): float(seconds) for stage, seconds in report["stage_seconds"].items()}
    return {}


def written_extracts(people: int, base: Path, seed: int) -> dict[str, Path]:
    """Format -> folder of extracts of this size, written by the generator where they are not there yet."""
    options = ["--people", str(people), "--dir", str(base), "--seed", str(seed)]
    subprocess.run([sys.executable, HERE / "generate.py", *options], check=True, stdout=subprocess.DEVNULL)
    return {form: base / form / str(people) for form in FORMATS}


def as_of(extracts: Path) -> str:
    """The date the extracts were written for."""
    return str(json.loads((extracts / "recipe.json").read_text())["as_of"])


def time_floor(form: str, folder: Path) -> Timing:
    return timed([sys.executable, str(HERE / "floor.py"), form, str(folder)], "The floor")[0]


def time_run(extracts: Path, scratch: Path, more: list[str]) -> Timing:
    """The whole nightly run into a new warehouse and a new output folder, both removed afterwards."""
    place = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    folders = [
        "--extracts",
        str(extracts),
        "--output",
        str(place / "out"),
        "--warehouse",
        str(place / "warehouse.duckdb"),
    ]
    try:
        timing, text = timed(
            [*RUN, "--direct", "--json", *folders, "--as-of", as_of(extracts), *more], "The run"
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Timing(timing.wall_seconds, timing.cpu_seconds, timing.peak_mib, reported_stages(text))


def extra_options() -> list[str]:
    """`--no-workbooks` where the command line has it: spreadsheets are for clinics, not for a comparison."""
    shown = subprocess.run([*RUN, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        raise SystemExit(f"`b12screen run --help` failed:\n{shown.stderr[-2000:]}")
    return ["--no-workbooks"] if "--no-workbooks" in shown.stdout else []


def measure(
    form: str, people: int, folder: Path, scratch: Path, *, repeats: int, more: list[str]
) -> Measured:
    """Time floor and run in turn, so that both meet the same other load on the machine."""
    size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
    floors, runs = [], []
    for repeat in range(repeats):
        floors.append(time_floor(form, folder))
        runs.append(time_run(folder, scratch, more))
        sys.stderr.write(
            f"{form} {people:,} repeat {repeat + 1}: floor {floors[-1].wall_seconds:.2f} s,"
            f" run {runs[-1].wall_seconds:.2f} s\n"
        )
    return Measured(form, people, size, floors, runs)


def growth(smaller: Measured, larger: Measured, part: str) -> float:
    """Exponent b of seconds = a * people ** b between two sizes; 1 is linear."""
    before, after = (median(t.wall_seconds for t in getattr(size, part)) for size in (smaller, larger))
    return math.log(after / before) / math.log(larger.people / smaller.people)


def by_format(measured: list[Measured]) -> list[list[Measured]]:
    return [sorted((m for m in measured if m.form == form), key=lambda m: m.people) for form in FORMATS]


def table_lines(measured: list[Measured]) -> list[str]:
    lines = [
        "format   people      extract MiB  what   wall s   CPU s    peak MiB  run/floor",
        "-------  ----------  -----------  -----  -------  -------  --------  ---------",
    ]
    for sizes in by_format(measured):
        for size in sizes:
            for what, timings, ratio in (
                ("floor", size.floors, ""),
                ("run", size.runs, f"{size.ratio:9.2f}"),
            ):
                wall, cpu = (
                    median(getattr(t, name) for t in timings) for name in ("wall_seconds", "cpu_seconds")
                )
                peak = median(t.peak_mib for t in timings)
                lines.append(
                    f"{size.form:7}  {size.people:10,}  {size.extract_mib:11.1f}  {what:5}  {wall:7.2f}"
                    f"  {cpu:7.2f}  {peak:8.0f}  {ratio}".rstrip()
                )
    return lines


def growth_lines(measured: list[Measured]) -> list[str]:
    return [
        f"{larger.form}: from {smaller.people:,} to {larger.people:,} people the run grows with exponent"
        f" {growth(smaller, larger, 'runs'):.2f}, the floor with {growth(smaller, larger, 'floors'):.2f}"
        for sizes in by_format(measured)
        for smaller, larger in pairwise(sizes)
    ]


def stage_lines(measured: list[Measured]) -> list[str]:
    """Median seconds per stage in the run's own order; workbooks stand on the last line."""
    lines = []
    for size in measured:
        stages = dict.fromkeys(stage for run in size.runs for stage in run.stage_seconds)
        if stages:
            lines.append(f"stages of {size.form}, {size.people:,} people:")
        for stage in sorted(stages, key=lambda stage: "workbook" in stage):
            seconds = median(run.stage_seconds.get(stage, 0.0) for run in size.runs)
            lines.append(f"  {stage:24} {seconds:8.2f} s")
    return lines


def results(measured: list[Measured], more: list[str]) -> dict[str, object]:
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "duckdb": version("duckdb"),
        "options": more,
        "measured": [{**asdict(size), "ratio": size.ratio} for size in measured],
        "growth": [
            {
                "form": larger.form,
                "from": smaller.people,
                "to": larger.people,
                "run": growth(smaller, larger, "runs"),
                "floor": growth(smaller, larger, "floors"),
            }
            for sizes in by_format(measured)
            for smaller, larger in pairwise(sizes)
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes to time")
    parser.add_argument(
        "--dir", type=Path, default=Path(".bench"), help="where extracts and results are kept"
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often floor and run are timed in turn")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--seed", type=int, default=1, help="seed of the extracts")
    parser.add_argument("--workbooks", action="store_true", help="write the clinics' workbooks too")
    arguments = parser.parse_args()
    base = arguments.dir.resolve()
    more = [] if arguments.workbooks else extra_options()
    scratch = base / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    measured = []
    for people in sorted(set(arguments.people)):
        folders = written_extracts(people, base, arguments.seed)
        for form in arguments.formats:
            measured.append(
                measure(form, people, folders[form], scratch, repeats=arguments.repeats, more=more)
            )
    shutil.rmtree(scratch, ignore_errors=True)
    (base / "results.json").write_text(json.dumps(results(measured, more), indent=2) + "\n")
    lines = [*table_lines(measured), "", *growth_lines(measured), "", *stage_lines(measured)]
    sys.stdout.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
