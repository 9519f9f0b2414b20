"""Photographs as a user names them: files, folders and patterns."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ..datasets.sources.decode import decode
from ..datasets.sources.file_dataset import Files, Item
from ..datasets.sources.scan import scan
from ..errors import BenchError
from ..paths import expanded

DATA = "pictures"  # the name of the data in the run
_WILD = frozenset("*?[")


def picture_files(names: Sequence[str | Path]) -> tuple[Path, ...]:
    """The files, in the order in which they are named; those of a folder or a pattern by name. Each stands once.

    Args:
        names: a file; a folder, of which every photograph below it is taken; or a pattern such as ``cats/**/*.jpg``.

    Raises:
        BenchError: there is no such file, it is no picture, the folder has no photographs, or nothing fits the pattern.
            A file of a folder or a pattern that is no picture is refused later, and not with it the others.
    """
    files = [file for name in names for file in _files_of(expanded(name))]
    if not files:
        raise BenchError("no photograph is named", where="explain", hint="Name at least one file or folder")
    return tuple(dict.fromkeys(files))


def pictures(files: Sequence[Path]) -> Files:
    """The photographs as data, under the names that tell them apart."""
    return Files(DATA, [Item(name, file) for name, file in zip(names_of(files), files, strict=True)])


def names_of(files: Sequence[Path]) -> tuple[str, ...]:
    """Of each file its name; where two files have one name, as much of the path as tells all files apart."""
    depth = 1
    deepest = max(len(file.parts) for file in files)
    while depth < deepest and len({file.parts[-depth:] for file in files}) < len(files):
        depth += 1
    return tuple(Path(*file.parts[-depth:]).as_posix() for file in files)


def _files_of(path: Path) -> Sequence[Path]:
    if path.is_dir():
        photographs = list(scan(path).photos.values())
        if not photographs:
            raise BenchError(
                "the folder has no photographs", where=str(path), hint="Name a folder with JPEG or PNG files"
            )
        return photographs
    if path.exists() or not _WILD & set(str(path)):
        decode(path)  # of a file that is named by itself the mistake is said at once
        return [path]
    fitting = [Path(name) for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]
    if not fitting:
        raise BenchError(
            "no file fits the pattern", where=str(path), hint="Put the pattern in quotes, and check the path"
        )
    return fitting
