"""Landing laboratory rows from PostgreSQL beside the bare rate of the driver into the engine, in the same run.

python tests/benchmark/postgres.py --rows 5000000 --runs 3

A server of its own is filled once. Then each way reads the same rows in a process of its own: `bare` hands the
driver's batches to `create table`, with numeric cast to double precision; `land` is the product's landing, every
column exact text, in Parquet. They take turns, so that both meet the same machine. Printed are rows per second,
seconds of a core (the reader's and the server's), the ratios of the medians, the memory at its peak, and that of a
fifth of the rows. On a machine that others use, the ratio of the cores' seconds is the steadier one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

COLUMNS = (
    "result_id", "patient_id", "code_system", "code", "test_name", "value", "unit", "collected_at", "received_at",
    "status",
)  # fmt: skip
TABLE = """
create unlogged table labs (
    result_id text, patient_id text, code_system text, code text, test_name text, value numeric, unit text,
    collected_at timestamptz, received_at timestamptz, status text
)"""
ROWS = """
insert into labs
select
    'R' || i, 'P' || (i / 10), 'LOINC', (array['2132-9', '718-7', '2823-3', '2160-0'])[1 + i % 4],
    (array['Vitamin B12', 'Haemoglobin', 'Potassium', 'Creatinine'])[1 + i % 4],
    50 + (i * 7919) % 900 + 0.125 * (i % 8), 'ng/L',
    timestamptz '2024-01-01 08:00+00' + (i % 900) * interval '1 day' + (i % 600) * interval '1 minute',
    timestamptz '2024-01-02 06:00+00' + (i % 900) * interval '1 day', 'final'
from generate_series(1::bigint, {rows}) as i"""


def bare(uri: str, rows: int, _: Path) -> int:
    import duckdb
    from adbc_driver_postgresql import dbapi

    columns = ", ".join(f"{name}::float8 as value" if name == "value" else name for name in COLUMNS)
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {columns} from labs limit {rows}")
        reader = cursor.fetch_record_batch()
        engine = duckdb.connect(":memory:", config={"memory_limit": "700MB"})
        engine.execute("create table stage as from reader").fetchall()
        found = engine.execute("select count(*) from stage").fetchone()
        del reader
    return int(found[0]) if found else 0


def land(uri: str, rows: int, work: Path) -> int:
    from sources.base import Asked, DatabaseSettings, SourceSettings
    from sources.gather import gather

    given = json.loads(uri)
    (work / "labs.sql").write_text(f"select * from labs limit {rows}")
    os.environ.update(B12_USER=given.pop("user"), B12_PASSWORD=given.pop("password"))
    database = DatabaseSettings(
        queries=work, user_env="B12_USER", password_env="B12_PASSWORD", sslmode="disable", **given
    )
    source = SourceSettings("bench", Path(), kind="postgres", delivers=("labs",), database=database)
    return sum(part.rows for part in gather(source, Asked(work, date(2026, 6, 30))))


WAYS = {"bare": bare, "land": land}


def alone(way: str, uri: str, rows: int) -> dict[str, float]:
    """One reading in a process of its own: seconds, its own seconds of a core, its memory at the peak."""
    command = [sys.executable, __file__, "--way", way, "--uri", uri, "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def one(way: str, uri: str, rows: int) -> None:
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        found = WAYS[way](uri, rows, Path(work))
        seconds = time.perf_counter() - began
    if found != rows:
        raise SystemExit(f"{way} read {found} rows of {rows}")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {"seconds": seconds, "core": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}
    print(json.dumps(told))


def compare(rows: int, runs: int) -> None:
    from tests.sources.postgres_server import PASSWORD, SUPERUSER, running

    with running() as server:
        server.run(TABLE, ROWS.format(rows=rows), "vacuum analyze labs")
        uris = {
            "bare": server.uri(),
            "land": json.dumps(
                {
                    "host": "127.0.0.1",
                    "port": server.port,
                    "dbname": "postgres",
                    "user": SUPERUSER,
                    "password": PASSWORD,
                }
            ),
        }
        told: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(runs):
            for way, so_far in told.items():
                before = server.core_seconds()
                run = alone(way, uris[way], rows)
                so_far.append(run | {"server": server.core_seconds() - before})
        fewer = {way: alone(way, uris[way], rows // 5) for way in WAYS}
    rates = {way: rows / statistics.median(run["seconds"] for run in so_far) for way, so_far in told.items()}
    for way, so_far in told.items():
        print(_line(way, rows, rates[way], so_far, fewer[way]))
    pairs = [
        first["seconds"] / second["seconds"] for first, second in zip(told["bare"], told["land"], strict=True)
    ]
    print(
        f"land / bare: {rates['land'] / rates['bare']:.0%} (pair by pair: {', '.join(f'{p:.0%}' for p in pairs)})"
    )
    cores = {way: _median(so_far, "core") + _median(so_far, "server") for way, so_far in told.items()}
    print(f"land / bare by seconds of a core: {cores['bare'] / cores['land']:.0%}")


def _median(runs: list[dict[str, float]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def _line(way: str, rows: int, rate: float, runs: list[dict[str, float]], fewer: dict[str, Any]) -> str:
    memory = max(run["memory"] for run in runs)
    return (
        f"{way}: {rate:,.0f} rows/s; {_median(runs, 'core'):.1f} + {_median(runs, 'server'):.1f} s of a core; "
        f"memory {memory:,.0f} MB at {rows:,} rows, {fewer['memory']:,.0f} MB at {rows // 5:,}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--way", choices=tuple(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--uri", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        one(given.way, given.uri, given.rows)
    else:
        compare(given.rows, given.runs)


if __name__ == "__main__":
    main()
