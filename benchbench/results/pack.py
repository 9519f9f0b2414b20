"""A pack: the cells, maps and photographs of a shard in one file, a zip archive with an index of its own.

The index is the archive's last member. It says where each part is, with the digest of its name and content. The
archive's comment says where the index is, with the digest of the pack's name and the index, and ends with a digest of
all that is in front of it. So one read at the end of the file tells what a pack holds, a second digest tells whether
all of it is what was written, and the others tell which parts are.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from ..files import Damaged, opened, write
from .array_file import checked_maps
from .schema import FloatArray

SUFFIX = ".zip"
INDEX = "index.json"
_COMMENT = re.compile(rb"(benchbench pack 1, index at ([0-9a-f]{16}) of ([0-9a-f]{8}), [0-9a-f]{64}), [0-9a-f]{64}")
_COMMENT_BYTES = 188
_DIGEST_BYTES = 64  # at the file's end
_AT_ONCE = 1 << 20
FRAME = ""  # in place of a part: what is around the parts
_HEADER_BYTES = 30  # of a member, in front of its name
_MOST_TEXT = 1 << 30  # bytes of a part that is text
_LEVEL = 1  # of deflate: text is written often and read often


class Part(NamedTuple):
    """Where the bytes of a part are in a pack, and what they are.

    Attributes:
        start: the first byte.
        stored: how many bytes there are.
        size: how many bytes the content has; text is deflated.
        digest: of the part's name and content.
    """

    start: int
    stored: int
    size: int
    digest: str


@dataclass(frozen=True, eq=False)
class Pack:
    """What a pack holds.

    Attributes:
        path: its file.
        parts: by name.
        notes: by name, what was noted of a part when it was written; most parts have no note.
        stamp: of the file as it was then; another file in its place has another one.
    """

    path: Path
    parts: Mapping[str, Part]
    notes: Mapping[str, Any]
    stamp: tuple[int, ...]

    def read(self, name: str) -> bytes:
        """The content of a part.

        Raises:
            Damaged: it is not what was written, or the pack has no such part.
            OSError: the file is absent or cannot be read.
        """
        with opened(self.path) as file:
            return self._read(file, name)

    def is_current(self) -> bool:
        """Whether the file is still the one whose index this is."""
        try:
            return _stamp(self.path.lstat()) == self.stamp
        except OSError:
            return False

    def content(self) -> bytes:
        """The whole file.

        Raises:
            Damaged: it is not what was written.
            OSError: it is absent or cannot be read.
        """
        with opened(self.path) as file:
            if _digest_of_file(file) != _end_of(file):
                raise Damaged(f"{self.path.name} is not what was written")
            file.seek(0)
            return file.read()

    def damaged(self) -> list[str]:
        """The parts that are not what was written, or ``FRAME`` if only something around them is not. All is read.

        Raises:
            Damaged: the path is no file.
            OSError: the file is absent or cannot be read.
        """
        with opened(self.path) as file:
            if _digest_of_file(file) == _end_of(file):
                return []
            return [name for name in self.parts if not self._is_sound(file, name)] or [FRAME]

    def _is_sound(self, file: BinaryIO, name: str) -> bool:
        try:
            self._read(file, name)
        except Damaged:
            return False
        return True

    def _read(self, file: BinaryIO, name: str) -> bytes:
        part = self.parts.get(name)
        if part is None:
            raise Damaged(f"{self.path.name} has no {name}")
        file.seek(part.start)
        content = file.read(part.stored)
        if _is_text(name):
            content = _inflated(content, part.size)
        if _digest_of(name, content) != part.digest:
            raise Damaged(f"{self.path.name}/{name} is not what was written")
        return content


def read_pack(path: Path) -> Pack:
    """The pack in a file; no part of it is read.

    Raises:
        Damaged: it is not what was written under this name.
        OSError: it is absent or cannot be read.
    """
    with opened(path) as file:
        stamp = _stamp(os.fstat(file.fileno()))
        length = file.seek(0, 2)
        file.seek(max(0, length - _COMMENT_BYTES))
        comment = _COMMENT.fullmatch(file.read())
        if comment is None:
            raise Damaged(f"{path.name} is not what was written")
        start, size = int(comment[2], 16), int(comment[3], 16)
        file.seek(min(start, length))
        index = file.read(min(size, length))
    if comment[1] != _comment(path.name, start, index):
        raise Damaged(f"{path.name} is not what was written")
    try:
        content = json.loads(index)
        parts = {name: _part(name, start, *part) for name, part in content["parts"].items()}
        notes = dict(content["notes"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged(f"{path.name} has no index that benchbench wrote") from None
    return Pack(path, parts, notes, stamp)


def _part(name: str, end: int, start: int, stored: int, size: int, digest: str) -> Part:
    """A part of the index of a pack, whose parts end in front of the byte ``end``.

    Raises:
        ValueError: no pack has a part there.
    """
    numbers = (start, stored, size)
    if any(type(number) is not int or number < 0 for number in numbers) or start + stored > end:
        raise ValueError(f"{name} is not in the pack")
    if not isinstance(digest, str) or (_is_text(name) and size > _MOST_TEXT):
        raise ValueError(f"{name} is no part")
    return Part(start, stored, size, digest)


def write_pack(path: Path, parts: Mapping[str, Callable[[], bytes]], notes: Mapping[str, Any]) -> Pack:
    """Write a pack whole or not at all, also if the machine loses its power.

    Args:
        path: of the file; a pack in its place is replaced.
        parts: by name, what gives the content; text (``.json``) is deflated.
        notes: see ``Pack``.

    Raises:
        OSError: it cannot be written.
    """
    placed: dict[str, Part] = {}

    def save(file: BinaryIO) -> None:
        with ZipFile(file, "w") as archive:
            for name, content in parts.items():
                placed[name] = _add(archive, name, content())
            index = json.dumps({"parts": placed, "notes": notes}, allow_nan=False).encode()
            archive.comment = (
                _comment(path.name, _add(archive, INDEX, index).start, index) + b", " + b"0" * _DIGEST_BYTES
            )
        digest = _digest_of_file(file)
        file.seek(-_DIGEST_BYTES, 2)
        file.write(digest)

    write(path, save)
    return Pack(path, placed, notes, _stamp(path.stat()))


def _add(archive: ZipFile, name: str, content: bytes) -> Part:
    """One more member; the same content gives the same bytes at any time and on any system."""
    member = ZipInfo(name)
    member.create_system = 3
    member.external_attr = 0o644 << 16
    member.compress_type = ZIP_DEFLATED if _is_text(name) else ZIP_STORED
    archive.writestr(member, content, compresslevel=_LEVEL)
    start = member.header_offset + _HEADER_BYTES + len(name.encode())
    return Part(start, member.compress_size, member.file_size, _digest_of(name, content))


def _digest_of_file(file: BinaryIO) -> bytes:
    """Of all but the digest at the file's end."""
    checksum, left = hashlib.sha256(), file.seek(0, 2) - _DIGEST_BYTES
    file.seek(0)
    while left > 0 and (some := file.read(min(left, _AT_ONCE))):
        checksum.update(some)
        left -= len(some)
    return checksum.hexdigest().encode()


def _end_of(file: BinaryIO) -> bytes:
    file.seek(-_DIGEST_BYTES, 2)
    return file.read()


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _is_text(name: str) -> bool:
    return name.endswith(".json") and name != INDEX


def _comment(name: str, start: int, index: bytes) -> bytes:
    seal = hashlib.sha256(f"{name}\n{start}\n".encode() + index).hexdigest()
    return f"benchbench pack 1, index at {start:016x} of {len(index):08x}, {seal}".encode()


def _digest_of(name: str, content: bytes) -> str:
    checksum = hashlib.sha256(f"{name}\n".encode())
    checksum.update(content)
    return checksum.hexdigest()


def _inflated(stored: bytes, size: int) -> bytes:
    """The content of ``size`` bytes; never more, whatever the stored bytes say."""
    if not size:
        return b""  # zlib takes 0 for no limit
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, min(size, _MOST_TEXT))
    except zlib.error:
        return b""


def mapped(pack: Pack, name: str) -> FloatArray:
    """An array (.npy) of a pack, which is read from disk as it is looked at; the file is open meanwhile.

    Args:
        pack: whose part has been read and was sound.
        name: of the part.

    Raises:
        ValueError: the part is no array of float32 (``Damaged`` is one).
        OSError: the file is absent or cannot be read.
    """
    part = pack.parts[name]
    with opened(pack.path) as file:
        if _stamp(os.fstat(file.fileno())) != pack.stamp:
            raise Damaged(f"{pack.path.name} was replaced while it was read")
        file.seek(part.start)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = read(file)
        if kind != np.float32:
            raise Damaged(f"{pack.path.name}/{name} holds {kind}, not float32")
        if file.tell() - part.start + math.prod(shape) * kind.itemsize > part.stored:
            raise Damaged(f"{pack.path.name}/{name} is shorter than it says")
        maps: FloatArray = np.memmap(file, kind, "r", file.tell(), shape, "F" if by_columns else "C")
    return checked_maps(maps, name)
