"""Workbooks, read back: types, formulas, layout, bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import fastexcel
import polars as pl
import pytest
import xlsxwriter
from polars.testing import assert_frame_equal

from exports import xlsx
from exports.xlsx import cover_lines, write_workbook
from schemas.errors import ContractError, OutputError
from schemas.published import WORKLIST_COLUMNS, WORKLIST_SCHEMA
from schemas.vocabulary import LISTS

COVER = [
    ("As of", "2026-11-22"),
    ("Sign-off", "Draft: not signed off. A & B."),
    ("Publication", "2026-11-22-abc"),
]
ODD_TEXTS = [
    "=1+1",
    "-5",
    "+1",
    "@x",
    "'quoted",
    "0042",
    "1e5",
    "https://example.org",
    "a & b < c > d \"e\" 'f'",
    " spaces ",
    "two\nlines",
    "tab\there",
    "_x0041_",
    "µ é 北京 😀",
    "bell\x07",
    "return\rhere",
]


def worklist(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(WORKLIST_SCHEMA), **row} for row in rows], schema=WORKLIST_SCHEMA)


def every_list(**rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {name: rows.get(name, worklist()) for name in LISTS}


def read(path: Path, sheet: str) -> pl.DataFrame:
    return fastexcel.read_excel(path).load_sheet(sheet, dtypes=_dtypes()).to_polars()


def _dtypes() -> dict[str | int, str]:
    return {c.name: "date" if c.dtype == pl.Date else "string" for c in WORKLIST_COLUMNS}  # type: ignore[return-value]


def sheet_xml(path: Path, sheet: int) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"xl/worksheets/sheet{sheet}.xml").decode()


def test_sheets_are_about_and_the_lists_in_their_order(tmp_path: Path) -> None:
    write_workbook(tmp_path / "w.xlsx", "A", every_list(), COVER)
    assert fastexcel.read_excel(tmp_path / "w.xlsx").sheet_names == ["About", *LISTS]


def test_rows_come_back_as_they_were_with_dates_and_text(tmp_path: Path) -> None:
    rows = worklist(
        *(
            {
                "item_id": f"i{n:02}",
                "priority": "P1",
                "patient_id": text,
                "clinic_id": "A",
                "reason": text,
                "due_on": date(2026, 2, 28),
                "as_of": date(2026, 11, 22),
                "b12_collected_on": None if n % 2 else date(1999, 12, 31),
            }
            for n, text in enumerate(ODD_TEXTS)
        )
    )
    write_workbook(tmp_path / "w.xlsx", "A", every_list(mma_testing=rows), COVER)
    found = read(tmp_path / "w.xlsx", "mma_testing")
    # The reader does not resolve the escape of control characters; a spreadsheet does.
    resolved = found.with_columns(
        pl.col("patient_id", "reason")
        .str.replace_all("_x0007_", "\x07", literal=True)
        .str.replace_all("_x000D_", "\r", literal=True)
        .str.replace_all("_x005F_", "_", literal=True)
    )
    expected = rows.sort("priority", "due_on", "patient_id", "item_id", nulls_last=True)
    assert_frame_equal(resolved, expected)


def test_no_cell_is_a_formula_and_identifiers_are_text_cells(tmp_path: Path) -> None:
    rows = worklist(*({"patient_id": text, "evidence": text, "priority": "P1"} for text in ODD_TEXTS))
    write_workbook(tmp_path / "w.xlsx", "=cmd", every_list(mma_testing=rows), COVER)
    for number in range(1, 7):
        assert "<f>" not in sheet_xml(tmp_path / "w.xlsx", number)
    cells = re.findall(r'<c r="D\d+"([^>]*)>', sheet_xml(tmp_path / "w.xlsx", 2))[1:]
    assert len(cells) == len(ODD_TEXTS)
    assert all('t="inlineStr"' in cell for cell in cells)


def test_dates_are_numbers_with_the_iso_format(tmp_path: Path) -> None:
    """1 March 2024 is day 45,352 of the spreadsheet calendar."""
    write_workbook(
        tmp_path / "w.xlsx", "A", every_list(follow_up=worklist({"due_on": date(2024, 3, 1)})), COVER
    )
    name = xlsx.xl_col_to_name([c.name for c in WORKLIST_COLUMNS].index("due_on"))
    cell = re.search(rf'<c r="{name}2" s="(\d+)"><v>45352</v></c>', sheet_xml(tmp_path / "w.xlsx", 5))
    assert cell is not None
    with zipfile.ZipFile(tmp_path / "w.xlsx") as archive:
        styles = archive.read("xl/styles.xml").decode()
    number_format = re.search(r'numFmtId="(\d+)" formatCode="yyyy\\?-mm\\?-dd"', styles)
    assert number_format is not None
    cell_styles = re.findall(r"<xf [^>]*>", styles.split("<cellXfs")[1])
    assert f'numFmtId="{number_format.group(1)}"' in cell_styles[int(cell.group(1))]


def test_cells_are_written_as_the_library_itself_writes_them(tmp_path: Path) -> None:
    """The body of a sheet is rendered by us: held against the library's own cells, style numbers aside."""
    texts = [*ODD_TEXTS, "\ufffe", "\x00\x1f", "]]>", "&amp;", "__x0041__x0042_"]
    rows = worklist(
        *({"priority": "P1", "patient_id": f"{n:02}", "reason": text} for n, text in enumerate(texts)),
        {"priority": "P2", "patient_id": "zz", "due_on": date(2026, 12, 31)},
    )
    write_workbook(tmp_path / "ours.xlsx", "A", every_list(mma_testing=rows), COVER)
    book = xlsxwriter.Workbook(tmp_path / "theirs.xlsx", {"constant_memory": True, "tmpdir": str(tmp_path)})
    sheet = book.add_worksheet()
    places = {column.name: at for at, column in enumerate(WORKLIST_COLUMNS)}
    for line, cells in enumerate(rows.iter_rows(named=True), start=1):
        for name, cell in cells.items():
            if isinstance(cell, date):
                sheet.write_datetime(line, places[name], cell)
            elif cell is not None:
                sheet.write_string(line, places[name], cell)
    book.close()

    def cells_of(name: str, number: int) -> list[str]:
        xml = re.sub(r' s="\d+"| xml:space="preserve"', "", sheet_xml(tmp_path / name, number))
        return [
            cell
            for cell in re.findall(r"<c .*?</c>", xml, re.DOTALL)
            if not re.match(r'<c r="[A-Z]+1"', cell)
        ]

    assert cells_of("ours.xlsx", 2) == cells_of("theirs.xlsx", 1)


def test_a_text_too_long_for_a_cell_is_cut_visibly(tmp_path: Path) -> None:
    rows = worklist({"evidence_ids": "x" * 16_000, "evidence": "y" * 16_001})
    write_workbook(tmp_path / "w.xlsx", "A", every_list(mma_testing=rows), COVER)
    (found,) = read(tmp_path / "w.xlsx", "mma_testing").select("evidence_ids", "evidence").rows()
    assert found == ("x" * 16_000, "y" * 15_999 + "…")


def test_every_part_of_the_file_is_well_formed(tmp_path: Path) -> None:
    rows = worklist(*({"patient_id": text, "reason": text} for text in ODD_TEXTS))
    write_workbook(tmp_path / "w.xlsx", "<&\x01>", every_list(mma_testing=rows), COVER)
    with zipfile.ZipFile(tmp_path / "w.xlsx") as archive:
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))


def test_layout_for_screen_and_paper(tmp_path: Path) -> None:
    rows = worklist({"priority": "P1", "patient_id": "1", "reason": "r"})
    write_workbook(tmp_path / "w.xlsx", "A", every_list(mma_testing=rows), COVER)
    sheet = sheet_xml(tmp_path / "w.xlsx", 2)
    assert 'orientation="landscape"' in sheet
    assert 'fitToHeight="0"' in sheet
    assert "<fitToPage" in sheet or 'fitToPage="1"' in sheet
    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:AH2"' in sheet
    assert sheet.count("<cfRule") == 4
    with zipfile.ZipFile(tmp_path / "w.xlsx") as archive:
        assert "mma_testing!$1:$1" in archive.read("xl/workbook.xml").decode()
    assert "A &amp;&amp; B" in sheet  # a single & would be a command of the page header


def test_columns_for_programs_and_empty_columns_are_folded(tmp_path: Path) -> None:
    rows = worklist({"priority": "P1", "patient_id": "1", "reason": "r", "item_id": "i"})
    write_workbook(tmp_path / "w.xlsx", "A", every_list(mma_testing=rows), COVER)
    assert {column.name for column in WORKLIST_COLUMNS} > xlsx.FOLDED
    hidden = {
        WORKLIST_COLUMNS[at - 1].name
        for column in ElementTree.fromstring(sheet_xml(tmp_path / "w.xlsx", 2)).iter()
        if column.tag.endswith("}col") and column.get("hidden") == "1"
        for at in range(int(column.attrib["min"]), int(column.attrib["max"]) + 1)
    }
    shown = {column.name for column in WORKLIST_COLUMNS} - hidden
    assert shown == {"priority", "patient_id", "reason"}


def test_about_says_what_the_workbook_is(tmp_path: Path) -> None:
    lists = every_list(mma_testing=worklist({"patient_id": "1"}, {"patient_id": "2"}))
    write_workbook(tmp_path / "w.xlsx", "Clinic =7", lists, COVER)
    about = fastexcel.read_excel(tmp_path / "w.xlsx").load_sheet("About", header_row=None).to_polars()
    words = [str(word) for row in about.rows() for word in row if word is not None]
    assert any(word.startswith("Decision support, not a diagnosis.") for word in words)
    assert {"Clinic =7", "2026-11-22", "Draft: not signed off. A & B.", "2026-11-22-abc"} <= set(words)
    counts = {row[0]: row[1] for row in about.rows() if row[0] in LISTS}
    assert {name: int(float(count)) for name, count in counts.items()} == {
        name: 2 if name == "mma_testing" else 0 for name in LISTS
    }


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    rows = worklist(*({"patient_id": f"p{n}", "priority": "P2", "item_id": f"i{n}"} for n in range(40)))
    for name, part in (("a", rows), ("b", rows.sample(fraction=1, shuffle=True, seed=1))):
        write_workbook(tmp_path / name, "A", every_list(follow_up=part), COVER)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_equal_rows_give_equal_bytes_in_large_workbooks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large ones are put together from temporary files, in the folder of the workbook, which are then gone."""
    monkeypatch.setattr(xlsx, "_ROWS_IN_MEMORY", 10)
    monkeypatch.setattr(xlsx, "_ROWS_AT_A_TIME", 7)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    rows = worklist(*({"patient_id": f"p{n:02}", "priority": "P2", "item_id": f"i{n}"} for n in range(40)))
    for name in ("a", "b"):
        write_workbook(tmp_path / name, "A", every_list(follow_up=rows), COVER)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert read(tmp_path / "a", "follow_up")["patient_id"].to_list() == [f"p{n:02}" for n in range(40)]


def test_a_list_longer_than_a_sheet_is_cut_at_its_least_urgent_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "ROWS_OF_A_SHEET", 2)
    rows = worklist(*({"patient_id": p, "priority": p} for p in ("P4", "P1", "P3")))
    write_workbook(tmp_path / "w.xlsx", "A", every_list(follow_up=rows), COVER)
    assert read(tmp_path / "w.xlsx", "follow_up")["priority"].to_list() == ["P1", "P3"]
    about = fastexcel.read_excel(tmp_path / "w.xlsx").load_sheet("About", header_row=None).to_polars()
    assert any("first 2 rows; all are in follow_up.csv" in str(row[2]) for row in about.rows())


def test_cover_lines_come_from_the_summary() -> None:
    pack = {"id": "b12", "version": "1.0.0", "title": "T", "sign_off": "draft"}
    summary = {"as_of": "2026-11-22", "sign_off_line": "Not signed.", "run_id": "r", "pack": pack}
    assert dict(cover_lines(summary)) == {
        "As of": "2026-11-22",
        "Sign-off": "Not signed.",
        "Publication": "r",
        "Rules": "T (b12 1.0.0, draft)",
    }


def test_what_the_run_could_not_see_stands_on_the_first_sheet(tmp_path: Path) -> None:
    pack = {"id": "b12", "version": "1.0.0", "title": "T", "sign_off": "draft"}
    summary = {
        **{"as_of": "2026-11-22", "sign_off_line": "Not signed.", "run_id": "r", "pack": pack},
        "suppress_below": 5,
        "notes": ["There are no `orders`: requests that are already open did not keep anybody off a list."],
        "not_seen": {"places": [], "absent_tables": [{"table": "orders", "facts": [], "decision_rows": []}]},
    }
    write_workbook(tmp_path / "w.xlsx", "A", every_list(), cover_lines(summary))
    about = fastexcel.read_excel(tmp_path / "w.xlsx").load_sheet("About", header_row=None).to_polars()
    told = [row[1] for row in about.rows() if row[0] == "Not seen"]
    assert told == ["There are no orders: requests that are already open did not keep anybody off a list."]


def test_other_lists_than_published_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="expected"):
        write_workbook(tmp_path / "w.xlsx", "A", {"mma_testing": worklist()}, COVER)


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="ENOENT"):
        write_workbook(tmp_path / "absent" / "w.xlsx", "A", every_list(), COVER)


FULL_DISK = """
import resource, sys
from pathlib import Path
import polars as pl
from exports.csv import write_table
from exports import xlsx
from schemas.errors import OutputError
from schemas.published import WORKLIST_SCHEMA
from schemas.vocabulary import LISTS
rows = pl.DataFrame({name: [None] * 400 for name in WORKLIST_SCHEMA}, schema=WORKLIST_SCHEMA).with_columns(
    patient_id=pl.int_range(400).hash().cast(pl.String), evidence=pl.int_range(400).hash(7).cast(pl.String)
)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
if sys.argv[2] == "large":
    xlsx._ROWS_IN_MEMORY = 10
for write in (
    lambda: write_table(rows, Path(sys.argv[1]) / "t.csv"),
    lambda: xlsx.write_workbook(
        Path(sys.argv[1]) / "w.xlsx", "A", {name: rows for name in LISTS}, [("As of", "2026-11-22")]
    ),
):
    try:
        write()
    except OutputError as error:
        print(error.what)
"""


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_full_disk_is_an_output_error_and_nothing_else(tmp_path: Path, size: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), size],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(xlsx.__file__).parents[1],
    )
    assert done.stdout.count("EFBIG") == 2
    assert done.stderr == ""
