"""The command line: exit codes, what goes to which stream, what is said and what is never said."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import cli
from flows.cli import app
from schemas.errors import OutputError

ROOT = Path(__file__).parents[2]
AS_OF = "2026-06-30"
SENTINEL = "SENTINEL-77"


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def table(folder: Path, name: str, header: str, rows: Sequence[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def small_extract(folder: Path, results: Sequence[str] = ("165,ng/L",), patients: int = 1) -> Path:
    """`patients` people of clinic north, all 46 years old; each result belongs to the person of its number."""
    people = [f"p{n},1980-01-01,female,north" for n in range(1, patients + 1)]
    table(folder, "patients", "patient_id,birth_date,sex,clinic_id", people)
    labs = [f"p{n},{result},2026-06-01,LOINC,2132-9" for n, result in enumerate(results, start=1)]
    table(folder, "labs", "patient_id,value,unit,collected_at,code_system,code", labs)
    table(folder, "medications", "patient_id,drug_name,start_on", ["p1,paracetamol,2026-01-01"])
    return folder


def screen(extracts: Path, output: Path, *more: object) -> Result:
    return ask("run", "--direct", "--extracts", extracts, "--output", output, "--as-of", AS_OF, *more)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_version():
    assert ask("--version").output.startswith("b12screen ")


def test_run_without_anything_to_screen_is_a_usage_error():
    result = ask("run", "--direct")
    assert result.exit_code == 2
    assert "--extracts" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--bogus"),
        ("run", "--direct", "--as-of", "30.06.2026"),
        ("explain",),
        ("rules", "check", "--pack", "b12/9.9.9"),
        ("run", "--direct", "--config", "none.toml"),
    ],
)
def test_usage_and_configuration_errors_exit_with_2(arguments):
    result = ask(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("how", [("run", "--direct"), ("run",), ("serve",)])
def test_an_unknown_pack_leaves_nothing_behind(tmp_path, how):
    extracts = small_extract(tmp_path / "in")
    before = sorted(tmp_path.rglob("*"))
    result = ask(*how, "--extracts", extracts, "--output", tmp_path / "out", "--pack", "nope")
    assert result.exit_code == 2
    assert "nope" in result.stderr
    assert "Hint:" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_table_is_refused_with_3(tmp_path):
    extracts = small_extract(tmp_path / "in")
    (extracts / "labs.csv").unlink()
    result = screen(extracts, tmp_path / "out")
    assert result.exit_code == 3
    assert "labs" in result.stderr
    assert "There is no publication" in result.stderr


def test_an_output_below_a_file_exits_with_5(tmp_path):
    (tmp_path / "file").write_text("regular")
    assert screen(small_extract(tmp_path / "in"), tmp_path / "file" / "out").exit_code == 5


def test_a_held_lock_exits_with_4(tmp_path):
    extracts, output = small_extract(tmp_path / "in"), tmp_path / "out"
    output.mkdir()
    holder = (
        "from pathlib import Path\nfrom flows.context import locked\n"
        f"with locked(Path({str(output / '.lock')!r}), 'it'):\n    print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout
        assert held.stdout.readline() == "held\n"
        result = screen(extracts, output, "--warehouse", tmp_path / "other.duckdb")
        assert result.exit_code == 4
        assert f"process {held.pid}" in result.stderr
        held.communicate("\n")


def test_a_run_ends_with_lists_funnel_files_and_sign_off(tmp_path):
    result = screen(small_extract(tmp_path / "in"), tmp_path / "out")
    assert result.exit_code == 0
    (publication,) = (tmp_path / "out").glob(f"{AS_OF}-*")
    for expected in (
        "north",
        "on a worklist",
        "report.html",
        f"is as of {AS_OF}",
        "Not clinically signed off",
        "There are no `conditions`",
    ):
        assert expected in result.stdout
    assert str(publication) in result.stdout
    assert "stage=decide" in result.stderr


def test_json_is_one_object_on_stdout(tmp_path):
    result = screen(small_extract(tmp_path / "in"), tmp_path / "out", "--json", "--no-workbooks")
    account = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert account["status"] == "published"
    assert account["lists"]["b12_replacement"] == {"P2": 1}
    assert account["clinics"]["north"]["b12_replacement"] == 1
    assert account["latest_as_of"] == AS_OF
    assert set(account["stage_seconds"]) == {
        "extract",
        "stage",
        "validate",
        "decide",
        "compose",
        "workbooks",
        "publish",
    }
    assert not list((tmp_path / "out").glob("*/clinics/*/*.xlsx"))


def test_a_failure_with_json_is_one_object_too(tmp_path):
    (tmp_path / "in").mkdir()
    result = screen(tmp_path / "in", tmp_path / "out", "--json")
    account = json.loads(result.stdout)
    assert (account["status"], account["exit_code"]) == ("failed", 3)
    assert result.exit_code == 3


def test_the_same_run_again_says_so_and_changes_nothing(tmp_path):
    extracts = small_extract(tmp_path / "in")
    screen(extracts, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("2*/**/*")}
    result = screen(extracts, tmp_path / "out")
    assert result.exit_code == 0
    assert "Already published before" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("2*/**/*")} == before


def test_a_failed_run_says_which_publication_still_stands(tmp_path):
    extracts = small_extract(tmp_path / "in")
    screen(extracts, tmp_path / "out")
    (extracts / "patients.csv").unlink()
    result = screen(extracts, tmp_path / "out")
    assert result.exit_code == 3
    (publication,) = (tmp_path / "out").glob(f"{AS_OF}-*")
    assert f"The publication {publication.name} (as of {AS_OF})" in result.stderr
    assert "still stands" in result.stderr


def test_latest_never_moves_to_an_earlier_day(tmp_path):
    extracts = small_extract(tmp_path / "in")
    screen(extracts, tmp_path / "out")
    earlier = ask(
        *("run", "--direct", "--extracts", extracts, "--output", tmp_path / "out", "--as-of", "2026-06-15")
    )
    assert earlier.exit_code == 0
    assert f"is as of {AS_OF}" in earlier.stdout
    assert (tmp_path / "out" / "latest").readlink().name.startswith(AS_OF)


def refused_share_extract(folder: Path, refused: int, rows: int = 50) -> Path:
    """`rows` B12 results, of which the first `refused` have no unit."""
    results = ["165,"] * refused + ["400,ng/L"] * (rows - refused)
    return small_extract(folder, results, patients=rows)


def test_too_large_a_refused_share_stops_the_night(tmp_path):
    # 11 of 50 is 22 %, above the limit of 20 %.
    result = screen(refused_share_extract(tmp_path / "in", 11), tmp_path / "out")
    assert result.exit_code == 3
    assert "lab_b12_total: 11 of 50 rows refused" in result.stderr
    assert "labs unit_missing 11" in result.stderr
    assert not list((tmp_path / "out").glob("2*"))


def test_a_refused_share_at_the_limit_passes(tmp_path):
    assert screen(refused_share_extract(tmp_path / "in", 10), tmp_path / "out").exit_code == 0


def test_a_refused_share_of_few_rows_passes(tmp_path):
    assert screen(refused_share_extract(tmp_path / "in", 40, rows=49), tmp_path / "out").exit_code == 0


def test_irrelevant_rows_cannot_hide_a_broken_feed(tmp_path):
    extracts = refused_share_extract(tmp_path / "in", 11)
    with (extracts / "labs.csv").open("a", encoding="utf-8") as labs:
        labs.writelines(f"p1,140,mmol/L,2026-06-01,LOINC,999{n}-0\n" for n in range(500))
        labs.writelines(f"p{n},140,g/L,2026-05-{n % 28 + 1:02d},LOINC,718-7\n" for n in range(1, 50))
    assert screen(extracts, tmp_path / "out").exit_code == 3


def test_a_screen_without_one_recognised_b12_result_is_refused_unless_accepted(tmp_path):
    extracts = small_extract(tmp_path / "in", ["haemolysed,"])
    text = (extracts / "labs.csv").read_text().replace("2132-9", "0000-0")
    (extracts / "labs.csv").write_text(text)
    assert screen(extracts, tmp_path / "out").exit_code == 3
    accepted = screen(extracts, tmp_path / "out", "--accept-low-volume", "--json")
    assert accepted.exit_code == 0
    assert json.loads(accepted.stdout)["low_volume_accepted"] == "Not one B12 result was recognised."


def test_a_screen_without_one_person_is_refused_unless_accepted(tmp_path):
    extracts = small_extract(tmp_path / "in")
    table(extracts, "patients", "patient_id,birth_date,sex,clinic_id", ["p1,,female,north"])
    result = screen(extracts, tmp_path / "out")
    assert result.exit_code == 3
    assert "Not one person" in result.stderr
    assert screen(extracts, tmp_path / "out", "--accept-low-volume").exit_code == 0


def test_a_mapping_to_an_unknown_concept_is_named_with_the_nearest(tmp_path):
    config = tmp_path / "site.toml"
    config.write_text("[sources.gp]\npath = 'in'\ntest_codes = { B12 = 'lab_b12_totl' }\n")
    small_extract(tmp_path / "in")
    result = ask("run", "--direct", "--config", config, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "did you mean `lab_b12_total`?" in result.stderr


def test_a_table_with_only_a_header_is_refused(tmp_path):
    extracts = small_extract(tmp_path / "in")
    table(extracts, "medications", "patient_id,drug_name", [])
    result = screen(extracts, tmp_path / "out")
    assert result.exit_code == 3
    assert "medications" in result.stderr


@pytest.mark.parametrize(("left", "exit_code"), [(10, 0), (9, 3)])
def test_half_of_the_previous_results_is_enough_and_less_is_not(tmp_path, left, exit_code):
    extracts = small_extract(tmp_path / "in", ["400,ng/L"] * 20, patients=20)
    assert screen(extracts, tmp_path / "out").exit_code == 0
    small_extract(extracts, ["400,ng/L"] * left, patients=20)
    result = ask(
        *("run", "--direct", "--extracts", extracts, "--output", tmp_path / "out", "--as-of", "2026-07-01")
    )
    assert result.exit_code == exit_code


def test_explain_says_which_rule_held_and_why_the_others_did_not(tmp_path):
    screen(small_extract(tmp_path / "in"), tmp_path / "out")
    result = ask("explain", "p1", "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert "false       R01.deceased: eligibility is eligible, needs deceased" in result.stdout
    assert "true        R11: " in result.stdout
    assert "On b12_replacement, P2" in result.stdout
    account = json.loads(ask("explain", "p1", "--output", tmp_path / "out", "--json").stdout)
    (decision,) = account["decisions"]
    assert decision["rule_id"] == "R11"
    assert [rule["row"] for rule in decision["rules"] if rule["is_deciding"]] == [decision["decision_row"]]
    assert decision["results"]["B12"]["b12_value"] == "165"


def test_explain_an_unknown_person_exits_with_2_and_repeats_nothing(tmp_path):
    screen(small_extract(tmp_path / "in"), tmp_path / "out")
    result = ask("explain", SENTINEL, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert SENTINEL not in result.output


def test_explain_somebody_who_is_only_in_quarantine(tmp_path):
    extracts = small_extract(tmp_path / "in", patients=3)
    with (extracts / "patients.csv").open("a", encoding="utf-8") as patients:
        patients.write(f"{SENTINEL},31/02/1980,female,north\n")
    screen(extracts, tmp_path / "out")
    result = ask("explain", SENTINEL, "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert "The patient's birth date is not a date." in result.stdout
    assert "Not decided on" in result.stdout


def test_explain_by_the_day_of_a_publication(tmp_path):
    extracts, output = small_extract(tmp_path / "in"), tmp_path / "out"
    screen(extracts, output)
    ask("run", "--direct", "--extracts", extracts, "--output", output, "--as-of", "2026-06-02")
    earlier = ask("explain", "p1", "--output", output, "--as-of", "2026-06-02", "--json")
    assert json.loads(earlier.stdout)["as_of"] == "2026-06-02"
    assert json.loads(ask("explain", "p1", "--output", output, "--json").stdout)["as_of"] == AS_OF
    assert ask("explain", "p1", "--output", output, "--as-of", "2020-01-01").exit_code == 2


def test_no_row_content_in_any_message(tmp_path):
    """A sentinel in every text column and in values that raise: it stays out of both streams."""
    extracts = small_extract(tmp_path / "in", patients=3)
    with (extracts / "patients.csv").open("a", encoding="utf-8") as patients:
        patients.write(f"{SENTINEL},{SENTINEL},{SENTINEL},{SENTINEL}\n{SENTINEL}-1,1980-01-01,female\n")
    with (extracts / "labs.csv").open("a", encoding="utf-8") as labs:
        labs.write(f"{SENTINEL},{SENTINEL},{SENTINEL},{SENTINEL},LOINC,2132-9\n")
        labs.write(f"p1,9{SENTINEL},ng/L,2026-06-01,LOINC,2132-9\n")
    for debug in ((), ("--debug",)):
        result = screen(extracts, tmp_path / "out", "--json", *debug)
        assert result.exit_code == 0
        # A clinic's name is no patient's, but this clinic has nobody who could be screened.
        assert SENTINEL not in result.stdout + result.stderr


def test_an_unexpected_error_is_told_by_kind_only(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError(SENTINEL)

    monkeypatch.setattr("flows.stages.gather", fail)
    for debug in ((), ("--debug",)):
        result = screen(small_extract(tmp_path / "in"), tmp_path / "out", *debug)
        assert result.exit_code == 1
        assert "Stage extract failed: ValueError" in result.stderr
        assert SENTINEL not in result.output
        assert "Traceback" not in result.output


@pytest.mark.parametrize("text", ["No space left on device (os error 28)", "File too large (os error 27)"])
def test_a_full_disk_exits_with_5(tmp_path, monkeypatch, text):
    def fail(*_: object) -> None:
        raise OSError(text)

    monkeypatch.setattr("flows.stages.decide_range", fail)
    result = screen(small_extract(tmp_path / "in"), tmp_path / "out")
    assert result.exit_code == 5
    assert "could not write" in result.stderr


def listing(output: Path) -> dict[str, bytes]:
    """Every published file with its bytes, and where `latest` points."""
    files = {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.glob("2*/**/*"))
        if path.is_file() and path.suffix != ".xlsx"
    }
    link = output / "latest"
    return files | {"latest": str(link.readlink()).encode() if link.is_symlink() else b""}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert screen(two_results(folder / "in"), folder / "out").exit_code == 0
    return listing(folder / "out")


def two_results(folder: Path) -> Path:
    return small_extract(folder, ["165,ng/L", "200,ng/L"], patients=3)


@pytest.mark.parametrize(
    "point",
    [
        "flows.stages.decide_range",
        "flows.stages.html.render_report",
        "flows.stages._commit",
        "flows.stages.publication.complete",
        "exports.publish.point_latest",
    ],
)
def test_killed_anywhere_and_started_again_it_publishes_the_same_once(tmp_path, point, undisturbed):
    extracts = two_results(tmp_path / "in")

    program = (
        "import os, sys, pkgutil\nfrom flows import cli, stages\n"
        f"holder, name = {point!r}.rsplit('.', 1)\n"
        "setattr(pkgutil.resolve_name(holder), name, lambda *_, **__: os._exit(9))\n"
        "cli.main()\n"
    )
    arguments = [
        "run",
        "--direct",
        "--extracts",
        str(extracts),
        "--output",
        str(tmp_path / "out"),
        "--as-of",
        AS_OF,
    ]
    killed = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == 9
    assert screen(extracts, tmp_path / "out").exit_code == 0
    assert listing(tmp_path / "out") == undisturbed
    hidden = {path.name for path in (tmp_path / "out").glob(".*")}
    assert hidden == {".lock", ".warehouse.duckdb.lock"}


def test_direct_never_imports_an_orchestration_engine(tmp_path):
    extracts = small_extract(tmp_path / "in")
    program = (
        "import sys\nfrom flows.cli import app\n"
        f"app(['run', '--direct', '--extracts', {str(extracts)!r}, '--output', {str(tmp_path / 'out')!r},"
        f" '--as-of', '{AS_OF}', '--no-workbooks'], standalone_mode=False)\n"
        "assert not {'prefect', 'fastapi', 'sqlalchemy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version_and_rules_load_no_engine():
    program = (
        "import sys\nfrom flows.cli import app\n"
        "app(['--version'], standalone_mode=False)\n"
        "assert not {'prefect', 'pandera', 'duckdb', 'polars'} & set(sys.modules)\n"
        "app(['rules', 'check'], standalone_mode=False)\n"
        "assert not {'prefect', 'pandera', 'duckdb'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_sample_is_screened_by_default_in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settled = cli._sample(None)
    assert settled == cli.SAMPLE
    result = ask("run", "--direct", "--no-workbooks", "--output", tmp_path / "out", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["as_of"] == "2026-06-30"
    alone = ask(
        *("run", "--direct", "--no-workbooks", "--extracts", "sample_data/clinic_demo", "--as-of", AS_OF),
        *("--output", tmp_path / "alone", "--json"),
    )
    # Its configuration says no more than where it lies and for which day: the run is the same one.
    assert json.loads(alone.stdout)["run_id"] == json.loads(result.stdout)["run_id"]


@pytest.mark.parametrize(("signal_name", "exit_code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_the_run_cleanly(tmp_path, signal_name, exit_code):
    extracts = small_extract(tmp_path / "in")
    program = (
        "import os, signal\nfrom flows import cli, stages\n"
        f"stages.gather = lambda *_: os.kill(os.getpid(), signal.{signal_name}) or []\n"
        "cli.main()\n"
    )
    arguments = ["run", "--direct", "--extracts", str(extracts), "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == exit_code
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".lock", ".warehouse.duckdb.lock"}


def test_rules_docs_writes_the_page(tmp_path):
    result = ask("rules", "docs", tmp_path / "pages")
    assert result.exit_code == 0
    assert (tmp_path / "pages" / "rules-b12-1.0.0.md").read_text(encoding="utf-8").count("R24") > 0


def test_an_error_of_ours_keeps_its_exit_code(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OutputError("The disk is away.")

    monkeypatch.setattr("flows.stages.html.render_report", fail)
    assert screen(small_extract(tmp_path / "in"), tmp_path / "out").exit_code == 5
