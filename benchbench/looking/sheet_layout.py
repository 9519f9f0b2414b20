"""Where the maps stand on a sheet: which of methods, layers and classes are its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Literal, TypeAlias, get_args

from PIL import Image

from ..errors import BenchError, nearest
from ..viz.picture_grid import Panel, PictureGrid
from ..viz.style import Style, styled
from .looked import Looked, MapPlace

Columns: TypeAlias = Literal["methods", "layers", "classes"]
AUTO = "auto"
MOST_COLUMNS = 8  # of a sheet of one row; more are wrapped
_SEEN = "what the network sees"
_ARROWS = {"deletion": "deletion {:.3f} ↓", "insertion": "insertion {:.3f} ↑"}


def check_columns(columns: str) -> None:
    """Refuse what is no axis of a sheet.

    Raises:
        BenchError: it is none of ``auto``, ``methods``, ``layers`` and ``classes``.
    """
    known = (AUTO, *get_args(Columns))
    if columns not in known:
        raise BenchError(f"no columns {columns!r}", where="columns", hint=nearest(str(columns), known))


def _wrapped(row: Sequence[Panel], heads: Sequence[str]) -> tuple[tuple[Panel, ...], ...]:
    """A long row as several, of about one length; what stood above each column stands below its picture."""
    lines = -(-len(row) // MOST_COLUMNS)
    length = -(-len(row) // lines)
    named = [row[0], *(_with_head(panel, head) for panel, head in zip(row[1:], heads[1:], strict=True))]
    return tuple(tuple(named[start : start + length]) for start in range(0, len(named), length))


def _with_head(panel: Panel, head: str) -> Panel:
    return replace(panel, says="\n".join(filter(None, [head, panel.says])))


@dataclass(frozen=True, eq=False)
class SheetLayout:
    """The columns and the rows of a sheet.

    Attributes:
        columns: ``auto`` takes methods if there are several, else layers, else classes.
    """

    looked: Looked
    columns: str = AUTO
    style: Style = field(default_factory=Style)

    def __post_init__(self) -> None:
        check_columns(self.columns)

    def sheet(self) -> PictureGrid:
        """The picture, and beside it its maps; a row for each picture and for whatever the columns do not have."""
        rows = tuple(row for sample in self.looked.samples for row in self._rows_of(sample))
        heads = (_SEEN, *self._axes[self._across].values())
        if len(rows) == 1 and len(heads) > MOST_COLUMNS:
            rows, heads = _wrapped(rows[0], heads), ()
        bar = self.style.colours if self.style.shows_scale else ""
        return PictureGrid(rows, heads, bar, f"{self.looked.network}: saliency maps")

    @cached_property
    def _axes(self) -> Mapping[str, Mapping[str, str]]:
        """By axis, from names in the run to words on the sheet."""
        looked = self.looked
        several = len(looked.targets) > 1
        classes = {name: str(target) if several else "explained class" for name, target in looked.targets.items()}
        return {
            "methods": looked.methods,
            "layers": {layer: layer for layer in looked.layers},
            "classes": {setting: self._common_class(setting) or words for setting, words in classes.items()},
        }

    def _common_class(self, setting: str) -> str:
        """The class of a setting, where it is the same for every picture."""
        names = {each.name for sample in self.looked.samples if (each := self.looked.explained(sample, setting))}
        return names.pop() if len(names) == 1 else ""

    @cached_property
    def _across(self) -> str:
        if self.columns != AUTO:
            return self.columns
        several = [axis for axis, names in self._axes.items() if len(names) > 1]
        return several[0] if several else "methods"

    def _rows(self) -> Iterator[dict[str, str]]:
        """Every choice of what is not a column, by axis."""
        down = [axis for axis in ("classes", "layers", "methods") if axis != self._across]
        for names in product(*(self._axes[axis] for axis in down)):
            yield dict(zip(down, names, strict=True))

    def _rows_of(self, sample: str) -> Iterator[tuple[Panel, ...]]:
        picture = self.looked.picture(sample)
        for fixed in self._rows():
            yield tuple(self._row(sample, picture, fixed))

    def _row(self, sample: str, picture: Image.Image | None, fixed: Mapping[str, str]) -> Iterator[Panel]:
        yield Panel(picture, self._caption(sample, fixed), alt=f"{sample}, as the network sees it")
        for name in self._axes[self._across]:
            chosen = {**fixed, self._across: name}
            yield self._panel(picture, MapPlace(sample, chosen["classes"], chosen["layers"], chosen["methods"]))

    def _caption(self, sample: str, fixed: Mapping[str, str]) -> str:
        """The picture's name, and what holds of the whole row."""
        lines = [sample]
        if "classes" in fixed:
            explained = self.looked.explained(sample, fixed["classes"])
            lines += [explained.words] if explained else []
        lines += [self._axes[axis][fixed[axis]] for axis in ("layers", "methods") if self._tells(axis, fixed)]
        return "\n".join(lines)

    def _tells(self, axis: str, fixed: Mapping[str, str]) -> bool:
        return axis in fixed and len(self._axes[axis]) > 1

    def _panel(self, picture: Image.Image | None, place: MapPlace) -> Panel:
        saliency_map = self.looked.map(place)
        if saliency_map is None or picture is None:
            return Panel(None, self.looked.reason(place))
        lines = [self._class_line(place)] if self._across == "classes" else []
        scores = self.looked.scores(place)
        lines += [_ARROWS[name].format(scores[name]) for name in _ARROWS if name in scores]
        alt = f"map of {self.looked.methods[place.method]} at {place.layer} for {self._class_line(place)}"
        return Panel(styled(picture, saliency_map, self.style), "\n".join(filter(None, lines)), alt)

    def _class_line(self, place: MapPlace) -> str:
        explained = self.looked.explained(place.sample, place.setting)
        return explained.words if explained else ""
