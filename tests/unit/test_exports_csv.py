"""CSV worklists: the formula guard, folder names, order and bytes."""

from __future__ import annotations

import csv as reference_csv
import os
import re
import unicodedata
from datetime import date
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exports.csv import clinic_folders, guard_formulas, unguard, write_lists, write_table
from schemas.errors import ContractError, OutputError
from schemas.published import WORKLIST_COLUMNS, WORKLIST_SCHEMA
from schemas.vocabulary import LISTS


def worklist(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(WORKLIST_SCHEMA), **row} for row in rows], schema=WORKLIST_SCHEMA)


def every_list(**rows: pl.DataFrame) -> dict[str, pl.DataFrame | pl.LazyFrame]:
    return {name: rows.get(name, worklist()) for name in LISTS}


def guarded(text: str | None) -> str | None:
    return pl.DataFrame({"t": [text]}, schema={"t": pl.String}).select(guard_formulas(pl.col("t"))).item()


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "+SUM(A1)",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\tx",
        "\rx",
        "\nx",
        " =1",
        "\u00a0=1",
        "\ufeff=1",
        "\u200b@x",
        "＝1+1",
        "＋1",
        "－1+1",
        "＠x",
        "--5",
        "-5 rows",
        "+",
    ],
)
def test_formulas_get_an_apostrophe(formula: str) -> None:
    assert guarded(formula) == "'" + formula


@pytest.mark.parametrize(
    "harmless", ["", "212", "-5", "+5", "-5.25", "+1.5e3", "-1E-3", "<150", "A-1", "007", "a=b", "x\t=1"]
)
def test_other_text_and_plain_numbers_stay(harmless: str) -> None:
    assert guarded(harmless) == harmless


def test_null_stays_null() -> None:
    assert guarded(None) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.text(
            alphabet=st.one_of(st.sampled_from("'=+-@\t\r\n ＝5.e"), st.characters(exclude_categories=["Cs"]))
        )
    )
)
@example(["'", "''=x", "'-5", "=", "'007"])
def test_the_guard_is_undone_exactly(texts: list[str]) -> None:
    frame = pl.DataFrame({"t": texts}, schema={"t": pl.String})
    safe = frame.with_columns(guard_formulas(cs.string()))
    assert safe.with_columns(unguard(cs.string())).equals(frame)


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15))
def test_a_number_written_as_text_is_never_changed(number: float) -> None:
    assert guarded(str(number)) == str(number)


def test_numbers_and_dates_are_left_out_of_the_guard(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [-5], "x": [-1.5], "d": [date(2026, 1, 2)], "t": ["=1"]})
    write_table(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"\xef\xbb\xbfn,x,d,t\n-5,-1.5,2026-01-02,'=1\n"


# Folder names


PLAIN = ["A", "clinic-1", "B12.north", "_unassigned", "0042", "a_b-c.d"]


@pytest.mark.parametrize("clinic_id", PLAIN)
def test_a_plain_id_is_its_own_folder(clinic_id: str) -> None:
    assert clinic_folders([clinic_id]) == {clinic_id: clinic_id}


HOSTILE = [
    "..",
    ".",
    "",
    " ",
    "../../etc/passwd",
    "/etc",
    "\\\\server\\share",
    "C:",
    "C:\\x",
    "a/b",
    "a\\b",
    "a\x00b",
    "CON",
    "nul.txt",
    "Com1",
    "lpt9.a.b",
    "x.",
    "x ",
    " x",
    ".hidden",
    "-rf",
    "~",
    "$(id)",
    "a\nb",
    "é",
    "e\u0301",
    "Å",
    "Å",
    "北京",
    "x" * 65,
    "x" * 100_000,
    "ａ",
    "clinic-0123456789abcdef",
    "PROGRA~1",
]


def assert_safe(folder: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", folder)
    assert not folder.endswith(".")
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", folder)


@pytest.mark.parametrize("clinic_id", HOSTILE)
def test_a_hostile_id_gets_a_safe_folder_of_its_own(clinic_id: str) -> None:
    folder = clinic_folders([clinic_id])[clinic_id]
    assert folder != clinic_id
    assert_safe(folder)


def test_ids_that_differ_only_in_case_are_told_apart() -> None:
    folders = clinic_folders(["north", "North", "NORTH", "south"])
    assert folders["south"] == "south"
    assert len({folder.lower() for folder in folders.values()}) == 4


def test_the_unassigned_folder_keeps_its_name_beside_an_id_like_it() -> None:
    folders = clinic_folders(["_UNASSIGNED", "_unassigned"])
    assert folders["_unassigned"] == "_unassigned"
    assert folders["_UNASSIGNED"].lower() != "_unassigned"


def test_an_id_that_equals_anothers_altered_name_does_not_share_it() -> None:
    taken = clinic_folders(["a/b"])["a/b"]
    folders = clinic_folders(["a/b", taken, taken.upper()])
    assert len({folder.lower() for folder in folders.values()}) == 3


def test_folders_do_not_depend_on_the_order_of_ids() -> None:
    assert clinic_folders(HOSTILE) == clinic_folders(HOSTILE[::-1])


ids = st.text(
    alphabet=st.one_of(st.sampled_from("aAbB./\\:_-~ \x00éÉ"), st.characters()), max_size=80
) | st.sampled_from(HOSTILE + PLAIN)


@settings(max_examples=400, deadline=None)
@given(st.sets(ids, max_size=12))
def test_folders_are_safe_and_never_shared(clinic_ids: set[str]) -> None:
    folders = clinic_folders(sorted(clinic_ids))
    assert set(folders) == clinic_ids
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in folders.values()}) == len(
        clinic_ids
    )
    for folder in folders.values():
        assert_safe(folder)
        assert os.path.normpath(os.path.join("/parent", folder)) == f"/parent/{folder}"


# Files


def test_every_clinic_gets_every_list_and_an_empty_one_is_a_header(tmp_path: Path) -> None:
    rows = worklist({"patient_id": "007", "clinic_id": "A", "priority": "P1", "item_id": "i"})
    write_lists(every_list(mma_testing=rows), {"A": "A", "B": "B"}, tmp_path)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv"))
    assert found == sorted(f"clinics/{clinic}/{name}.csv" for clinic in "AB" for name in LISTS)
    header = (",".join(column.name for column in WORKLIST_COLUMNS) + "\n").encode()
    assert (tmp_path / "clinics/B/mma_testing.csv").read_bytes() == b"\xef\xbb\xbf" + header


def test_a_file_read_by_another_parser(tmp_path: Path) -> None:
    row = {
        "item_id": "i",
        "patient_id": "007",
        "clinic_id": "-A;B",
        "priority": "P1",
        "reason": 'Says "low", on\ntwo lines, µ',
        "evidence": "=HYPERLINK(1)",
        "b12_value": "-5",
        "due_on": date(2026, 11, 24),
    }
    write_lists(every_list(follow_up=worklist(row).lazy()), {"-A;B": "f"}, tmp_path)
    with (tmp_path / "clinics/f/follow_up.csv").open(encoding="utf-8-sig", newline="") as file:
        (found,) = list(reference_csv.DictReader(file))
    expected = dict.fromkeys(WORKLIST_SCHEMA, "") | row
    assert found == expected | {"due_on": "2026-11-24", "evidence": "'=HYPERLINK(1)", "clinic_id": "'-A;B"}


def test_rows_are_ordered_by_priority_due_date_patient_and_item(tmp_path: Path) -> None:
    early, late = date(2026, 1, 1), date(2026, 1, 2)
    keys = [
        ("P1", early, "p2", "i9"),
        ("P1", late, "p1", "i1"),
        ("P1", late, "p1", "i2"),
        ("P1", None, "p0", "i0"),
        ("P2", early, "p0", "i0"),
    ]
    rows = worklist(
        *(
            {"priority": p, "due_on": due, "patient_id": patient, "item_id": item, "clinic_id": "A"}
            for p, due, patient, item in keys
        )
    )
    write_lists(every_list(mma_testing=rows.reverse()), {"A": "A"}, tmp_path)
    found = pl.read_csv(tmp_path / "clinics/A/mma_testing.csv", schema_overrides=WORKLIST_SCHEMA)
    assert found.select("priority", "due_on", "patient_id", "item_id").rows() == keys


def test_the_bytes_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = worklist(
        *(
            {"priority": "P1", "patient_id": f"p{n % 7}", "item_id": f"i{n}", "clinic_id": f"C{n % 3}"}
            for n in range(60)
        )
    )
    folders = clinic_folders(["C0", "C1", "C2"])
    write_lists(every_list(mma_testing=rows), folders, tmp_path / "a")
    write_lists(
        every_list(mma_testing=rows.sample(fraction=1, shuffle=True, seed=3)), folders, tmp_path / "b"
    )
    for name in folders.values():
        path = f"clinics/{name}/mma_testing.csv"
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


@pytest.mark.parametrize("clinic_id", ["B", None])
def test_rows_without_a_folder_are_refused(tmp_path: Path, clinic_id: str | None) -> None:
    rows = worklist({"patient_id": "secret", "clinic_id": clinic_id})
    with pytest.raises(ContractError, match="1 rows of list mma_testing") as error:
        write_lists(every_list(mma_testing=rows), {"A": "A"}, tmp_path)
    assert "secret" not in str(error.value)


def test_a_missing_list_and_a_changed_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="expected"):
        write_lists({"mma_testing": worklist()}, {}, tmp_path)
    with pytest.raises(ContractError, match="due_on, extra"):
        write_lists(
            every_list(mma_testing=worklist().with_columns(extra=1, due_on=pl.lit("x"))), {"A": "A"}, tmp_path
        )


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="ENOTDIR"):
        write_lists(every_list(), {"A": "A"}, tmp_path / "file")
    with pytest.raises(OutputError, match="ENOENT"):
        write_table(pl.DataFrame({"a": [1]}), tmp_path / "absent" / "t.csv")
