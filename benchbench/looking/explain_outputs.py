"""What ``benchbench explain`` writes and says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ..console import plain_console
from ..engine.progress import Terminal
from ..errors import BenchError
from ..files import publish
from ..viz.style import Style
from .look import LookRequest, look
from .looked import Looked
from .raw_files import write_raw
from .sheet_layout import check_columns
from .sheet_of_maps import check_file
from .show import map_sheet
from .weak_objects import THRESHOLD, coco_text, sizes_of, weak_objects, write_masks


@dataclass(frozen=True)
class Outputs:
    """Where everything is written.

    Attributes:
        out: the sheet. raw, masks: folders. boxes: a JSON file. None: not written.
        threshold: of boxes and masks, a share of the map's maximum.

    Raises:
        BenchError: a file of another suffix, a folder that is not there or not empty, or a threshold outside (0, 1].
    """

    out: Path
    raw: Path | None = None
    boxes: Path | None = None
    masks: Path | None = None
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        check_file(self.out)
        if not 0 < self.threshold <= 1:
            hint = "Give a number above 0, at most 1"
            raise BenchError(f"it is {self.threshold}", where="threshold", hint=hint)
        for folder in filter(None, (self.raw, self.masks)):
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                hint = "Name a new folder: files of an earlier call would stand among the new ones"
                raise BenchError("it is no empty folder", where=str(folder), hint=hint)


@dataclass(frozen=True)
class Written:
    """What was written, and what is said of it.

    Attributes:
        lines: for each picture and class: the name, the class and its probability.
        failed: whether a map or a score failed.
    """

    files: tuple[Path, ...]
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    failed: bool


class _Bar(Terminal):
    """A bar without warnings: they are said at the end, and a mistake is one line."""

    def warn(self, what: str) -> None: ...


def written(request: LookRequest, files: Sequence[Path], columns: str, style: Style, outputs: Outputs) -> Written:
    """Compute the maps and write what is asked for.

    Args:
        files: the photographs, in the order of the request's data.

    Raises:
        BenchError: an unknown name, a network that does not take the photographs, or a file that cannot be written.
    """
    check_columns(columns)
    named = dict(zip(map(str, request.data.ids), files, strict=True))
    bar = _Bar(plain_console(stderr=True))
    with TemporaryDirectory(prefix="benchbench-look-") as folder:
        try:
            looked = look(request, Path(folder), bar)
        finally:
            bar.stop()
        paths = [map_sheet(looked, columns, style).save(outputs.out), *_more(looked, named, outputs)]
        warnings = tuple(map(str, looked.record.info["warnings"]))
        return Written(tuple(paths), tuple(_lines(looked, named)), warnings, looked.failed > 0)


def _more(looked: Looked, files: Mapping[str, Path], outputs: Outputs) -> Iterator[Path]:
    """The first path of each kind: a folder of many files is named by one of them."""
    if outputs.raw is not None:
        yield write_raw(looked, outputs.raw)[0]
    if outputs.boxes is None and outputs.masks is None:
        return
    sizes = sizes_of(looked, files)
    objects = list(weak_objects(looked, sizes, outputs.threshold))
    if outputs.boxes is not None:
        yield publish(outputs.boxes, coco_text(looked, objects, sizes, outputs.threshold), hint="Give another --boxes")
    if outputs.masks is not None:
        write_masks(looked, objects, outputs.masks)
        yield outputs.masks


def _lines(looked: Looked, files: Mapping[str, Path]) -> Iterator[str]:
    for sample in looked.samples:
        for setting in looked.targets:
            explained = looked.explained(sample, setting)
            yield f"{files[sample]}: {explained.words if explained else looked.why_not_read(sample)}"
