"""Publication: whole or not at all, whatever moment a run dies at."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from exports import publish
from exports.publish import (
    begin,
    complete,
    discard,
    discard_abandoned,
    latest,
    point_latest,
    published,
    write_manifest,
)
from schemas.errors import ContractError, OutputError

DAY = "2026-11-22"
NEXT_DAY = "2026-11-23"


def staged(output: Path, run_id: str, as_of: str = DAY, text: str = "rows\n") -> Path:
    folder = begin(output, run_id)
    (folder / "clinics" / "A").mkdir(parents=True)
    (folder / "clinics" / "A" / "list.csv").write_text(text)
    (folder / "README.txt").write_text("words\n")
    write_manifest(folder, {"run_id": run_id, "as_of": as_of}, rows={"clinics/A/list.csv": 1})
    return folder


def publish_one(output: Path, run_id: str, as_of: str = DAY, text: str = "rows\n") -> Path:
    return complete(staged(output, run_id, as_of, text), output, run_id)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def hidden_names(output: Path) -> list[str]:
    return [path.name for path in output.iterdir() if path.name.startswith(".")]


def test_a_publication_has_its_name_its_files_and_latest(tmp_path: Path) -> None:
    output = tmp_path / "new" / "out"
    assert publish_one(output, "r1") == output / "r1"
    assert sorted(tree(output / "r1")) == ["README.txt", "clinics/A/list.csv", "manifest.json"]
    assert os.readlink(output / "latest") == "r1"
    assert hidden_names(output) == []
    found = published(output, "r1")
    assert found is not None
    assert latest(output) == found


def test_the_manifest_describes_every_file(tmp_path: Path) -> None:
    publish_one(tmp_path, "r1")
    manifest = json.loads((tmp_path / "r1" / "manifest.json").read_text())
    assert manifest == {
        "run_id": "r1",
        "as_of": DAY,
        "files": {
            "README.txt": {"size": 6, "sha256": hashlib.sha256(b"words\n").hexdigest()},
            "clinics/A/list.csv": {"size": 5, "sha256": hashlib.sha256(b"rows\n").hexdigest(), "rows": 1},
        },
    }


def test_the_manifest_has_the_same_bytes_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    folder = begin(tmp_path, "r1")
    found = []
    for manifest in ({"b": {"y": 1, "x": 2}, "a": "µ"}, {"a": "µ", "b": {"x": 2, "y": 1}}):
        write_manifest(folder, manifest)
        found.append((folder / "manifest.json").read_bytes())
    assert found[0] == found[1]


def test_rows_for_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="1 files"):
        write_manifest(begin(tmp_path, "r1"), {"as_of": DAY}, rows={"absent.csv": 3})


def test_only_owner_and_group_can_read(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        staging = staged(tmp_path / "out", "r1")
        assert stat.S_IMODE(staging.stat().st_mode) == 0o750
        complete(staging, tmp_path / "out", "r1")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750
    for path in (tmp_path / "out" / "r1", *(tmp_path / "out" / "r1").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640)


def test_the_group_can_read_even_under_a_strict_umask(tmp_path: Path) -> None:
    former = os.umask(0o077)
    try:
        publish_one(tmp_path, "r1")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "r1" / "clinics" / "A").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "r1" / "manifest.json").stat().st_mode) == 0o640


def test_leftovers_of_the_same_run_are_removed_others_stay(tmp_path: Path) -> None:
    begin(tmp_path, "r2")
    left = begin(tmp_path, "r1")
    (left / "half.csv").write_text("x")
    assert list(begin(tmp_path, "r1").iterdir()) == []
    assert len(hidden_names(tmp_path)) == 2
    discard_abandoned(tmp_path)
    assert hidden_names(tmp_path) == []


def test_discard_removes_a_staging_folder_and_tolerates_its_absence(tmp_path: Path) -> None:
    folder = staged(tmp_path, "r1")
    discard(folder)
    discard(folder)
    assert hidden_names(tmp_path) == []


def test_the_same_publication_again_keeps_the_one_that_stands(tmp_path: Path) -> None:
    publish_one(tmp_path, "r1")
    inode = (tmp_path / "r1" / "README.txt").stat().st_ino
    publish_one(tmp_path, "r1")
    assert (tmp_path / "r1" / "README.txt").stat().st_ino == inode
    assert hidden_names(tmp_path) == []


def test_a_different_publication_of_the_same_name_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    publish_one(tmp_path, "r1")
    before = tree(tmp_path / "r1")
    with pytest.raises(OutputError, match="differs"):
        publish_one(tmp_path, "r1", text="other\n")
    assert tree(tmp_path / "r1") == before
    assert hidden_names(tmp_path) == []


def test_a_damaged_publication_is_not_published_and_not_repaired_in_place(tmp_path: Path) -> None:
    publish_one(tmp_path, "r1")
    (tmp_path / "r1" / "README.txt").unlink()
    assert published(tmp_path, "r1") is None
    assert latest(tmp_path) is None
    with pytest.raises(OutputError, match="missing or cut"):
        publish_one(tmp_path, "r1")


@pytest.mark.parametrize(
    "broken", [None, "{", "[]", '{"as_of": "2026-11-22"}', '{"as_of": "x", "files": {}}']
)
def test_a_folder_without_a_sound_manifest_is_not_a_publication(tmp_path: Path, broken: str | None) -> None:
    (tmp_path / "r1").mkdir()
    if broken is not None:
        (tmp_path / "r1" / "manifest.json").write_text(broken)
    os.symlink("r1", tmp_path / "latest")
    assert published(tmp_path, "r1") is None
    assert latest(tmp_path) is None


def test_a_file_that_the_manifest_does_not_list_stops_the_publication(tmp_path: Path) -> None:
    folder = staged(tmp_path, "r1")
    (folder / "late.csv").write_text("x")
    with pytest.raises(ContractError, match="does not list"):
        complete(folder, tmp_path, "r1")
    assert not (tmp_path / "r1").exists()


@pytest.mark.parametrize("run_id", ["", "..", "a/b", ".x", "latest", "latest.txt", "a\x00", "/abs"])
def test_a_run_id_that_is_no_folder_name_is_refused(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ContractError):
        begin(tmp_path, run_id)
    assert list(tmp_path.iterdir()) == []


# latest


def test_latest_moves_forward_and_stays_on_a_later_day(tmp_path: Path) -> None:
    publish_one(tmp_path, "r2", NEXT_DAY)
    publish_one(tmp_path, "r1", DAY)
    assert os.readlink(tmp_path / "latest") == "r2"
    publish_one(tmp_path, "r3", NEXT_DAY)
    assert os.readlink(tmp_path / "latest") == "r3"


def test_latest_does_not_move_back_from_a_damaged_later_publication(tmp_path: Path) -> None:
    publish_one(tmp_path, "r2", NEXT_DAY)
    (tmp_path / "r2" / "README.txt").unlink()
    publish_one(tmp_path, "r1", DAY)
    assert os.readlink(tmp_path / "latest") == "r2"


def test_latest_is_none_without_a_publication_and_for_a_link_that_leaves_the_output(tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert latest(output) is None
    publish_one(tmp_path / "other", "r1")
    output.mkdir()
    os.symlink("../other/r1", output / "latest")
    assert latest(output) is None
    os.unlink(output / "latest")
    os.symlink("gone", output / "latest")
    assert latest(output) is None


def test_without_symbolic_links_a_text_file_names_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    with monkeypatch.context() as patched:
        patched.setattr(os, "symlink", no_links)
        publish_one(tmp_path, "r2", NEXT_DAY)
        publish_one(tmp_path, "r1", DAY)
    assert not os.path.lexists(tmp_path / "latest")
    assert (tmp_path / "latest.txt").read_text() == "r2\n"
    found = latest(tmp_path)
    assert found is not None
    assert found["run_id"] == "r2"
    publish_one(tmp_path, "r3", NEXT_DAY)
    assert os.readlink(tmp_path / "latest") == "r3"
    assert not (tmp_path / "latest.txt").exists()


def test_point_latest_alone(tmp_path: Path) -> None:
    publish_one(tmp_path, "r1")
    (tmp_path / "latest").unlink()
    point_latest(tmp_path, "r1", date.fromisoformat(DAY))
    assert os.readlink(tmp_path / "latest") == "r1"


# Faults


CALLS = ("chmod", "open", "fsync", "rename", "symlink", "replace")


def raising_at(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> Callable[[], int]:
    """Let the `number`-th call that changes the file system raise, before it does anything."""
    seen = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == number:
                raise error
            return original(*arguments, **named)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, wrapped(getattr(os, name)))
    return lambda: seen


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["full", "killed"]
)
def test_whatever_call_fails_there_is_the_old_state_or_the_new(tmp_path: Path, error: BaseException) -> None:
    number, ended = 0, False
    while not ended:
        number += 1
        output = tmp_path / str(number)
        publish_one(output, "r1")
        old = latest(output)
        folder = staged(output, "r2", NEXT_DAY)
        with pytest.MonkeyPatch.context() as patched:
            calls = raising_at(patched, number, error)
            with suppress(OutputError, KeyboardInterrupt):
                complete(folder, output, "r2")
                ended = calls() < number
        new = published(output, "r2")
        assert new is not None or not (output / "r2").exists()
        assert latest(output) in ([new] if ended else [old, new])
        assert published(output, "r1") == old
        # Started again, it ends as an undisturbed run does.
        publish_one(output, "r2", NEXT_DAY)
        assert os.readlink(output / "latest") == "r2"
        assert tree(output / "r2") == tree(tmp_path / "1" / "r2")
        assert hidden_names(output) == []
    assert number > 15


def test_an_output_below_a_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="ENOTDIR") as error:
        begin(tmp_path / "file" / "out", "r1")
    assert error.value.exit_code == 5
    assert "choose a folder" in error.value.hint


def test_an_error_does_not_repeat_the_systems_text(tmp_path: Path) -> None:
    error = publish.output_error("write", tmp_path, OSError(errno.EACCES, "secret", "/secret"))
    assert "secret" not in str(error)
    assert "EACCES" in error.what


FULL_DISK = """
import resource, sys
from pathlib import Path
from exports.publish import begin, write_manifest
from schemas.errors import OutputError
output = Path(sys.argv[1])
folder = begin(output, "r1")
(folder / "a.csv").write_text("x")
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
try:
    write_manifest(folder, {"as_of": "2026-11-22"})
except OutputError as error:
    print(error.exit_code, error.what, [path.name for path in output.iterdir()])
"""


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(publish.__file__).parents[1],
    )
    assert done.stdout.startswith("5 Cannot write the manifest")
    assert done.stdout.endswith("(EFBIG). []\n")
