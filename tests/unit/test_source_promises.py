"""The source keeps what the house promises: no row loops, no clinical numbers, no clock, one door to each engine."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("flows", "sources", "sql", "schemas", "rules", "transforms", "exports")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TRANSFORMS = [path for path in MODULES if path.is_relative_to(ROOT / "transforms")]
SQL_FILES = sorted((ROOT / "sql").rglob("*.sql"))

# Ways of walking a frame row by row in Python.
ROW_WALKS = {
    "apply",
    "iter_rows",
    "iterrows",
    "itertuples",
    "map_batches",
    "map_elements",
    "map_groups",
    "map_rows",
    "rows",
    "rows_by_key",
    "to_pylist",
}
# 0, 1 and 2 are logic; 6 digits of rounding noise, the factor of a histogram; 12 digits of a hash.
LOGIC_NUMBERS = {0, 1, 2, 6, 12}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(tree: ast.AST) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_rooms_are_read():
    assert len(MODULES) > 20
    assert len(SQL_FILES) > 5


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_python_loop_over_rows(path):
    assert calls(ast.parse(path.read_text())) & ROW_WALKS == set()


@pytest.mark.parametrize("path", TRANSFORMS, ids=relative)
def test_transforms_are_pure(path):
    tree = ast.parse(path.read_text())
    assert (
        imports(tree) & {"duckdb", "prefect", "pathlib", "os", "random", "time", "secrets", "uuid"} == set()
    )
    assert calls(tree) & {"collect", "now", "today", "sink_parquet", "sink_csv", "collect_batches"} == set()


@pytest.mark.parametrize("path", TRANSFORMS, ids=relative)
def test_transforms_hold_no_clinical_number(path):
    numbers = {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    }
    assert numbers <= LOGIC_NUMBERS


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_each_engine_has_one_door(path):
    names = imports(ast.parse(path.read_text()))
    if path != ROOT / "sql" / "warehouse.py":
        assert "duckdb" not in names
    if not path.is_relative_to(ROOT / "flows"):
        assert "prefect" not in names
    assert "pandas" not in names


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_the_only_today_is_in_flows(path):
    if not path.is_relative_to(ROOT / "flows"):
        assert calls(ast.parse(path.read_text())) & {"now", "today", "utcnow"} == set()


@pytest.mark.parametrize("path", SQL_FILES, ids=relative)
def test_a_statement_says_its_grain_first(path):
    text = path.read_text()
    assert text.startswith("-- ")
    assert text == text.rstrip() + "\n"


# Lengths of texts and hashes, places in them, minutes of an hour, halves of a 128-bit number: each where it is used.
LENGTHS_AND_PLACES = {
    "sql/ddl/macro_bucket.sql": {255},
    "sql/ddl/macro_evidence_id.sql": {32},
    "sql/ddl/macro_iso_at.sql": {10, 26},
    "sql/ddl/macro_offset_at.sql": {60},
    "sql/ledger/fingerprint.sql": {64, 2**64, 2**64 - 1},
    "sql/ledger/link_sums.sql": {31, 64, 2**64 - 1},
    "sql/ledger/opt_out_sums.sql": {64, 2**64 - 1},
    "sql/omop/macro_day_of.sql": {10},
    "sql/omop/macro_moment_of.sql": {10, 11},
    "sql/ledger/code_use_sums.sql": {64, 31, 2**64 - 1},
}


@pytest.mark.parametrize("path", SQL_FILES, ids=relative)
def test_sql_holds_no_clinical_number(path):
    statement = re.sub(r"--[^\n]*", "", path.read_text())
    statement = re.sub(r"'[^']*'", "''", statement)
    statement = re.sub(r"chr\(\d+\)", "chr()", statement)
    numbers = {int(found) for found in re.findall(r"(?<![\w.$])\d+(?![\w.])", statement)}
    assert numbers <= {0, 1, 2, 3, 12, 16, 24, 256} | LENGTHS_AND_PLACES.get(relative(path), set())
