"""A run in one file: a zip of what a report is made of, with a list of digests, which is checked when it is opened."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BenchError
from ..files import Damaged, read, write
from .info_shape import FILE
from .pack import read_pack
from .picture_files import picture_packs
from .record import Record
from .run_folder import INFO, info_digest, plainly
from .store import CELLS
from .unfinished import refuse_unfinished_part

MANIFEST = "manifest.json"
FORMAT = "benchbench run 1"
MOST_BYTES = 64 * 2**30  # of the files of a bundle
_MOST_OF_MANIFEST = 200_000_000
_MOST_FILES = 2_000_000
_FEW_BYTES = 20_000_000
_STAMP = (1980, 1, 1, 0, 0, 0)  # the same run gives the same bytes
_NAME = re.compile(FILE.removesuffix(r"\z"))
_RATIO = 300  # of a bundle's files to its own size: a run's numbers and pictures shrink less
_WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HINT = "Ask for the file again: benchbench export RUN --out FILE.zip writes it"


def write_bundle(folder: Path, out: Path) -> str:
    """Write the run of a folder into a zip file; returns the file's SHA-256.

    In it are run.json, the tables, the packs with the maps and photographs that they name, and a suite's answer. The
    log, the report and its tables, and the cells of costs are not.

    Raises:
        BenchError: the folder holds no finished run, a file of it is damaged, or the zip cannot be written.
    """
    record = Record.load(folder)
    refuse_unfinished_part(record.folder, record.info)
    contents = _contents(record)

    def save(file: BinaryIO) -> None:
        digests: dict[str, str] = {}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in contents.items():
                with plainly(record.folder):
                    data = content()
                digests[name] = hashlib.sha256(data).hexdigest()
                bundle.writestr(zipfile.ZipInfo(name, _STAMP), data, zipfile.ZIP_DEFLATED)
            listed = {"format": FORMAT, "benchbench": record.info.get("benchbench"), "files": digests}
            bundle.writestr(zipfile.ZipInfo(MANIFEST, _STAMP), json.dumps(listed, indent=0), zipfile.ZIP_DEFLATED)

    try:
        write(out, save)
        with out.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BenchError(f"cannot write it: {error}", where=str(out), hint="Give another --out") from None


def _contents(record: Record) -> dict[str, Callable[[], bytes]]:
    """By name, what reads a file of the bundle, and raises Damaged if the run did not write it.

    Raises:
        BenchError: a name leads out of the run's folder. A folder from elsewhere may name any file.
    """
    files: dict[str, str] = record.info["files"]
    packs = [f"{CELLS}/{pack}" for pack in picture_packs(record)]
    for name in (*files, *packs):
        if not _NAME.fullmatch(name):
            message = f"{name[:80]!r} is no name of a run's file"
            raise BenchError(message, where=str(record.folder / INFO), hint="Export a folder that benchbench run wrote")
    return {
        INFO: partial(_read_info, record),
        **{name: partial(_read, record.folder, name, seal) for name, seal in files.items()},
        **{name: partial(_read_pack, record.folder, name) for name in packs},
    }


def _read_info(record: Record) -> bytes:
    data = read(record.folder / INFO)
    if json.loads(data) != {**record.info, "digest": info_digest(record.info)}:
        raise Damaged(f"{INFO} has changed since it was read")
    return data


def _read(folder: Path, name: str, seal: str) -> bytes:
    _refuse_link(folder / name)
    data = read(folder / name)
    if hashlib.sha256(data).hexdigest() != seal:
        raise Damaged(f"{name} is not what the run wrote")
    return data


def _read_pack(folder: Path, name: str) -> bytes:
    _refuse_link(folder / name)
    return read_pack(folder / name).content()


def _refuse_link(path: Path) -> None:
    """Raises Damaged if a file's folder in the run is a link, which may lead anywhere."""
    if path.parent.is_symlink():
        raise Damaged(f"{path.parent.name} is a link")


def is_bundle(path: Path) -> bool:
    """Whether a path is a file that ends in .zip, and not a run's folder."""
    return path.suffix == ".zip" and path.is_file()


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """A folder with the run of a bundle, for as long as the block lasts; every file has been checked.

    Raises:
        BenchError: the file is no bundle, or anything in it is not what was exported.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / (path.stem.strip(".") or "run")
        folder.mkdir()
        try:
            with zipfile.ZipFile(path) as bundle:
                for name, digest in _manifest(bundle, path.stat().st_size).items():
                    _extract(bundle, name, digest, folder)
        except Exception as error:  # whatever broken bytes lead zipfile to, and Damaged
            message = " ".join(str(error).split()) or type(error).__name__
            raise BenchError(f"it is not an exported run: {message}", where=str(path), hint=_HINT) from None
        yield folder


def _manifest(bundle: zipfile.ZipFile, packed: int) -> Mapping[str, str]:
    """By name, the digest of every file.

    Args:
        packed: how many bytes the bundle has.

    Raises:
        Damaged: it does not list exactly the files of the bundle, or a name or a size is out of bounds.
    """
    infos = bundle.infolist()
    size = sum(info.file_size for info in infos)
    if len(infos) > _MOST_FILES or size > min(MOST_BYTES, _FEW_BYTES + _RATIO * packed):
        raise Damaged(f"it is too large: {size:,} bytes of {len(infos):,} files")
    if any(info.compress_type not in _WAYS for info in infos):
        raise Damaged("it is packed in a way that benchbench does not use")
    names = [info.filename for info in infos]
    if MANIFEST not in names or bundle.getinfo(MANIFEST).file_size > _MOST_OF_MANIFEST:
        raise Damaged(f"it has no {MANIFEST}")
    try:
        listed: Any = json.loads(bundle.read(MANIFEST))
    except (ValueError, RecursionError):
        raise Damaged(f"{MANIFEST} is no JSON") from None
    if not isinstance(listed, dict) or listed.get("format") != FORMAT or not isinstance(listed.get("files"), dict):
        raise Damaged(f"{MANIFEST} is of another format")
    files: dict[str, str] = listed["files"]
    if sorted([*files, MANIFEST]) != sorted(names):
        raise Damaged(f"its files are not those of {MANIFEST}")
    for name in files:
        if not _NAME.fullmatch(name):
            raise Damaged(f"{name[:80]!r} is no name of a run's file")
    return files


def _extract(bundle: zipfile.ZipFile, name: str, digest: str, folder: Path) -> None:
    """Write a file of the bundle into the folder, no more of it than it is said to have."""
    left, state = bundle.getinfo(name).file_size, hashlib.sha256()
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with bundle.open(name) as packed, path.open("wb") as file:
        while chunk := packed.read(1 << 20):
            left -= len(chunk)
            if left < 0:
                raise Damaged(f"{name} is larger than it says")
            state.update(chunk)
            file.write(chunk)
    if state.hexdigest() != digest:
        raise Damaged(f"{name} is not what was exported")
