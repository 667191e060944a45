"""Publication of a run: written aside under a hidden name, sealed, then renamed.

What bears a run's name is complete and is never written to again; `latest` points to a complete
publication and never moves back in time. Whatever moment a run dies at, a reader finds the state before
or the state after, nothing between. The caller holds the lock of the output folder throughout.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from schemas.errors import ContractError, OutputError

Manifest = dict[str, Any]

MANIFEST: Final = "manifest.json"
LATEST: Final = "latest"
LATEST_TEXT: Final = "latest.txt"
DIRECTORY_MODE: Final = 0o750
FILE_MODE: Final = 0o640

_STAGING_SUFFIX: Final = ".staging"
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_SYMLINKS: Final = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_ABSENT: Final = (FileNotFoundError, NotADirectoryError)

_HINTS: Final = {
    errno.ENOSPC: "Free space on that file system and run again; nothing half-written is left to use.",
    errno.EDQUOT: "Free space within the quota and run again.",
    errno.EFBIG: "The file system or a limit forbids files of this size: choose another output.",
    errno.EACCES: "Give the account that runs the screen the right to write there.",
    errno.EPERM: "Give the account that runs the screen the right to write there.",
    errno.EROFS: "The file system is read-only: choose another output.",
    errno.ENOTDIR: "Part of that path is a file: choose a folder as output.",
}


@contextmanager
def output_errors(action: str, where: Path) -> Iterator[None]:
    """Turn any OSError inside into an OutputError that says what, where, why and what to do."""
    try:
        yield
    except OSError as error:
        raise output_error(action, where, error) from error


def output_error(action: str, where: Path, error: OSError) -> OutputError:
    """The OutputError for one OSError; the system's own message is left out, for it may quote anything."""
    number = error.errno if error.errno is not None else _number_in(error)
    name = errno.errorcode.get(number, "unknown error")
    hint = _HINTS.get(number, "Check that the output can be written to, then run again.")
    return OutputError(f"Cannot {action}: {where}: {os.strerror(number)} ({name}).", hint)


def _number_in(error: OSError) -> int:
    # Errors raised by the CSV writer carry the number in their text only.
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found.group(1)) if found else errno.EIO


def begin(output: Path, run_id: str) -> Path:
    """A fresh, empty staging folder inside `output`, for the owner and the group only.

    What an earlier attempt at the same run left behind is removed. Raises OutputError.
    """
    folder = output / f".{_checked(run_id)}{_STAGING_SUFFIX}"
    with output_errors("prepare the publication in", output):
        output.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        _remove(folder)
        folder.mkdir(mode=DIRECTORY_MODE)
        folder.chmod(DIRECTORY_MODE)
    return folder


def discard(folder: Path) -> None:
    """Remove a staging folder that will not be published, as far as that is possible."""
    shutil.rmtree(folder, ignore_errors=True)


def discard_abandoned(output: Path) -> None:
    """Remove the staging folders of all dead runs. Only the holder of the output's lock may call this."""
    for folder in sorted(output.glob(f".*{_STAGING_SUFFIX}")):
        discard(folder)


def write_manifest(folder: Path, manifest: Mapping[str, Any], rows: Mapping[str, int] | None = None) -> None:
    """Write `manifest.json` with every file of the folder under `files`: size, sha256 and known rows.

    `rows` gives the number of rows by path relative to the folder, with `/` between names. Equal contents
    give equal bytes. On failure the folder is removed and OutputError raised.
    """
    unknown = {name for name in rows or {} if not (folder / name).is_file()}
    if unknown:
        raise ContractError(f"Rows are given for {len(unknown)} files that are not in the publication.")
    with _removing(folder), output_errors("write the manifest in", folder):
        files = {name: _described(folder / name, (rows or {}).get(name)) for name in _file_names(folder)}
        text = json.dumps({**manifest, "files": files}, sort_keys=True, indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")


def complete(folder: Path, output: Path, run_id: str) -> Path:
    """Seal the staging folder, give it the run's name and point `latest` to it.

    Where the same publication stands already, it is kept and the staging folder dropped; a different one
    under the same name is never touched. On failure the staging folder is removed and OutputError raised;
    ContractError if the manifest does not describe the folder.
    """
    target = output / _checked(run_id)
    with _removing(folder), output_errors("publish", target):
        manifest = _read_manifest(folder)
        if manifest is None or set(manifest["files"]) != set(_file_names(folder)):
            raise ContractError(f"The manifest of {run_id} does not list the files of the publication.")
        as_of = date.fromisoformat(manifest["as_of"])
        if os.path.lexists(target):
            _require_same(target, manifest)
            _remove(folder)
        else:
            _seal(folder)
            os.rename(folder, target)
            _fsync(output)
        point_latest(output, run_id, as_of)
    return target


def point_latest(output: Path, run_id: str, as_of: date) -> None:
    """Let `latest` name this publication, unless it names one of a later as-of date.

    One atomic replacement of a symbolic link; of the text file `latest.txt` where there are no links.
    """
    with output_errors("point latest to", output / _checked(run_id)):
        current = _read_manifest(output / name) if (name := _latest_name(output)) else None
        if current is not None and date.fromisoformat(current["as_of"]) > as_of:
            return
        try:
            _replace_link(output, run_id)
        except OSError as error:
            if error.errno not in _NO_SYMLINKS:
                raise
            _replace_text(output, run_id)
        _fsync(output)


def published(output: Path, run_id: str) -> Manifest | None:
    """The manifest of a complete publication; None if there is none or a file of it is missing or cut."""
    folder = output / _checked(run_id)
    with output_errors("read the publication", folder):
        manifest = _read_manifest(folder)
        return manifest if manifest is not None and _is_whole(folder, manifest) else None


def latest(output: Path) -> Manifest | None:
    """The manifest of the publication that `latest` names; None if there is none or it is broken."""
    with output_errors("read", output / LATEST):
        name = _latest_name(output)
    return published(output, name) if name else None


def _checked(run_id: str) -> str:
    if not _RUN_ID.fullmatch(run_id) or run_id in (LATEST, LATEST_TEXT):
        raise ContractError("A run id is not usable as a folder name.")
    return run_id


@contextmanager
def _removing(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception:
        discard(folder)
        raise


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def _file_names(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found if path != folder / MANIFEST)


def _described(path: Path, rows: int | None) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known = {} if rows is None else {"rows": rows}
    return {"size": path.stat().st_size, "sha256": digest, **known}


def _read_manifest(folder: Path) -> Manifest | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        date.fromisoformat(manifest["as_of"])
        return manifest if isinstance(manifest["files"], dict) else None
    except (*_ABSENT, ValueError, KeyError, TypeError):
        return None


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    try:
        return all((folder / name).stat().st_size == of["size"] for name, of in manifest["files"].items())
    except (*_ABSENT, KeyError, TypeError):
        return False


def _require_same(target: Path, manifest: Manifest) -> None:
    standing = _read_manifest(target)
    if standing != manifest:
        raise OutputError(
            f"Cannot publish: {target} exists and differs from what this run would publish.",
            "A publication is never overwritten: move that folder away and run again.",
        )
    if not _is_whole(target, manifest):
        raise OutputError(
            f"Cannot publish: {target} exists, but files of it are missing or cut.",
            "Move that folder away and run again: it will be published anew.",
        )


def _seal(folder: Path) -> None:
    # Children before parents: a folder's entry list is durable only after its own fsync.
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(DIRECTORY_MODE if path.is_dir() else FILE_MODE)
        _fsync(path)
    folder.chmod(DIRECTORY_MODE)
    _fsync(folder)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _latest_name(output: Path) -> str | None:
    try:
        name = os.readlink(output / LATEST)
    except OSError:
        try:
            name = (output / LATEST_TEXT).read_text(encoding="utf-8").strip()
        except (*_ABSENT, ValueError):
            return None
    return name if _RUN_ID.fullmatch(name) else None


def _replace_link(output: Path, run_id: str) -> None:
    aside = output / f".{LATEST}.link"
    _remove(aside)
    os.symlink(run_id, aside, target_is_directory=True)
    os.replace(aside, output / LATEST)
    (output / LATEST_TEXT).unlink(missing_ok=True)


def _replace_text(output: Path, run_id: str) -> None:
    aside = output / f".{LATEST_TEXT}"
    aside.write_text(run_id + "\n", encoding="utf-8", newline="\n")
    aside.chmod(FILE_MODE)
    _fsync(aside)
    os.replace(aside, output / LATEST_TEXT)
