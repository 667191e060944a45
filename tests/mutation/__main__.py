"""Changes packs and transforms, a word or an operator at a time, and tells which change nobody would notice.

python -m tests.mutation [name ...]      a table of modules; fails where a mutant survives that is not listed
A name is a module, or the beginning of a mutant's name: `results`, `results.latest_pair`. Without any, all modules
and the packs.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutation.judge import ROOT, Verdict, judged, mutants_of, prepare
from tests.mutation.packs import are_all_noticed, groups

PER_TASK = 20
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
"""Module -> reason -> names of mutants that change nothing anybody can see."""


def chosen(beginnings: list[str]) -> list[str]:
    modules = [one.name for one in pkgutil.iter_modules([str(ROOT / "transforms")])]
    return [
        mutant.name
        for module in modules
        for mutant in mutants_of(module)
        if not beginnings or any(mutant.name.startswith(one) for one in beginnings)
    ]


def verdicts(names: list[str], workers: int) -> Iterator[Verdict]:
    by_module: dict[str, list[str]] = {}
    for name in names:
        by_module.setdefault(name.split(".", maxsplit=1)[0], []).append(name)
    tasks = [
        (module, of_module[first : first + PER_TASK])
        for module, of_module in by_module.items()
        for first in range(0, len(of_module), PER_TASK)
    ]
    with (
        TemporaryDirectory() as home,
        ProcessPoolExecutor(workers, get_context("spawn"), prepare, (home,)) as pool,
    ):
        for found in pool.map(judged, *zip(*tasks, strict=True)):
            yield from found


def equivalent() -> set[str]:
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return {name for reasons in listed.values() for names in reasons.values() for name in names}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("names", nargs="*", help="modules, or beginnings of mutants' names; all without any")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    is_held = bool(asked.names) or are_all_noticed()
    # Each worker has a core to itself.
    os.environ["POLARS_MAX_THREADS"] = "1"
    names, excused = chosen(asked.names), equivalent()
    found = []
    for one in verdicts(names, asked.workers):
        found.append(one)
        if not one.noticed_by and one.mutant not in excused:
            print(f"survives: {one.mutant} (line {one.line})", flush=True)
    noticed = {one.mutant for one in found if one.noticed_by}
    idle = sorted(excused & noticed) + ([] if asked.names else sorted(excused - set(names)))
    for name in idle:
        print(f"listed as equivalent, and noticed or gone: {name}")
    rows = _rows(found, noticed, excused)
    if not asked.names and is_held:
        rows = {
            f"pack {one.name}": [one.mutants, one.mutants - one.same, one.same, 0] for one in groups()
        } | rows
    rows["all"] = [sum(row[place] for row in rows.values()) for place in range(4)]
    print(f"{'':28}{'mutants':>9}{'killed':>9}{'equivalent':>12}{'survivors':>11}")
    for name, (mutants, killed, same, survivors) in rows.items():
        print(f"{name:28}{mutants:9}{killed:9}{same:12}{survivors:11}")
    return 0 if is_held and not idle and not rows["all"][3] else 1


def _rows(found: list[Verdict], noticed: set[str], excused: set[str]) -> dict[str, list[int]]:
    """Module -> mutants, killed, equivalent, survivors."""
    rows: dict[str, list[int]] = {}
    for one in found:
        row = rows.setdefault(f"transforms.{one.module}", [0, 0, 0, 0])
        row[0] += 1
        row[1 if one.mutant in noticed else 2 if one.mutant in excused else 3] += 1
    return rows


if __name__ == "__main__":
    sys.exit(main())
