"""The folder source: what it finds, what it counts and what it refuses."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest
import zstandard

from schemas.errors import ConfigurationError, InputRefused, OutputError, ScreenError
from sources import streams
from sources.base import Part, SourceSettings, TableMapping
from sources.files import discover

PATIENTS = "patient_id,birth_date,sex,clinic_id\nA,1950-01-01,female,north\n"
LABS = (
    "patient_id,value,unit,collected_at,code\n"
    "A,142,pmol/L,2024-03-04,2132-9\n"
    "B,201,pmol/L,2024-03-05,2132-9\n"
    "C,333,pmol/L,2024-03-06,2132-9\n"
)
MEDICATIONS = "patient_id,drug_name\nA,metformin\n"
LABS_HEADER = "patient_id,value,collected_at,code\n"


class Extract:
    """A folder with the three required tables, of which a test replaces what it is about."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "extract"
        self.work = root / "work"
        self.folder.mkdir()
        self.work.mkdir()
        self.write("patients.csv", PATIENTS)
        self.write("labs.csv", LABS)
        self.write("medications.csv", MEDICATIONS)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def labs(self, content: str | bytes, name: str = "labs.csv") -> Path:
        self.remove("labs.csv")
        return self.write(name, content)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def discover(
        self, tables: Mapping[str, TableMapping] | None = None, delimiter: str = ",", encoding: str = "utf-8"
    ) -> list[Part]:
        source = SourceSettings(
            name="hospital",
            path=self.folder,
            delimiter=delimiter,
            encoding=encoding,
            tables=tables or {},
        )
        return discover(source, self.work)

    def lab_part(self, **settings: object) -> Part:
        (part,) = (part for part in self.discover(**settings) if part.table == "labs")  # type: ignore[arg-type]
        return part

    def refusal(self, **settings: object) -> str:
        with pytest.raises(InputRefused) as caught:
            self.discover(**settings)  # type: ignore[arg-type]
        return str(caught.value)


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    return Extract(tmp_path)


def labs_mapping(**columns: str) -> dict[str, TableMapping]:
    return {"labs": TableMapping(columns=columns)}


# Finding


def test_a_part_says_what_was_delivered(extract: Extract) -> None:
    path = extract.labs(LABS)
    assert extract.lab_part() == Part(
        source="hospital",
        table="labs",
        name="labs.csv",
        read_path=path,
        format="csv",
        compression="none",
        delimiter=",",
        header=("patient_id", "value", "unit", "collected_at", "code"),
        columns={c: c for c in ("patient_id", "value", "unit", "collected_at", "code")},
        rows=3,
        sha256=hashlib.sha256(LABS.encode()).hexdigest(),
        size=len(LABS),
    )


def test_parts_come_in_the_order_of_the_tables(extract: Extract) -> None:
    extract.write("conditions.csv", "patient_id,code_system,code\n")
    assert [part.table for part in extract.discover()] == ["patients", "labs", "medications", "conditions"]


def test_a_folder_holds_parts_of_any_name_and_kind_in_sorted_order(extract: Extract) -> None:
    extract.remove("labs.csv")
    extract.write("labs/zeta.CSV", LABS)
    extract.write("labs/2024-01.csv.gz", gzip.compress(LABS.encode(), mtime=0))
    extract.write("labs/b.csv.ZST", zstandard.compress(LABS.encode()))
    pl.DataFrame(
        {"patient_id": ["A"], "value": ["1"], "collected_at": ["2024"], "code": ["x"]}
    ).write_parquet(extract.folder / "labs" / "c.parquet")
    parts = [part for part in extract.discover() if part.table == "labs"]
    assert [(part.name, part.format, part.compression, part.rows) for part in parts] == [
        ("labs/2024-01.csv.gz", "csv", "gzip", 3),
        ("labs/b.csv.ZST", "csv", "zstd", 3),
        ("labs/c.parquet", "parquet", "none", 1),
        ("labs/zeta.CSV", "csv", "none", 3),
    ]


def test_hidden_marker_and_unfinished_files_are_ignored(extract: Extract) -> None:
    extract.remove("labs.csv")
    extract.write("labs/one.csv", LABS)
    for name in (".one.csv.crc", "_SUCCESS", "two.csv.tmp", "two.csv.part", "one.csv~", "~$one.csv"):
        extract.write(f"labs/{name}", "not a part")
    extract.write("patients.csv.tmp", "not a part")
    extract.write(".labs.csv", "not a part")
    assert [part.name for part in extract.discover()] == ["patients.csv", "labs/one.csv", "medications.csv"]


def test_other_files_beside_the_tables_are_ignored(extract: Extract) -> None:
    extract.write("README.txt", "how the extract was made")
    extract.write("encounters.csv", "patient_id\n")
    assert len(extract.discover()) == 3


def test_an_unreadable_kind_of_file_among_parts_is_refused(extract: Extract) -> None:
    extract.remove("labs.csv")
    extract.write("labs/one.csv", LABS)
    extract.write("labs/two.docx", b"x")
    assert "folder labs holds what is not a part: two.docx" in extract.refusal()


def test_a_folder_within_a_folder_of_parts_is_refused(extract: Extract) -> None:
    extract.remove("labs.csv")
    extract.write("labs/one.csv", LABS)
    (extract.folder / "labs" / "year=2024").mkdir()
    assert "year=2024/" in extract.refusal()


def test_a_folder_without_parts_is_refused(extract: Extract) -> None:
    (extract.folder / "conditions").mkdir()
    assert "folder conditions holds no parts" in extract.refusal()


@pytest.mark.parametrize("second", ["labs/one.csv", "labs.csv.gz", "labs.CSV", "labs.parquet"])
def test_a_table_that_is_there_twice_is_refused(extract: Extract, second: str) -> None:
    extract.write(second, gzip.compress(LABS.encode(), mtime=0) if second.endswith("gz") else LABS)
    message = extract.refusal()
    assert "table labs is there more than once" in message
    assert "labs.csv" in message
    assert second.split("/", maxsplit=1)[0] in message


@pytest.mark.parametrize("table", ["patients", "labs", "medications"])
def test_a_missing_required_table_is_refused_with_what_was_found(extract: Extract, table: str) -> None:
    extract.remove(f"{table}.csv")
    message = extract.refusal()
    assert f"table {table} not found in {extract.folder}" in message
    assert "found: " in message
    others = {"patients.csv", "labs.csv", "medications.csv"} - {f"{table}.csv"}
    assert all(name in message for name in others)


def test_missing_inputs_end_the_run_with_exit_code_three(extract: Extract) -> None:
    extract.remove("labs.csv")
    with pytest.raises(ScreenError) as caught:
        extract.discover()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("delivered", "suggested"),
    [
        ("Labs.csv", "Labs.csv -> labs.csv"),
        ("lab.csv.gz", "lab.csv.gz -> labs.csv.gz"),
        ("labs.txt", "labs.txt -> labs.csv"),
        ("LABS/one.csv", "LABS -> labs"),
    ],
)
def test_a_missing_table_names_the_closest_match(extract: Extract, delivered: str, suggested: str) -> None:
    extract.remove("labs.csv")
    extract.write(delivered, LABS)
    assert f"Did you mean {suggested}?" in extract.refusal()


def test_an_optional_table_may_be_absent_but_not_misspelt_in_case(extract: Extract) -> None:
    assert {part.table for part in extract.discover()} == {"patients", "labs", "medications"}
    extract.write("Conditions.csv", "patient_id,code_system,code\n")
    assert "Did you mean Conditions.csv -> conditions.csv?" in extract.refusal()


def test_a_long_list_of_found_files_is_cut(extract: Extract) -> None:
    extract.remove("labs.csv")
    for number in range(20):
        extract.write(f"zz{number:02}.txt", "x")
    assert "and 10 more" in extract.refusal()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="is empty"):
        discover(SourceSettings(name="hospital", path=tmp_path), tmp_path / "work")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"nowhere does not exist"):
        discover(SourceSettings(name="hospital", path=tmp_path / "nowhere"), tmp_path / "work")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text(LABS)
    with pytest.raises(InputRefused, match="is a file, not a folder"):
        discover(SourceSettings(name="hospital", path=tmp_path / "labs.csv"), tmp_path / "work")


def test_links_are_followed_and_counted_as_what_they_lead_to(extract: Extract, tmp_path: Path) -> None:
    extract.remove("labs.csv")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "one.csv").write_text(LABS)
    (extract.folder / "labs").symlink_to(elsewhere)
    (elsewhere / "two.csv").symlink_to(elsewhere / "one.csv")
    parts = [part for part in extract.discover() if part.table == "labs"]
    assert [(part.name, part.rows) for part in parts] == [("labs/one.csv", 3), ("labs/two.csv", 3)]


def test_a_link_that_leads_nowhere_is_refused(extract: Extract) -> None:
    extract.remove("labs.csv")
    (extract.folder / "labs.csv").symlink_to(extract.folder / "gone.csv")
    assert "labs.csv: not a readable file" in extract.refusal()


def test_nothing_is_written_for_utf8(extract: Extract) -> None:
    before = sorted(extract.folder.iterdir())
    extract.discover()
    assert sorted(extract.folder.iterdir()) == before
    assert list(extract.work.iterdir()) == []


# Headers


def test_a_zero_byte_file_is_refused(extract: Extract) -> None:
    extract.labs("")
    assert "labs.csv: the file is empty" in extract.refusal()


def test_a_file_of_nothing_but_a_byte_order_mark_is_refused(extract: Extract) -> None:
    extract.labs(b"\xef\xbb\xbf")
    assert "labs.csv: the file is empty" in extract.refusal()


def test_an_empty_first_line_is_refused(extract: Extract) -> None:
    extract.labs("\n" + LABS)
    assert "labs.csv: the first line is empty" in extract.refusal()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_header_alone_is_a_part_without_rows(extract: Extract, end: str) -> None:
    extract.labs(LABS_HEADER.strip() + end)
    assert extract.lab_part().rows == 0


def test_a_byte_order_mark_is_dropped(extract: Extract) -> None:
    extract.labs(b"\xef\xbb\xbf" + LABS.encode())
    part = extract.lab_part()
    assert part.header[0] == "patient_id"
    assert part.rows == 3


def test_names_are_trimmed_and_quoting_is_respected(extract: Extract) -> None:
    extract.labs('"patient_id", value ,"collected_at", "code", "note, ""free"" text"\nA,1,2024-01-01,x,y\n')
    part = extract.lab_part()
    assert part.header == ("patient_id", "value", "collected_at", "code", 'note, "free" text')
    assert part.rows == 1


def test_a_header_may_span_lines(extract: Extract) -> None:
    extract.labs('patient_id,value,collected_at,code,"note\n(free text)"\nA,1,2024-01-01,x,y\n')
    part = extract.lab_part()
    assert part.header[-1] == "note\n(free text)"
    assert part.rows == 1


def test_an_unclosed_quote_in_the_header_is_refused(extract: Extract) -> None:
    extract.labs('patient_id,"value,collected_at,code\nA,1,2024-01-01,x\n')
    assert "labs.csv: the quoting of the header cannot be read" in extract.refusal()


def test_a_header_without_end_is_refused(extract: Extract) -> None:
    extract.labs("patient_id,value,collected_at,code," + "x" * 70_000)
    assert "the header does not end within the first 64 KiB" in extract.refusal()


def test_columns_are_bound_by_name_whatever_their_order(extract: Extract) -> None:
    extract.remove("labs.csv")
    extract.write("labs/a.csv", "patient_id,value,collected_at,code\nA,1,2024-01-01,x\n")
    extract.write("labs/b.csv", "code,collected_at,value,patient_id\nx,2024-01-01,1,A\n")
    first, second = (part for part in extract.discover() if part.table == "labs")
    assert first.columns == second.columns
    assert first.header == second.header[::-1]


def test_extra_columns_may_differ_from_part_to_part(extract: Extract) -> None:
    extract.remove("labs.csv")
    extract.write("labs/a.csv", "patient_id,value,collected_at,code,ward\nA,1,2024-01-01,x,7\n")
    extract.write("labs/b.csv", "note,patient_id,value,collected_at,test_name\n,A,1,2024-01-01,B12\n")
    first, second = (part for part in extract.discover() if part.table == "labs")
    assert set(first.columns) == {"patient_id", "value", "collected_at", "code"}
    assert set(second.columns) == {"patient_id", "value", "collected_at", "test_name"}


def test_a_name_is_found_as_written_and_then_regardless_of_case(extract: Extract) -> None:
    extract.labs("Patient_ID,VALUE,value,collected_at,Code\nA,1,2,2024-01-01,x\n")
    columns = extract.lab_part().columns
    assert columns["patient_id"] == "Patient_ID"
    assert columns["value"] == "value"
    assert columns["code"] == "Code"


def test_a_mapped_column_is_bound_under_its_site_name(extract: Extract) -> None:
    extract.labs("nhs,Result,taken,code\nA,1,2024-01-01,x\n")
    part = extract.lab_part(tables=labs_mapping(patient_id="nhs", value="result", collected_at="taken"))
    assert part.columns == {"patient_id": "nhs", "value": "Result", "collected_at": "taken", "code": "code"}


def test_a_mapping_overrides_the_canonical_name(extract: Extract) -> None:
    extract.labs("patient_id,value,collected_at,code,local_code\nA,1,2024-01-01,x,y\n")
    assert extract.lab_part(tables=labs_mapping(code="local_code")).columns["code"] == "local_code"


def test_a_column_the_mapping_claims_is_not_bound_under_its_own_name(extract: Extract) -> None:
    extract.labs("patient_id,value,received_at,code\nA,1,2024-01-01,x\n")
    columns = extract.lab_part(tables=labs_mapping(collected_at="received_at")).columns
    assert columns["collected_at"] == "received_at"
    assert "received_at" not in columns


def test_constants_stand_in_for_columns(extract: Extract) -> None:
    extract.labs("patient_id,value,code\nA,1,x\n")
    mapping = {"labs": TableMapping(constants={"collected_at": "2024-01-01", "code": "2132-9"})}
    assert extract.lab_part(tables=mapping).columns == {"patient_id": "patient_id", "value": "value"}


def test_a_missing_required_column_is_named_with_the_closest_match(extract: Extract) -> None:
    extract.labs("patient_id,value,CollectedAt,code\nA,1,2024-01-01,x\n")
    message = extract.refusal()
    assert "labs.csv: required column collected_at of table labs not in the header" in message
    assert 'Closest to collected_at: "CollectedAt"' in message


def test_every_missing_column_is_named_at_once(extract: Extract) -> None:
    extract.labs("patient_id,unit,collected_at\nA,1,2024-01-01\n")
    assert "required columns value, code or test_name of table labs" in extract.refusal()


def test_a_first_line_that_is_a_row_is_not_repeated(extract: Extract) -> None:
    extract.labs("SECRET-77,142,pmol/L,2024-03-04,2132-9\n")
    message = extract.refusal()
    assert "Is the first line the column names?" in message
    assert not any(content in message for content in ("SECRET-77", "142", "2024-03-04"))


def test_a_renamed_column_of_the_mapping_is_named_with_the_closest_match(extract: Extract) -> None:
    extract.labs("patient_id,value,sample_taken_on,code\nA,1,2024-01-01,x\n")
    message = extract.refusal(tables=labs_mapping(collected_at="sample_taken"))
    assert "labs.csv: the mapping names column sample_taken, not in the header" in message
    assert 'Closest to sample_taken: "sample_taken_on"' in message


@pytest.mark.parametrize(
    "header", ["patient_id,value,value,collected_at,code", "patient_id,Value,VALUE,collected_at,code"]
)
def test_a_doubled_column_is_refused(extract: Extract, header: str) -> None:
    extract.labs(f"{header}\nA,1,2,2024-01-01,x\n")
    assert "labs.csv: column value stands in the header 2 times" in extract.refusal()


def test_a_doubled_column_that_is_not_ours_is_fine(extract: Extract) -> None:
    extract.labs("patient_id,value,collected_at,code,note,note,,\nA,1,2024-01-01,x,,,,\n")
    assert extract.lab_part().rows == 1


@pytest.mark.parametrize(("delimiter", "setting"), [(";", '";"'), ("\t", r'"\t"'), ("|", '"|"')])
def test_another_delimiter_is_recognised_and_named(extract: Extract, delimiter: str, setting: str) -> None:
    extract.labs(LABS.replace(",", delimiter))
    assert f"Set delimiter = {setting} in the configuration of source hospital" in extract.refusal()


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_configured_delimiter_is_used(tmp_path: Path, delimiter: str) -> None:
    extract = Extract(tmp_path)
    for name, content in (("patients.csv", PATIENTS), ("labs.csv", LABS), ("medications.csv", MEDICATIONS)):
        extract.write(name, content.replace(",", delimiter))
    part = extract.lab_part(delimiter=delimiter)
    assert part.delimiter == delimiter
    assert part.columns["code"] == "code"


def test_commas_where_semicolons_are_configured_are_recognised(extract: Extract) -> None:
    assert 'Set delimiter = ","' in extract.refusal(delimiter=";")


# The mapping itself


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"lab": TableMapping()}, "lab is not a canonical table\n  Hint: Did you mean labs?"),
        (labs_mapping(collected_on="taken"), "columns names collected_on, which is not a canonical column"),
        (labs_mapping(collected_on="taken"), "Did you mean collected_at?"),
        ({"labs": TableMapping(constants={"units": "pmol/L"})}, "Did you mean unit?"),
        (labs_mapping(zzz="taken"), "Expected one of: patient_id, value"),
        (labs_mapping(code=" "), "columns gives no site name for code"),
        (
            {"labs": TableMapping(columns={"code": "c"}, constants={"code": "x"})},
            "code is both a column of the file and a constant",
        ),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_a_configuration_error(
    extract: Extract, tables: dict[str, TableMapping], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        extract.discover(tables=tables)
    assert message in str(caught.value)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_a_delimiter_is_one_character(extract: Extract, delimiter: str) -> None:
    with pytest.raises(ConfigurationError, match="delimiter"):
        extract.discover(delimiter=delimiter)


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "rot13"])
def test_an_unknown_encoding_is_a_configuration_error(extract: Extract, encoding: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown encoding"):
        extract.discover(encoding=encoding)


# Counting


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("A,1,t,x\nB,2,t,x\n", 2),
        ("A,1,t,x\nB,2,t,x", 2),
        ("A,1,t,x\r\nB,2,t,x\r\n", 2),
        ("A,1,t,x\r\nB,2,t,x", 2),
        ("A,1,t,x\nB,2,t,x\n\n\n\n", 2),
        ("A,1,t,x\r\nB,2,t,x\r\n\r\n\r\n\r\n", 2),
        ("\nA,1,t,x\n\n\nB,2,t,x\n", 2),
        ("\r\nA,1,t,x\r\n\r\n\r\nB,2,t,x\r\n", 2),
        ("\n\n\n", 0),
        ("A,1,t,x\n   \n", 2),
        ("A,1,t,x\n,,,\n", 2),
        ('A,5" tube,t,x\n\nB,2,t,x\n', 2),
    ],
)
def test_rows_are_the_lines_that_are_not_empty(extract: Extract, body: str, rows: int) -> None:
    line_end = "\r\n" if "\r" in body else "\n"
    extract.labs(LABS_HEADER.replace("\n", line_end) + body)
    assert extract.lab_part().rows == rows


def test_a_value_over_several_lines_takes_up_its_lines_that_are_not_empty(extract: Extract) -> None:
    extract.labs(LABS_HEADER + 'A,"one\ntwo\n\nthree",t,x\nB,2,t,x\n')
    assert extract.lab_part().rows == 4


def test_a_single_column_counts_its_empty_lines(extract: Extract) -> None:
    extract.labs("patient_id\nA\n\nB\n\n")
    mapping = {"labs": TableMapping(constants={"value": "1", "collected_at": "2024-01-01", "code": "x"})}
    assert extract.lab_part(tables=mapping).rows == 4


@pytest.mark.parametrize("block", [1, 2, 3, 5, 7, 64])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_count_does_not_depend_on_where_blocks_end(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, block: int, line_end: str
) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", block)
    body = "\nA,1,t,x\n\n\nB,2,t,x\n\nC,3,t,x"
    content = (LABS_HEADER + body).replace("\n", line_end).encode()
    # Past the head, so that single blocks reach the counter.
    filler = ("D,4,t,x" + line_end).encode() * (70_000 // 8)
    extract.labs(content + line_end.encode() + filler)
    assert extract.lab_part().rows == 3 + 70_000 // 8


@pytest.mark.parametrize(
    "body",
    [
        b"A,1,t,x\nB,2,t,x\n\n\n",
        b"\nA,1,t,x\n\n\nB,2,t,x",
        b'A,"one\ntwo\n\nthree",t,x\n\nB,"\n\n2",t,"x\n"\n',
        b'A,5" tube,t,x\n\nB,2,t,x\n   \n\n',
        b"A,1,t,x\nB,2,t\n\nC,3,t,x,y\n",
        b"A,\xff,t,x\nB,2,t,x\n",
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_the_count_is_what_duckdb_has_to_account_for(extract: Extract, body: bytes, line_end: bytes) -> None:
    """Loaded rows + rejected lines + runs of line ends within loaded values = rows."""
    extract.labs((LABS_HEADER.encode() + body).replace(b"\n", line_end))
    part = extract.lab_part()
    with duckdb.connect() as connection:
        values = connection.execute(
            """
            select concat_ws('|', patient_id, value, collected_at, code)
            from read_csv(?, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
                columns = {patient_id: 'VARCHAR', value: 'VARCHAR', collected_at: 'VARCHAR', code: 'VARCHAR'},
                store_rejects = true, parallel = false)
            """,
            [str(part.read_path)],
        ).fetchall()
        rejected = connection.execute("select distinct line from reject_errors").fetchall()
    continued = sum(len(re.findall(r"(?:\r?\n)+", value)) for (value,) in values)
    assert len(values) + continued + len(rejected) == part.rows


@pytest.mark.parametrize(
    "content", [LABS.replace("\n", "\r"), LABS_HEADER.replace("\n", "\r"), LABS.replace("\n", "\r") * 2000]
)
def test_lone_carriage_returns_as_line_ends_are_refused(extract: Extract, content: str) -> None:
    extract.labs(content)
    assert "labs.csv: lines end in a lone carriage return" in extract.refusal()


def test_a_nul_byte_is_refused_with_its_line(extract: Extract) -> None:
    extract.labs(LABS.encode() + b"D,1\x00,pmol/L,2024-03-04,2132-9\n")
    assert "labs.csv: line 5 holds a NUL byte" in extract.refusal()


def test_a_nul_byte_far_into_the_file_is_refused_with_its_line(extract: Extract) -> None:
    extract.labs(LABS.encode() + b"D,1,pmol/L,2024-03-04,2132-9\n" * 10_000 + b"\x00\n")
    assert "labs.csv: line 10005 holds a NUL byte" in extract.refusal()


# Encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_recognised_and_named(extract: Extract, encoding: str) -> None:
    extract.labs(LABS.encode(encoding))
    message = extract.refusal()
    assert f"the file is {encoding.upper()}, not UTF-8" in message
    assert f'encoding = "{encoding}"' in message


def test_a_file_in_another_encoding_is_refused_with_the_setting_to_write(extract: Extract) -> None:
    extract.labs(LABS_HEADER.encode() + "Ä,1,2024-01-01,x\n".encode("cp1252") * 5)
    message = extract.refusal()
    assert "5 of its first 6 lines cannot be decoded" in message
    assert 'encoding = "cp1252"' in message


def test_a_header_in_another_encoding_is_refused(extract: Extract) -> None:
    extract.labs("patient_id,value,collected_at,code,größe\nA,1,2024-01-01,x,y\n".encode("cp1252"))
    message = extract.refusal()
    assert "labs.csv: the header is not UTF-8" in message
    assert 'encoding = "cp1252"' in message


def test_a_single_undecodable_line_is_left_to_the_parser(extract: Extract) -> None:
    extract.labs(LABS.encode() + b"D,\xff\xfe,pmol/L,2024-03-04,2132-9\n")
    assert extract.lab_part().rows == 4


def test_utf8_beyond_ascii_is_fine(extract: Extract) -> None:
    extract.labs(LABS + "Ärzte,1,µg/L,2024-03-04,2132-9\n" * 4000)
    assert extract.lab_part().rows == 4003


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("packed", ["plain", "gzip"])
def test_another_configured_encoding_is_read_from_a_utf8_copy(
    tmp_path: Path, encoding: str, packed: str
) -> None:
    extract = Extract(tmp_path)
    text = LABS + "Ärzte,1,µg/L,2024-03-04,2132-9\r\n" * 3000
    extract.write("patients.csv", PATIENTS.encode(encoding))
    extract.write("medications.csv", MEDICATIONS.encode(encoding))
    delivered = text.encode(encoding)
    if packed == "gzip":
        delivered = gzip.compress(delivered, mtime=0)
    extract.labs(delivered, "labs.csv.gz" if packed == "gzip" else "labs.csv")
    part = extract.lab_part(encoding=encoding)
    assert part.read_path.parent == extract.work
    assert part.read_path.read_bytes().decode("utf-8-sig") == text
    assert part.compression == "none"
    assert part.rows == 3003
    assert (part.sha256, part.size) == (hashlib.sha256(delivered).hexdigest(), len(delivered))


def test_a_utf8_copy_is_for_its_owner_only(extract: Extract) -> None:
    part = extract.lab_part(encoding="cp1252")
    assert part.read_path.stat().st_mode & 0o077 == 0


def test_copies_of_parts_and_sources_never_share_a_path(extract: Extract) -> None:
    paths = {part.read_path for part in extract.discover(encoding="cp1252")}
    other = SourceSettings(name="../other", path=extract.folder, encoding="cp1252")
    paths |= {part.read_path for part in discover(other, extract.work)}
    assert len(paths) == 6
    assert {path.parent for path in paths} == {extract.work}


@pytest.mark.parametrize(
    ("encoding", "content", "offset"),
    [
        ("cp1252", LABS_HEADER.encode() + b"A,\x81,t,x\n", len(LABS_HEADER) + 2),
        ("ascii", LABS_HEADER.encode() + b"SECRET,\xe4,t,x\n", len(LABS_HEADER) + 7),
        ("utf-16-le", LABS_HEADER.encode("utf-16-le") + b"A\x00,", 2 * len(LABS_HEADER) + 2),
        ("utf-16-le", LABS_HEADER.encode("utf-16-le") + b"A\x00\x00\xdc,\x00", 2 * len(LABS_HEADER) + 2),
    ],
)
@pytest.mark.parametrize("block", [3, 4096])
def test_an_undecodable_byte_is_named_by_its_offset_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, content: bytes, offset: int, block: int
) -> None:
    extract = Extract(tmp_path)
    monkeypatch.setattr(streams, "BLOCK_BYTES", block)
    extract.write("patients.csv", PATIENTS.encode(encoding))
    extract.write("medications.csv", MEDICATIONS.encode(encoding))
    extract.labs(content)
    message = extract.refusal(encoding=encoding)
    assert f"labs.csv: byte {offset} cannot be decoded as {encoding}" in message
    assert "SECRET" not in message


def test_utf8_where_another_encoding_is_configured_is_refused(extract: Extract) -> None:
    extract.labs(b"\xef\xbb\xbf" + LABS.encode())
    assert 'encoding = "utf-8"' in extract.refusal(encoding="cp1252")


def test_utf16_where_cp1252_is_configured_is_refused(extract: Extract) -> None:
    extract.labs(LABS.encode("utf-16-le"))
    assert "labs.csv" in extract.refusal(encoding="cp1252")


def test_a_copy_that_cannot_be_written_is_an_output_error(extract: Extract) -> None:
    extract.work.rmdir()
    extract.work.write_text("a file in the way")
    with pytest.raises(OutputError, match="UTF-8 copy cannot be written"):
        extract.discover(encoding="cp1252")


# Compression


LONG_LABS = LABS + "".join(f"P{n},{n},pmol/L,2024-03-04,2132-9\n" for n in range(20_000))


def zstd_checked(content: str) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content.encode())


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("name", "compression", "content"),
    [
        ("labs.csv.gz", "gzip", gzip.compress(LONG_LABS.encode(), mtime=0)),
        ("labs.csv.zst", "zstd", zstd_checked(LONG_LABS)),
    ],
)
def test_a_compressed_part_is_hashed_as_delivered_and_counted_as_content(
    extract: Extract, name: str, compression: str, content: bytes
) -> None:
    extract.labs(content, name)
    part = extract.lab_part()
    assert (part.compression, part.rows) == (compression, 20_003)
    assert (part.sha256, part.size) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("block", [1, 100, 4096])
def test_output_beyond_a_block_is_complete(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", block)
    repeated = LABS_HEADER + "A,1,t,x\n" * 1000
    extract.labs(gzip.compress(repeated.encode(), mtime=0), "labs.csv.gz")
    assert extract.lab_part().rows == 1000


@pytest.mark.parametrize("members", [2, 5])
def test_several_members_or_frames_are_one_content(tmp_path: Path, members: int) -> None:
    for name, compress in (("labs.csv.gz", gzip.compress), ("labs.csv.zst", zstandard.compress)):
        root = tmp_path / name
        root.mkdir()
        extract = Extract(root)
        extract.labs(compress(LABS.encode()) + compress(b"D,1,pmol/L,2024-03-04,x\n") * (members - 1), name)
        assert extract.lab_part().rows == 3 + members - 1


GZIPPED = gzip.compress(LONG_LABS.encode(), mtime=0)
ZSTD = zstd_checked(LONG_LABS)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("labs.csv.gz", GZIPPED[: len(GZIPPED) * 6 // 10], "ends too early"),
        ("labs.csv.gz", GZIPPED[:-8], "ends too early"),
        ("labs.csv.gz", GZIPPED[:-1], "ends too early"),
        ("labs.csv.gz", GZIPPED[:-8] + struct.pack("<I", 1) + GZIPPED[-4:], "is damaged"),
        ("labs.csv.gz", flipped(GZIPPED, len(GZIPPED) - 2), "is damaged"),
        ("labs.csv.gz", GZIPPED + b"garbage", "is damaged"),
        ("labs.csv.gz", GZIPPED + GZIPPED[:40], "ends too early"),
        ("labs.csv.gz", LABS.encode(), "is damaged"),
        ("labs.csv.zst", ZSTD[: len(ZSTD) * 6 // 10], "ends too early"),
        ("labs.csv.zst", ZSTD[:-1], "ends too early"),
        ("labs.csv.zst", flipped(ZSTD, len(ZSTD) - 2), "is damaged"),
        ("labs.csv.zst", ZSTD + b"garbage", "is damaged"),
        ("labs.csv.zst", ZSTD + ZSTD[:40], "ends too early"),
        ("labs.csv.zst", LABS.encode(), "is damaged"),
    ],
)
def test_a_compressed_part_that_is_not_whole_is_refused(
    extract: Extract, name: str, content: bytes, problem: str
) -> None:
    extract.labs(content, name)
    message = extract.refusal()
    assert f"{name}: the " in message
    assert problem in message


@pytest.mark.parametrize(
    ("name", "content"),
    [("labs.csv.gz", b""), ("labs.csv.gz", gzip.compress(b"", mtime=0)), ("labs.csv.zst", b"")],
)
def test_an_empty_compressed_part_is_refused(extract: Extract, name: str, content: bytes) -> None:
    extract.labs(content, name)
    assert f"{name}: the file is empty" in extract.refusal()


# Parquet


def test_a_parquet_part_is_described_by_its_footer(extract: Extract) -> None:
    extract.remove("labs.csv")
    path = extract.folder / "labs.parquet"
    pl.DataFrame(
        {"patient_id": ["A", "B"], "Result": [1.5, 2.5], "collected_at": ["t", "t"], "CODE": ["x", "y"]}
    ).write_parquet(path)
    part = extract.lab_part(tables=labs_mapping(value="Result"))
    assert (part.format, part.rows, part.read_path) == ("parquet", 2, path)
    assert part.header == ("patient_id", "Result", "collected_at", "CODE")
    assert part.columns == {
        "patient_id": "patient_id",
        "value": "Result",
        "collected_at": "collected_at",
        "code": "CODE",
    }
    assert part.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_parquet_part_may_have_no_rows(extract: Extract) -> None:
    extract.remove("labs.csv")
    columns = ("patient_id", "value", "collected_at", "code")
    pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).write_parquet(extract.folder / "labs.parquet")
    assert extract.lab_part().rows == 0


def test_a_parquet_part_without_a_required_column_is_refused(extract: Extract) -> None:
    extract.remove("labs.csv")
    pl.DataFrame({"patient_id": ["A"], "value": ["1"], "code": ["x"]}).write_parquet(
        extract.folder / "labs.parquet"
    )
    assert "labs.parquet: required column collected_at" in extract.refusal()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_parquet_part_that_is_cut_is_refused(extract: Extract, share: float) -> None:
    path = extract.folder / "whole.parquet"
    pl.DataFrame({"patient_id": ["A"], "value": ["1"], "collected_at": ["t"], "code": ["x"]}).write_parquet(
        path
    )
    whole = path.read_bytes()
    path.unlink()
    extract.labs(whole[: int(len(whole) * share)], "labs.parquet")
    assert "labs.parquet: " in extract.refusal()


# A moving target


def test_a_file_that_is_replaced_while_it_is_read_is_refused(
    extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = extract.labs(LABS)

    def counting_while_someone_delivers(blocks: Iterator[bytes], _: object, where: str) -> int:
        rows = sum(block.count(b"\n") for block in blocks)
        if where.endswith("labs.csv"):
            replacement = extract.write("new.tmp", LABS)
            replacement.rename(path)
        return rows

    monkeypatch.setattr("sources.files.count_rows", counting_while_someone_delivers)
    assert "labs.csv: the file changed while it was read" in extract.refusal()


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_each_sign_of_a_change_counts(extract: Extract, change: str) -> None:
    path = extract.labs(LABS)
    before = path.stat()
    delivery = streams.Delivery(path, "labs.csv")
    list(delivery.blocks())
    delivery.refuse_if_changed()
    if change == "inode":
        copy = extract.write("copy", LABS)
        copy.rename(path)
    elif change == "size":
        path.write_text(LABS + "D")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (change == "time")))
    with pytest.raises(InputRefused, match="changed while it was read"):
        delivery.refuse_if_changed()


def test_a_file_that_may_not_be_read_is_refused(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    delivery = streams.Delivery(extract.labs(LABS), "labs.csv")
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputRefused, match=r"cannot be read \(Permission denied\)"):
        list(delivery.blocks())
