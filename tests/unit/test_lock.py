"""Locks, work folders and run ids of a night."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.context import Night, beside, checked, locked, opened, plan, read_night
from schemas.errors import ConfigurationError, OutputError, RunLocked

ROOT = Path(__file__).parents[2]


def night_in(folder: Path, **more: object) -> Night:
    return plan(extracts=folder / "in", output=folder / "out", **more)  # type: ignore[arg-type]


def test_a_second_holder_is_told_who_holds_the_lock(tmp_path):
    with (
        locked(tmp_path / "lock", "the thing"),
        pytest.raises(RunLocked) as error,
        locked(tmp_path / "lock", "it"),
    ):
        pass
    assert error.value.exit_code == 4
    assert f"process {os.getpid()}, since 20" in str(error.value)


def test_the_lock_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "lock", "the thing"):
            pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom flows.context import locked\n"
        f"with locked(Path({str(tmp_path / 'lock')!r}), 'it'):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunLocked, match=f"process {holder.pid}"), locked(tmp_path / "lock", "it"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    with locked(tmp_path / "lock", "it"):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_one_output_is_locked_for_two_warehouses(tmp_path):
    first = night_in(tmp_path, warehouse=tmp_path / "a.duckdb")
    second = night_in(tmp_path, warehouse=tmp_path / "b.duckdb")
    with opened(first), pytest.raises(RunLocked, match="output folder"), opened(second):
        pass
    with opened(second):
        pass


def test_one_warehouse_is_locked_for_two_outputs(tmp_path):
    first = plan(extracts=tmp_path, output=tmp_path / "x", warehouse=tmp_path / "w.duckdb")
    second = plan(extracts=tmp_path, output=tmp_path / "y", warehouse=tmp_path / "w.duckdb")
    with opened(first), pytest.raises(RunLocked, match="the warehouse"), opened(second):
        pass


def test_the_work_folder_is_private_and_gone_afterwards(tmp_path):
    with opened(night_in(tmp_path)) as night:
        assert night.work.stat().st_mode & 0o077 == 0
        assert read_night(night.file) == night
    assert not night.work.parent.exists()


def test_the_work_of_a_dead_run_is_removed(tmp_path):
    night = night_in(tmp_path)
    left = beside(night.warehouse, "work") / "1" / "labs.parquet"
    left.parent.mkdir(parents=True)
    left.write_text("left over")
    with opened(night):
        assert not left.exists()
        assert night.work.exists()


def test_an_output_below_a_file_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "out").write_text("a regular file")
    with pytest.raises(OutputError) as error:
        checked(plan(extracts=tmp_path, output=tmp_path / "out" / "deeper"))
    assert error.value.exit_code == 5


def test_nothing_to_screen_is_a_usage_error(tmp_path):
    with pytest.raises(ConfigurationError, match="--extracts"):
        plan(output=tmp_path)


def test_run_id_follows_what_decides(tmp_path):
    night = night_in(tmp_path, as_of=None).model_copy(update={"as_of": "2026-06-30"})
    first = night.run_id("content", "pack")
    assert first.startswith("2026-06-30-")
    assert len(first) == len("2026-06-30-") + 12
    assert night.model_copy(update={"output": Path("/elsewhere")}).run_id("content", "pack") == first
    others = {
        night.run_id("other content", "pack"),
        night.run_id("content", "other pack"),
        night.model_copy(update={"code_version": "9"}).run_id("content", "pack"),
    }
    assert len(others | {first}) == 4
