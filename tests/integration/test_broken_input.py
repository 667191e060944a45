"""Broken input, through the real command: what it says, that it publishes nothing, and what still stands."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.integration.command import (
    AS_OF,
    HEADERS,
    ROOT,
    Rows,
    Told,
    a_clinic,
    b12_row,
    contents,
    csv_text,
    deliver,
    environment,
    latest,
    publication,
    quarantined,
    run,
)

PUBLISHED, REFUSED, LOCKED, UNWRITABLE = 0, 3, 4, 5


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose first night went well, with the extract of it."""
    home = tmp_path_factory.mktemp("good")
    told = run(deliver(a_clinic(), home / "extract"), home)
    assert told.code == PUBLISHED, told.err
    return home


def assert_refused(home: Path, *words: str, code: int = REFUSED, extract: Path | None = None) -> Told:
    """The run fails with `code`, its message holds all `words`, and nothing of what was published has changed."""
    before, standing = contents(home / "out"), latest(home)
    told = run(extract or home / "extract", home)
    assert told.code == code, told.err
    assert contents(home / "out") == before
    assert f"{standing} (as of {AS_OF})" in told.err
    assert "still stands" in told.err
    assert "Hint:" in told.err
    assert_explained(told, *words)
    return told


def assert_explained(told: Told, *words: str) -> None:
    assert "Traceback" not in told.err + told.out
    assert "defect" not in told.err
    assert [word for word in words if word not in told.err] == []


def decided(home: Path) -> dict[str, str]:
    rows = pl.read_parquet(publication(home) / "all" / "decisions.parquet")
    return dict(rows.select("patient_id", "rule_id").iter_rows())


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


# Files that are not there, or not what they are called ---------------------------------------------------


def test_empty_folder(home: Path) -> None:
    (home / "nothing").mkdir()
    assert_refused(home, "nothing is empty", "<table>.csv", extract=home / "nothing")


def test_empty_file(home: Path) -> None:
    (home / "extract" / "labs.csv").write_bytes(b"")
    assert_refused(home, "labs.csv", "the file is empty")


def test_missing_table(home: Path) -> None:
    (home / "extract" / "medications.csv").rename(home / "extract" / "medication.csv")
    assert_refused(home, "table medications not found", "Did you mean medication.csv -> medications.csv?")


@pytest.mark.parametrize("table", HEADERS)
def test_header_only(home: Path, table: str) -> None:
    rewrite(home / "extract" / f"{table}.csv", lambda text: text.splitlines()[0] + "\n")
    assert_refused(home, f"Without rows: {table}", "--accept-low-volume")


# Columns and characters ----------------------------------------------------------------------------------


def test_missing_column(home: Path) -> None:
    rewrite(home / "extract" / "labs.csv", lambda text: text.replace("collected_at", "colected_at", 1))
    assert_refused(home, "labs.csv", "required column collected_at", 'Closest to collected_at: "colected_at"')


def test_doubled_column(home: Path) -> None:
    rewrite(home / "extract" / "labs.csv", lambda text: text.replace("test_name", "value", 1))
    assert_refused(home, "labs.csv", "column value stands in the header 2 times")


def test_wrong_delimiter(home: Path) -> None:
    rewrite(home / "extract" / "patients.csv", lambda text: text.replace(",", ";"))
    assert_refused(home, "patients.csv", "looks like a semicolon", 'delimiter = ";"')


def test_utf_16(home: Path) -> None:
    rows = csv_text(HEADERS["labs"], a_clinic()["labs"])
    (home / "extract" / "labs.csv").write_bytes(rows.encode("utf-16"))
    assert_refused(home, "labs.csv", "not UTF-8", 'encoding = "utf-16"')


def test_byte_order_mark_and_carriage_returns_change_nothing(home: Path) -> None:
    before = contents(home / "out")
    for path in (home / "extract").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    told = run(home / "extract", home)
    assert told.code == PUBLISHED, told.err
    assert "published before" in told.out
    assert contents(home / "out") == before


# Quotes, archives, lines ---------------------------------------------------------------------------------


def much_else(rows: Rows, lines: int) -> list[dict[str, str]]:
    """The clinic's results among many that no rule can use."""
    other = [b12_row("P001", "1", number, code="1-8") for number in range(2, lines + 2)]
    return other[: lines // 2] + rows["labs"] + other[lines // 2 :]


def spoiled(rows: Rows, spots: dict[int, str], lines: int) -> str:
    labs = much_else(rows, lines)
    for spot, name in spots.items():
        labs[spot] = labs[spot] | {"test_name": name}
    return csv_text(HEADERS["labs"], labs)


@pytest.mark.parametrize(
    "spots",
    [
        pytest.param({100: '"tube'}, id="early"),
        pytest.param({100: '"tube', 20_000: '"tube'}, id="twice"),
        pytest.param({20_010: '"tube', 20_040: 'tube"'}, id="closed thirty lines later"),
    ],
)
def test_unclosed_quote_in_a_big_file(home: Path, spots: dict[int, str]) -> None:
    (home / "extract" / "labs.csv").write_text(spoiled(a_clinic(), spots, 40_000), encoding="utf-8")
    assert_refused(home, "labs.csv", "quot")


def zipped(home: Path) -> Path:
    plain = home / "extract" / "labs.csv"
    archive = plain.with_suffix(".csv.gz")
    archive.write_bytes(gzip.compress(spoiled(a_clinic(), {}, 20_000).encode(), mtime=0))
    plain.unlink()
    return archive


def test_gzip_cut_short(home: Path) -> None:
    archive = zipped(home)
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * 0.6)])
    assert_refused(home, "labs.csv.gz", "ends too early", "Deliver the file again")


def test_gzip_without_its_trailer(home: Path) -> None:
    archive = zipped(home)
    archive.write_bytes(archive.read_bytes()[:-8])
    assert_refused(home, "labs.csv.gz", "ends too early")


def test_gzip_with_wrong_checksum(home: Path) -> None:
    archive = zipped(home)
    content = bytearray(archive.read_bytes())
    content[-6] ^= 0xFF
    archive.write_bytes(content)
    assert_refused(home, "labs.csv.gz", "a checksum differs")


def test_line_of_100_megabytes(home: Path) -> None:
    with (home / "extract" / "labs.csv").open("a", encoding="utf-8") as file:
        file.write("P001,250,ng/L,2026-05-31,LOINC,2132-9,")
        for _ in range(100):
            file.write("x" * 1_000_000)
        file.write(",R9\nP002,250,ng/L,2026-05-30,LOINC,2132-9,,R10\n")
    assert_refused(home, "labs.csv")


# Rows that cannot be read --------------------------------------------------------------------------------

NO_NUMBERS = ("NaN", "nan", "inf", "-inf", "Infinity", "1e999", "0", "-5")
NO_DATES = ("31/02/2024", "2024-02-31", "30/06/2026", "yesterday", "2026-06-31")


@pytest.fixture(scope="session")
def rough_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    """A night with a bad row of every kind among a hundred good ones, and a quote open on the last line."""
    home, clinic = tmp_path_factory.mktemp("rough"), a_clinic(100)
    patients, labs = clinic["patients"], clinic["labs"]
    labs = [b12_row(f"P{place:03}", value) for place, value in enumerate(NO_NUMBERS)] + labs[
        len(NO_NUMBERS) :
    ]
    labs[10:15] = [
        b12_row(f"P{place:03}", "100", collected_at=text) for place, text in enumerate(NO_DATES, start=10)
    ]
    clinic["patients"] = [*patients, *patients[20:23], patients[30] | {"birth_date": "1990-01-01"}]
    clinic["labs"] = [*labs, b12_row("STRANGER", "100"), b12_row("", "100")]
    deliver(clinic, home / "extract")
    with (home / "extract" / "labs.csv").open("a", encoding="utf-8") as file:
        file.write('P000,100,ng/L,2026-05-31,LOINC,2132-9,"tube,R9\n')
    told = run(home / "extract", home)
    assert told.code == PUBLISHED, told.err
    return home, told


def reasons_in(home: Path, table: str) -> dict[str, str]:
    return {row["patient_id"]: row["reasons"] for row in quarantined(publication(home), table)}


def test_rough_rows_are_told_without_their_content(rough_night: tuple[Path, Told]) -> None:
    told = rough_night[1]
    assert_explained(told)
    for content in ("P030", "STRANGER", "yesterday", "31/02/2024", "1e999", "tube"):
        assert content not in told.out + told.err


def test_numbers_that_are_none_are_quarantined(rough_night: tuple[Path, Told]) -> None:
    reasons, rules = reasons_in(rough_night[0], "labs"), decided(rough_night[0])
    expected = {"0": "value_not_positive", "-5": "value_not_positive"}
    for place, value in enumerate(NO_NUMBERS):
        assert reasons[f"P{place:03}"] == expected.get(value, "value_malformed"), value
        assert rules[f"P{place:03}"] == "R50", value


def test_dates_that_are_none_are_quarantined(rough_night: tuple[Path, Told]) -> None:
    rows = {row["patient_id"]: row for row in quarantined(publication(rough_night[0]), "labs")}
    for place, text in enumerate(NO_DATES, start=10):
        row = rows[f"P{place:03}"]
        assert (row["reasons"], row["collected_at"]) == ("date_unreadable", text)
        assert decided(rough_night[0])[f"P{place:03}"] == "R50"


def test_a_patient_twice_word_for_word_is_one(rough_night: tuple[Path, Told]) -> None:
    rules = decided(rough_night[0])
    assert len(rules) == 99
    assert {rules[name] for name in ("P020", "P021", "P022")} == {"R24"}


def test_a_patient_told_differently_twice_is_urgent_and_not_decided(rough_night: tuple[Path, Told]) -> None:
    home, told = rough_night
    assert "P030" not in decided(home)
    refused = [row["reasons"] for row in quarantined(publication(home), "patients")]
    assert refused == ["patient_conflicting"] * 2
    assert reasons_in(home, "labs")["P030"] == "patient_quarantined"
    assert "Urgent: 2 rows of patients" in told.out


def test_results_of_nobody_are_quarantined(rough_night: tuple[Path, Told]) -> None:
    rows = [row for row in quarantined(publication(rough_night[0]), "labs") if not row["line"]]
    reasons = {row["patient_id"]: row["reasons"] for row in rows}
    assert (reasons["STRANGER"], reasons[""]) == ("patient_unknown", "patient_id_missing")
    assert "STRANGER" not in decided(rough_night[0])


def test_a_quote_open_on_the_last_line_is_one_malformed_line(rough_night: tuple[Path, Told]) -> None:
    rows = [row for row in quarantined(publication(rough_night[0]), "labs") if row["line"]]
    assert [(row["reasons"], row["file"], row["line"]) for row in rows] == [
        ("malformed_line", "labs.csv", "104")
    ]


def test_a_short_line_among_lines_with_carriage_returns_is_one_malformed_line(home: Path) -> None:
    lines = ["patient_id,drug_name,start_on", "P001,metformin,2020-01-01", "P000,met", "P002,iron,2020-01-01"]
    (home / "extract" / "medications.csv").write_bytes("\r\n".join([*lines, ""]).encode())
    told = run(home / "extract", home)
    assert told.code == PUBLISHED, told.err
    rows = quarantined(publication(home), "medications")
    assert [(row["reasons"], row["line"]) for row in rows] == [("malformed_line", "3")]


def test_parts_with_reordered_columns_change_nothing(home: Path) -> None:
    before = contents(home / "out")
    labs, parts = a_clinic()["labs"], home / "extract" / "labs"
    (home / "extract" / "labs.csv").unlink()
    parts.mkdir()
    (parts / "1.csv").write_text(csv_text(HEADERS["labs"], labs[:20]), encoding="utf-8")
    (parts / "2.csv").write_text(csv_text(HEADERS["labs"][::-1], labs[20:40]), encoding="utf-8")
    (parts / "3.csv").write_text(csv_text(sorted(HEADERS["labs"]), labs[40:]), encoding="utf-8")
    told = run(home / "extract", home)
    assert (told.code, "published before" in told.out) == (PUBLISHED, True), told.err
    assert contents(home / "out") == before


def test_local_codes_that_nothing_maps(home: Path) -> None:
    rewrite(home / "extract" / "labs.csv", lambda text: text.replace("LOINC,2132-9", "LOCAL,B12"))
    assert_refused(home, "Not one B12 result was recognised", "the mapping of its codes")


# A feed that broke ---------------------------------------------------------------------------------------


def with_bad_units(clinic: Rows, bad: int) -> list[dict[str, str]]:
    return [row | {"unit": "furlongs"} if place < bad else row for place, row in enumerate(clinic["labs"])]


def test_a_fifth_of_the_rows_refused_is_published(home: Path) -> None:
    deliver(a_clinic() | {"labs": with_bad_units(a_clinic(), 12)}, home / "extract")
    assert run(home / "extract", home).code == PUBLISHED
    assert len(quarantined(publication(home), "labs")) == 12


def test_more_than_a_fifth_of_the_rows_refused_stops_the_run(home: Path) -> None:
    deliver(a_clinic() | {"labs": with_bad_units(a_clinic(), 13)}, home / "extract")
    assert_refused(home, "lab_b12_total: 13 of 60", "20%")


def test_other_rows_cannot_hide_a_broken_b12_feed(home: Path) -> None:
    clinic = a_clinic()
    haemoglobin = [
        b12_row(f"P{number % 60:03}", "140", number, code="718-7", unit="g/L") for number in range(600)
    ]
    irrelevant = [b12_row("P001", "1", number, code="1-8") for number in range(1000, 1600)]
    again = with_bad_units(clinic, 0)[20:]
    labs = with_bad_units(clinic, 13) + haemoglobin + irrelevant + again + again
    deliver(clinic | {"labs": labs}, home / "extract")
    assert_refused(home, "lab_b12_total: 13 of 60")


def test_broken_lines_count_as_refused_also_on_the_second_delivery_of_a_day(home: Path) -> None:
    with (home / "extract" / "labs.csv").open("a", encoding="utf-8") as file:
        file.write("P001,broken\n" * 20)
    assert_refused(home, "labs: 20 of 80")


def test_half_the_results_of_the_night_before_stop_the_run(home: Path) -> None:
    clinic = a_clinic()
    deliver(clinic | {"labs": clinic["labs"][:29]}, home / "extract")
    assert_refused(home, "29 B12 results", "60 in the previous publication", "--accept-low-volume")
    told = run(home / "extract", home, "--accept-low-volume")
    assert told.code == PUBLISHED, told.err
    assert "29 B12 results" in (publication(home) / "manifest.json").read_text(encoding="utf-8")


# Places that cannot be written, and others that write ----------------------------------------------------


def test_output_below_a_regular_file(home: Path) -> None:
    (home / "file").write_text("a file")
    told = run(home / "extract", home, "--output", home / "file" / "out")
    assert told.code == UNWRITABLE
    assert_explained(told, str(home / "file" / "out"), "--output")


def test_warehouse_below_a_regular_file(home: Path) -> None:
    (home / "file").write_text("a file")
    before = contents(home / "out")
    told = run(home / "extract", home, "--warehouse", home / "file" / "warehouse.duckdb")
    assert told.code == UNWRITABLE
    assert_explained(told, str(home / "file"), "--warehouse", latest(home), "still stands")
    assert contents(home / "out") == before


def test_warehouse_that_is_something_else(home: Path) -> None:
    (home / "warehouse.duckdb").write_text("no warehouse " * 1000)
    assert_refused(home, "warehouse.duckdb cannot be opened", "--warehouse", code=2)


def limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_full_disk_on_a_later_night(home: Path) -> None:
    """The warehouse cannot grow: what stands is kept, and with room again the night ends as if nothing had been."""
    before = contents(home / "out")
    extract = deliver(a_clinic(6000), home / "large")
    size = (home / "warehouse.duckdb").stat().st_size
    told = run(extract, home, preexec_fn=limited(size + 4096))
    assert told.code == UNWRITABLE, told.err
    assert_explained(told, "file", "Hint:", f"{latest(home)} (as of {AS_OF})", "still stands")
    assert contents(home / "out") == before
    assert run(extract, home).code == PUBLISHED
    assert len(decided(home)) == 6000


@pytest.mark.parametrize("size", [4096, 65_536])
def test_full_disk_on_the_first_night(tmp_path: Path, size: int) -> None:
    extract = deliver(a_clinic(400), tmp_path / "extract")
    told = run(extract, tmp_path, preexec_fn=limited(size))
    assert told.code == UNWRITABLE, told.err
    assert_explained(told, "Hint:", "There is no publication")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
    again = run(extract, tmp_path)
    assert again.code == PUBLISHED, again.err


HOLDS = """
import sys
from pathlib import Path
from flows.context import opened, plan
with opened(plan(extracts=Path("."), output=Path(sys.argv[1]), warehouse=Path(sys.argv[2]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("warehouse", ["warehouse.duckdb", "another.duckdb"])
def test_a_second_run_at_the_same_time(home: Path, warehouse: str) -> None:
    """Neither the same warehouse nor another one may be written into the output that a run holds."""
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(home / "out"), str(home / warehouse)],
        cwd=ROOT,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        held = "the warehouse" if warehouse == "warehouse.duckdb" else "the output folder"
        assert_refused(home, f"Another run holds {held}", f"process {first.pid}", code=LOCKED)
    finally:
        first.communicate("")
