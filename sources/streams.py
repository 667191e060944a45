"""One pass over a delivered file: hashed as it came, decompressed to its last byte, decoded and counted."""

from __future__ import annotations

import codecs
import hashlib
import itertools
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import zstandard

from schemas.errors import ConfigurationError, InputRefused, OutputError
from sources.headers import HEAD_BYTES, UTF8_BOM, Header, encoding_hint

Compression = Literal["none", "gzip", "zstd"]

BLOCK_BYTES = 4 * 1024 * 1024
# zstandard cannot bound what one call returns, so it is fed little at a time.
ZSTD_BLOCK_BYTES = 64 * 1024

LINE_FEED_BEFORE_EMPTY_LINE = re.compile(rb"\n\r?\n")
EMPTY_LINE = re.compile(rb"(?<=\n)\r?\n")


class Delivery:
    """A file as delivered, read once in blocks; `sha256` and `size` are known after the last one."""

    def __init__(self, path: Path, where: str) -> None:
        self.path = path
        self.where = where
        self.sha256 = ""
        self.size = 0
        self._identity_before = self._identity()

    def blocks(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            with self.path.open("rb", buffering=0) as file:
                while block := file.read(BLOCK_BYTES):
                    digest.update(block)
                    self.size += len(block)
                    yield block
        except OSError as error:
            raise _unreadable(self.where, error) from None
        self.sha256 = digest.hexdigest()

    def refuse_if_changed(self) -> None:
        """Raise InputRefused where the file was replaced or written to since this object was made."""
        if self._identity() != self._identity_before:
            raise InputRefused(
                f"{self.where}: the file changed while it was read",
                "Run again when the extract is complete. Deliver as <name>.tmp and rename at the end.",
            )

    def _identity(self) -> tuple[int, int, int]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise _unreadable(self.where, error) from None
        return status.st_size, status.st_mtime_ns, status.st_ino


def _unreadable(where: str, error: OSError) -> InputRefused:
    return InputRefused(
        f"{where}: the file cannot be read ({error.strerror})", "Check that it is there and readable."
    )


def decompressed(blocks: Iterator[bytes], compression: Compression, where: str) -> Iterator[bytes]:
    """The content of a file to its very end, every checksum compared.

    Several gzip members or zstd frames in a row are one content. Raises InputRefused where the file is cut or
    damaged, lacks its trailer, or is followed by anything else.
    """
    if compression == "gzip":
        return _gunzipped(blocks, where)
    return _unzstd(blocks, where) if compression == "zstd" else blocks


def _gunzipped(blocks: Iterator[bytes], where: str) -> Iterator[bytes]:
    member, is_inside = zlib.decompressobj(zlib.MAX_WBITS | 16), False
    for block in blocks:
        rest, has_more = block, False
        while rest or has_more:
            try:
                content = member.decompress(rest, BLOCK_BYTES)
            except zlib.error:
                raise _damaged("gzip", where) from None
            if content:
                yield content
            # A full block of output may have left more behind although all input is taken.
            rest, has_more, is_inside = member.unconsumed_tail, len(content) == BLOCK_BYTES, True
            if member.eof:
                rest, has_more, is_inside = member.unused_data, False, False
                member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    if is_inside:
        raise _cut("gzip", where)


def _unzstd(blocks: Iterator[bytes], where: str) -> Iterator[bytes]:
    frame, is_inside = zstandard.ZstdDecompressor().decompressobj(), False
    for block in blocks:
        for start in range(0, len(block), ZSTD_BLOCK_BYTES):
            rest = block[start : start + ZSTD_BLOCK_BYTES]
            while rest:
                try:
                    content = frame.decompress(rest)
                except zstandard.ZstdError:
                    raise _damaged("zstd", where) from None
                if content:
                    yield content
                rest, is_inside = b"", True
                if frame.eof:
                    rest, is_inside = frame.unused_data, False
                    frame = zstandard.ZstdDecompressor().decompressobj()
    if is_inside:
        raise _cut("zstd", where)


def _damaged(kind: str, where: str) -> InputRefused:
    return InputRefused(
        f"{where}: the {kind} file is damaged: a checksum differs, or something that is not {kind} is in it",
        "Deliver the file again.",
    )


def _cut(kind: str, where: str) -> InputRefused:
    return InputRefused(f"{where}: the {kind} file ends too early", "Deliver the file again, complete.")


def check_encoding(encoding: str, where: str) -> None:
    """Raise ConfigurationError where `encoding` is not one that text can have."""
    try:
        "".encode(encoding)
    except LookupError:
        raise ConfigurationError(
            f"{where}: unknown encoding {encoding!r}",
            'Expected a name such as "utf-8", "cp1252" or "utf-16".',
        ) from None


def is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def decoded(blocks: Iterator[bytes], encoding: str, copy: Path, where: str) -> Iterator[bytes]:
    """The content as UTF-8, written to `copy` as it passes.

    Raises InputRefused at the first byte that `encoding` does not know, with its offset in the (decompressed)
    content, and OutputError where the copy cannot be written.
    """
    decoder, offset = codecs.getincrementaldecoder(encoding)(), 0
    with _opened_copy(copy, where) as file:
        for block in itertools.chain(blocks, [b""]):
            if offset == 0 and block.startswith(UTF8_BOM):
                raise InputRefused(
                    f"{where}: the file is marked as UTF-8, the configuration says {encoding}",
                    encoding_hint("utf-8"),
                )
            held_back = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block).encode()
            except UnicodeError as error:
                # The error itself carries the bytes around the fault, so it is not passed on; some have no place.
                place = offset - held_back + getattr(error, "start", 0)
                raise InputRefused(
                    f"{where}: byte {place} cannot be decoded as {encoding}",
                    "Name the encoding the files really have, or have the export repaired.",
                ) from None
            offset += len(block)
            _write(file, text, where)
            yield text


def _opened_copy(copy: Path, where: str) -> BinaryIO:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        return open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError as error:
        raise _unwritten(where, error) from None


def _write(file: BinaryIO, text: bytes, where: str) -> None:
    try:
        file.write(text)
        file.flush()
    except OSError as error:
        raise _unwritten(where, error) from None


def _unwritten(where: str, error: OSError) -> OutputError:
    return OutputError(
        f"{where}: its UTF-8 copy cannot be written ({error.strerror})",
        "Check the space and the permissions of the working folder.",
    )


def peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first HEAD_BYTES of the content (or all of it), and the content still from its start."""
    first: list[bytes] = []
    length = 0
    while length < HEAD_BYTES and (block := next(blocks, None)) is not None:
        first.append(block)
        length += len(block)
    start = b"".join(first)
    return start[:HEAD_BYTES], itertools.chain([start], blocks)


def first_lines(blocks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """The content up to its `lines`-th line feed; what comes after is not read."""
    for block in blocks:
        there = block.count(b"\n")
        if there >= lines:
            yield b"\n".join(block.split(b"\n", lines)[:lines]) + b"\n"
            return
        lines -= there
        yield block


def count_rows(blocks: Iterator[bytes], header: Header, where: str) -> int:
    """How many rows a faithful parser has to account for: the lines after the header that are not empty.

    A line ends in a line feed, with or without a carriage return before it; the last one may lack it. DuckDB
    skips empty lines unless there is only one column, where each is a row, and so it is here. A quoted value
    over several lines takes up one row for each of its further lines that is not empty: the runs of line ends
    in it (`(\\r?\\n)+`), not its line feeds. Raises InputRefused at a NUL byte.
    """
    lines = empty_lines = 0
    to_skip, seam = header.length, b"\n"
    for block in blocks:
        body = block[to_skip:]
        to_skip -= len(block) - len(body)
        refuse_nul(body, header.lines + lines, where)
        lines += body.count(b"\n")
        # Empty lines are rare: only then is the block copied, to join it with the end of the one before.
        if LINE_FEED_BEFORE_EMPTY_LINE.search(body) or LINE_FEED_BEFORE_EMPTY_LINE.search(seam + body[:2]):
            empty_lines += EMPTY_LINE.subn(b"", seam + body)[1]
        end = seam + body[-2:]
        seam = end[-2:] if end.endswith(b"\n\r") else end[-1:]
    has_open_line = seam not in (b"\n", b"\n\r")
    return lines + has_open_line - (empty_lines if len(header.names) > 1 else 0)


def refuse_nul(block: bytes, lines_before: int, where: str) -> None:
    """Raise InputRefused where `block` holds a NUL byte, with its line."""
    if (place := block.find(b"\0")) >= 0:
        line = lines_before + block.count(b"\n", 0, place) + 1
        raise InputRefused(
            f"{where}: line {line} holds a NUL byte",
            "The file is damaged, is not text, or is in an encoding the configuration does not name.",
        )
