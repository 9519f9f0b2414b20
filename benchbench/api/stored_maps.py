"""The maps that a run stored, read back by method, image, network, data and layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BenchError, meant, nearest
from ..formatting import join_words
from ..results.record import Record
from ..results.schema import FloatArray

KEYS = ["model", "dataset", "layer", "method", "sample", "target"]
_FILTERS = ("method", "sample", "model", "dataset", "layer")


@dataclass(frozen=True, eq=False)
class StoredMaps(Sequence[FloatArray]):
    """Maps of a run at the resolution of their layers, not normalised; each is read from the folder when it is used.

    Args:
        keys: one row per map: ``model``, ``dataset``, ``layer``, ``method``, ``sample`` and ``target``.

    Example:
        >>> _ = bb.Study(models={"mine": network}, datasets={"val": (images, labels)},
        ...              methods=["gradcam", "layercam"], metrics=["deletion"]).run("runs/mine", report=False)
        >>> maps = bb.Run.load("runs/mine").maps(method="gradcam")
        >>> len(maps) == len(maps.keys) == len(images)
        True
        >>> maps[0].dtype, maps[0].ndim  # rows and columns of the layer's output
        (dtype('float32'), 2)
        >>> maps.stack().shape[0] == len(images)
        True
    """

    keys: pd.DataFrame
    _record: Record
    _places: tuple[tuple[str, int], ...]  # the file of each map, and its row in the file

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        """One map, float32 of the shape (rows, columns); a slice is again ``StoredMaps``.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        if isinstance(index, slice):
            return StoredMaps(self.keys.iloc[index].reset_index(drop=True), self._record, self._places[index])
        return self._record.map(*self._places[index])

    def __iter__(self) -> Iterator[FloatArray]:
        return (self._record.map(*place) for place in self._places)

    def stack(self) -> FloatArray:
        """All maps as an array of the shape (maps, rows, columns).

        Raises:
            BenchError: the maps have several shapes, as those of different layers; or a file is not what the run wrote.
        """
        maps = list(self)
        shapes = sorted({each.shape for each in maps})
        if len(shapes) > 1:
            several = " and ".join(" x ".join(map(str, shape)) for shape in shapes[:3])
            message = f"the maps have {len(shapes)} shapes: {several}"
            raise BenchError(message, where="stack", hint="Choose a layer and a model, or iterate over the maps")
        return np.stack(maps)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.stack(), dtype=dtype)

    def __repr__(self) -> str:
        return f"<{len(self)} maps; keys, [i], stack()>\n{self.keys}"


def stored_maps(record: Record, chosen: Mapping[str, str | Sequence[str] | None]) -> StoredMaps:
    """The maps of a record that the filters leave, in the order of the run.

    Args:
        chosen: by ``method``, ``sample``, ``model``, ``dataset`` and ``layer``, the name or names; None for all.

    Raises:
        BenchError: the run has no such name, or no map of this combination; it says what there is.
    """
    rows = record.maps
    left: list[str] = []
    for column in _FILTERS:
        wanted = chosen.get(column)
        if wanted is None:
            continue
        names = [_known(record, column, name) for name in _listed(column, wanted)]
        kept = rows[rows[column].isin(names)]
        if kept.empty:
            raise _nothing(rows, column, names, left)
        rows = kept
        left.append(f"{column} {join_words(names)}")
    places = tuple(zip(rows["file"].map(str), rows["row"].map(int), strict=True))
    return StoredMaps(rows[KEYS].reset_index(drop=True), record, places)


def _listed(column: str, value: object) -> list[object]:
    names = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not names:
        raise BenchError(f"no {column} is named", where="maps", hint="Leave it out for all")
    return names


def _known(record: Record, column: str, name: object) -> str:
    """The name as the run spells it."""
    known = list(dict.fromkeys(record.maps[column].map(str)))
    spelled = meant(str(name), known)
    if len(spelled) == 1:
        return spelled[0]
    if column == "method" and name in [method["name"] for method in record.info["methods"]]:
        rows = record.results[(record.results["method"] == name) & (record.results["status"] != "ok")]
        reason = f"No map was made: {rows['reason'].iloc[0]}" if len(rows) else "No map was kept"
        raise BenchError(f"the run has no map of {name}", where="maps", hint=reason)
    raise BenchError(f"the run has no maps of the {column} {str(name)!r}", where="maps", hint=nearest(str(name), known))


def _nothing(rows: pd.DataFrame, column: str, names: Sequence[str], left: Sequence[str]) -> BenchError:
    known = list(dict.fromkeys(rows[column].map(str)))
    message = f"the run has no map of {column} {join_words(names)} with {join_words(left)}"
    return BenchError(message, where="maps", hint=f"There, {column} is {' or '.join(known[:20])}")
