"""Object storage: the files of an extract below a prefix on S3 or Azure, brought into the night's work folder.

From there on they are a folder like any other. Tried against an S3 server with every change; what is said of Azure was
tried against its emulator once, and against no account of Microsoft's.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from schemas.errors import ConfigurationError, InputRefused, OutputError, SourceUnavailable
from schemas.vocabulary import TABLES
from sources import files
from sources.base import Asked, Part, SourceSettings, StorageSettings, as_path
from sources.streams import decompressed, first_lines

if TYPE_CHECKING:
    from obstore.store import AzureStore, S3Store

    Store = S3Store | AzureStore

T = TypeVar("T")

log: Final = logging.getLogger("b12screen")

BLOCK_BYTES: Final = 4 * 1024 * 1024
LOOK_BYTES: Final = 1024 * 1024
"""How much of an object is asked for at a time where a sample of its lines is enough."""

NAMES_KEPT: Final = 1000
"""Of so many objects that are no files of ours the names are kept, to say what was found instead of a table."""

LONGEST_NAME: Final = 255
NOT_A_NAME: Final = re.compile(r"[/\\\x00-\x1f\x7f]")
TAG_BEGINS: Final = ('"', "W/")
STATUS: Final = re.compile(r"status code: (\d{3})")
AZURE_HOST: Final = re.compile(
    r"([a-z0-9]{3,24})\.blob\.core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)"
)
LONGEST_REQUEST: Final = timedelta(hours=12)
LONGEST_RETRY: Final = timedelta(minutes=15)
CONNECT: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class _Place:
    """Where a URL points: the bucket or container and the prefix in it. account: of Azure, where the URL names it."""

    is_azure: bool
    bucket: str
    prefix: str
    account: str | None = None


@dataclass(frozen=True)
class _Object:
    """One object that is a file of ours. name: relative to the prefix. mark: changes whenever its content does."""

    name: str
    key: str
    size: int
    mark: str


@dataclass(frozen=True)
class _Listing:
    """What lies below a prefix: files of ours, and the names of the rest (those of folders end in a slash)."""

    objects: tuple[_Object, ...]
    others: tuple[str, ...]


def _place(url: str) -> _Place | None:
    """Where `url` points; null where it is not s3://bucket/prefix, az://container/prefix or a blob URL of Azure."""
    parts = urlsplit(url)
    bare = not (parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url)
    steps = [step for step in parts.path.split("/") if step]
    if not bare or any(step in (".", "..") for step in steps):
        return None
    if parts.scheme in ("s3", "az") and parts.netloc and ":" not in parts.netloc:
        return _Place(parts.scheme == "az", parts.netloc, "/".join(steps))
    host = AZURE_HOST.fullmatch(parts.netloc)
    if parts.scheme == "https" and host and steps:
        return _Place(True, steps[0], "/".join(steps[1:]), host[1])
    return None


def is_place(url: str) -> bool:
    """Whether `url` is an address of object storage, without credentials in it."""
    return _place(url) is not None


def land(source: SourceSettings, asked: Asked) -> list[Part]:
    """The parts of an extract on object storage, fetched into `asked.work` and then checked as a folder is.

    Streams each object in blocks; with `asked.sample` no more of a CSV object than holds so many lines. Raises
    ConfigurationError where a variable with credentials is not set, InputRefused where entry is refused, the bucket or
    a table is missing, or an object was replaced meanwhile, SourceUnavailable where the storage cannot be reached, and
    OutputError where the work folder is full.
    """
    storage = source.storage
    assert storage is not None
    where = f"source {source.name}"
    at = _place_of(storage, where)
    store = _opened(storage, at, where)
    # Names of sources come from outside, so they may not shape the path.
    folder = asked.work / "fetched" / as_path(source.name)
    before = _listed(store, at, storage, where)
    _lay_out(before, folder, where)
    for item in before.objects:
        _fetch(store, item, folder, storage, f"{where}, {item.name}", asked.sample)
    if _listed(store, at, storage, where) != before:
        raise _changed(f"{where}: {storage.url}")
    log.info("source %s: %d objects fetched", source.name, len(before.objects))
    return files.discover(replace(source, path=folder), asked.work, asked.sample)


# -- entering --------------------------------------------------------------------------------------------------------


def _place_of(storage: StorageSettings, where: str) -> _Place:
    if found := _place(storage.url):
        return found
    raise ConfigurationError(
        f"{where}: its url is not the address of object storage",
        "Expected s3://bucket/prefix, az://container/prefix or https://<account>.blob.core.windows.net/container/prefix.",
    )


def _opened(storage: StorageSettings, at: _Place, where: str) -> Store:
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415
        from obstore.store import AzureStore, S3Store  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            f"{where}: the package obstore is not installed, without which object storage cannot be read",
            "Install the extra: pip install 'b12screen[storage]'.",
        ) from None
    common: dict[str, Any] = {
        "client_options": _client_options(storage, where),
        "retry_config": {
            "max_retries": storage.attempts - 1,
            "retry_timeout": LONGEST_RETRY,
            "backoff": {
                "init_backoff": timedelta(seconds=storage.wait),
                "max_backoff": timedelta(seconds=max(storage.wait, 60)),
                "base": 2,
            },
        },
    }
    own = _azure_words(storage, at, where) if at.is_azure else _s3_words(storage, where)
    given = {word: value for word, value in own.items() if value is not None}
    try:
        kind = AzureStore if at.is_azure else S3Store
        return kind(at.bucket, **given, **common)
    except (BaseError, ValueError, TypeError):
        pass
    # What the library says quotes what it was given, credentials included.
    raise ConfigurationError(
        f"{where}: object storage cannot be opened with these settings",
        "Check `endpoint`, `region`, `account` and the form of the credentials.",
    )


def _client_options(storage: StorageSettings, where: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "connect_timeout": CONNECT,
        "read_timeout": timedelta(seconds=storage.timeout),
        "timeout": LONGEST_REQUEST,
        "allow_http": bool(storage.endpoint and storage.endpoint.startswith("http://")),
    }
    if storage.ca_file is None:
        return options
    try:
        return options | {"root_certificate": storage.ca_file.read_bytes()}
    except OSError as error:
        raise ConfigurationError(f"{where}: ca_file cannot be read ({error.strerror})") from None


def _s3_words(storage: StorageSettings, where: str) -> dict[str, Any]:
    return {
        "endpoint": storage.endpoint,
        "region": storage.region,
        "access_key_id": _secret(storage.access_key_env, "access_key_env", where),
        "secret_access_key": _secret(storage.secret_key_env, "secret_key_env", where),
        "session_token": _secret(storage.session_token_env, "session_token_env", where),
        "skip_signature": True if storage.is_public else None,
        "virtual_hosted_style_request": False if storage.endpoint else None,
    }


def _azure_words(storage: StorageSettings, at: _Place, where: str) -> dict[str, Any]:
    told = _connection_string(_secret(storage.connection_string_env, "connection_string_env", where) or "")
    endpoint = storage.endpoint or told.get("blobendpoint")
    account = storage.account or at.account or told.get("accountname")
    if not account:
        raise ConfigurationError(
            f"{where}: nothing says which account of Azure it is", "Set `account` in its section `storage`."
        )
    return {
        "account_name": account,
        "endpoint": endpoint,
        "account_key": _secret(storage.account_key_env, "account_key_env", where) or told.get("accountkey"),
        "sas_key": _secret(storage.sas_token_env, "sas_token_env", where)
        or told.get("sharedaccesssignature"),
        "skip_signature": True if storage.is_public else None,
    }


def _connection_string(text: str) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().casefold(): value.strip() for name, _, value in pairs if value}


def _secret(variable: str | None, setting: str, where: str) -> str | None:
    if variable is None:
        return None
    if value := os.environ.get(variable, "").strip():
        return value
    raise ConfigurationError(
        f"{where}: the environment variable {variable}, named by {setting}, is not set",
        "Set it for the user that runs the night.",
    )


# -- what is there -----------------------------------------------------------------------------------------------------


def _listed(store: Store, at: _Place, storage: StorageSettings, where: str) -> _Listing:
    objects: list[_Object] = []
    others: list[str] = []
    _list(store, at.prefix, "", storage, where, objects, others)
    for table in (name for name in TABLES if f"{name}/" in others):
        others.remove(f"{table}/")
        _list(store, _joined(at.prefix, table), f"{table}/", storage, where, objects, others)
    if not objects and not others:
        raise InputRefused(
            f"{where}: there is nothing below {storage.url}", f"Expected {files.EXPECTED_FILES}."
        )
    by_name = sorted(objects, key=lambda item: item.name)
    return _Listing(tuple(by_name), tuple(sorted(others)))


def _list(
    store: Store,
    prefix: str,
    folder: str,
    storage: StorageSettings,
    where: str,
    objects: list[_Object],
    others: list[str],
) -> None:
    """Add what lies directly below `prefix` to `objects` and `others`."""
    import obstore  # noqa: PLC0415

    found = _answer(lambda: obstore.list_with_delimiter(store, prefix or None), where, storage)
    folders = set(found["common_prefixes"])
    others += [f"{folder}{_name(key, where)}/" for key in folders]
    for item in found["objects"]:
        key = item["path"]
        # A console that shows folders keeps an empty object for each.
        if item["size"] == 0 and (key in folders or key == prefix):
            continue
        name = _name(key, where)
        if _is_ours(name, bool(folder)):
            objects.append(_Object(f"{folder}{name}", key, item["size"], _mark(item)))
        else:
            others.append(f"{folder}{name}")


def _mark(meta: Any) -> str:
    tag: str | None = meta["e_tag"]
    if not tag:
        return str(meta["last_modified"].isoformat())
    # Azure quotes it in its answers and not in its lists.
    return tag if tag.startswith(TAG_BEGINS) else f'"{tag}"'


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _name(key: str, where: str) -> str:
    name = key.rpartition("/")[2]
    if name in ("", ".", "..") or NOT_A_NAME.search(name) or len(name.encode()) > LONGEST_NAME:
        raise InputRefused(
            f"{where}: below its url lies an object whose name cannot be that of a file",
            "Keep the extract below a prefix of its own, with plain names.",
        )
    return name


def _is_ours(name: str, is_part: bool) -> bool:
    suffix = next((suffix for suffix in files.SUFFIXES if name.lower().endswith(suffix)), None)
    return suffix is not None and files.is_delivered(name) and (is_part or name[: -len(suffix)] in TABLES)


def _lay_out(listing: _Listing, folder: Path, where: str) -> None:
    """The folders of the parts, and what is not ours as empty files and folders: only their names are looked at."""
    parts = {item.name.partition("/")[0] for item in listing.objects if "/" in item.name}
    try:
        folder.mkdir(mode=0o700, parents=True)
        for name in sorted(parts):
            (folder / name).mkdir(mode=0o700)
        for name in listing.others[:NAMES_KEPT]:
            entry = folder / name
            entry.parent.mkdir(mode=0o700, exist_ok=True)
            if name.endswith("/"):
                entry.mkdir(mode=0o700, exist_ok=True)
            else:
                entry.touch(mode=0o600)
    except OSError as error:
        raise _full(where, error) from None


# -- fetching ----------------------------------------------------------------------------------------------------------


def _fetch(
    store: Store, item: _Object, folder: Path, storage: StorageSettings, where: str, sample: int | None
) -> None:
    suffix = next(suffix for suffix in files.SUFFIXES if item.name.lower().endswith(suffix))
    compression = files.CSV_SUFFIXES.get(suffix)
    path = folder / item.name
    if sample is None or compression is None or item.size == 0:
        _write(path, _blocks(store, item, storage, where), where)
        if path.stat().st_size != item.size:
            raise _changed(where)
        return
    # The reader of the sample pulls the blocks through, and stops pulling when it has seen its lines.
    kept: list[bytes] = []
    looked_at = _kept(_ranges(store, item, storage, where), kept)
    for _ in first_lines(decompressed(looked_at, compression, where), sample + 1):
        _write(path, kept, where)
        kept.clear()
    _write(path, kept, where)


def _kept(blocks: Iterator[bytes], kept: list[bytes]) -> Iterator[bytes]:
    for block in blocks:
        kept.append(block)
        yield block


def _blocks(store: Store, item: _Object, storage: StorageSettings, where: str) -> Iterator[bytes]:
    """The content of an object as it was when it was listed."""
    import obstore  # noqa: PLC0415

    found = _answer(lambda: obstore.get(store, item.key, options=_as_listed(item)), where, storage)
    _refuse_other(found.meta, item, where)
    stream = iter(found.stream(min_chunk_size=BLOCK_BYTES))
    while (block := _answer(lambda: next(stream, None), where, storage)) is not None:
        yield bytes(block)


def _ranges(store: Store, item: _Object, storage: StorageSettings, where: str) -> Iterator[bytes]:
    import obstore  # noqa: PLC0415

    for start in range(0, item.size, LOOK_BYTES):
        options = _as_listed(item, range=(start, min(start + LOOK_BYTES, item.size)))
        found = _answer(partial(obstore.get, store, item.key, options=options), where, storage)
        _refuse_other(found.meta, item, where)
        yield bytes(_answer(found.bytes, where, storage))


def _as_listed(item: _Object, **wanted: Any) -> Any:
    """Options that make a request fail where the object is no longer the one that was listed."""
    return {"if_match": item.mark, **wanted} if item.mark.startswith(TAG_BEGINS) else wanted


def _refuse_other(meta: Any, item: _Object, where: str) -> None:
    if (meta["size"], _mark(meta)) != (item.size, item.mark):
        raise _changed(where)


def _write(path: Path, blocks: Iterable[bytes], where: str) -> None:
    """Append the blocks to the file, as they come."""
    for block in chain([b""], blocks):
        try:
            with open(path, "ab", opener=_for_the_owner) as file:
                file.write(block)
        except OSError as error:
            raise _full(where, error) from None


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


# -- what is in the way ------------------------------------------------------------------------------------------------


def _full(where: str, error: OSError) -> OutputError:
    return OutputError(
        f"{where}: its fetched copy cannot be written ({error.strerror})",
        "Check the space and the permissions of the working folder.",
    )


def _answer(question: Callable[[], T], where: str, storage: StorageSettings) -> T:
    """What the storage answers. Where it does not, the kind of fault: the library quotes addresses and headers."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        return question()
    except (BaseError, OSError) as error:
        problem = _problem(error, where, storage)
    raise problem


def _problem(error: Exception, where: str, storage: StorageSettings) -> InputRefused:
    from obstore import exceptions  # noqa: PLC0415

    told = STATUS.search(str(error))
    status = int(told[1]) if told else None
    if status == 412 or isinstance(error, exceptions.PreconditionError | FileNotFoundError):
        return _changed(where)
    if status in (401, 403) or isinstance(
        error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError | PermissionError
    ):
        return InputRefused(
            f"{where}: {storage.url} may not be read with these credentials (status {status or 403})",
            "Check the variables named in its section `storage`; they need the right to list and to read.",
        )
    if status == 404:
        return InputRefused(
            f"{where}: there is no such bucket or container as {storage.url} names",
            "Check `url` and, where there is one, `endpoint`.",
        )
    if status in (301, 307, 308):
        return InputRefused(
            f"{where}: the bucket of {storage.url} is in another region (status {status})", "Set `region`."
        )
    why = f"status {status}" if status else "the connection failed or broke off"
    return SourceUnavailable(
        f"{where}: {storage.url} cannot be read ({why}), {storage.attempts} attempts",
        "Run again when the storage answers.",
    )


def _changed(where: str) -> InputRefused:
    return InputRefused(
        f"{where}: objects were replaced, added or removed while they were read",
        "Run again when the extract is complete. Deliver under another prefix, and keep it as it is.",
    )
