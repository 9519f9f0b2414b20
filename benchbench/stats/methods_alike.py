"""How alike the maps of every two methods are over the images of a setting; ``map_agreement`` has the measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ..results.record import Record, with_units
from ..results.schema import FloatArray
from .intervals import limits
from .map_agreement import MEASURES, TOP, alike
from .resampling import Array

KEYS = ["model", "dataset", "layer"]
COLUMNS = [*KEYS, "method", "other", *(f"{name}{part}" for name in MEASURES for part in ("", "_low", "_high")), "n"]
FEWEST_IMAGES = 8  # that are read of a setting, however large its maps are


def method_agreement(
    record: Record, top: float = TOP, most_cells: int | None = None, most_images: int | None = None
) -> pd.DataFrame:
    """Means over images of how alike the maps of every two methods are.

    Args:
        record: a run, with the methods that explain a network as a whole at each layer (``with_network_rows``).
        top: the share of a map's cells that are its top, in (0, 1].
        most_cells: of a setting, how many cells of maps are read: the first images of the study, at least eight; all
            images by default.
        most_images: of a setting, as ``most_cells``; all images by default.

    Returns:
        One row per model, dataset, layer and pair of methods, controls too. Each with ``_low`` and ``_high``, the 95 %
        interval of the mean over independent images: ``spearman``, the rank correlation, in [-1, 1]; ``top``, the share
        of the top cells that both maps have, in [0, 1]; ``sign``, the share of the cells largest in magnitude that both
        maps have with the same sign, NaN unless both methods keep their sign (``sign: signed``). ``n``: independent
        images on which both maps are alive.
    """
    signed = {entry["name"] for entry in record.info["methods"] if entry["parameters"].get("sign") == "signed"}
    tables = [_empty()]
    for place, here in with_units(record.maps, record.info).groupby(KEYS, sort=False):
        methods = [str(name) for name in dict.fromkeys(here["method"])]
        images = _first_images(here, most_cells, most_images)
        signs = [name in signed for name in methods]
        matrices = [alike(maps, signs, top) for maps in _maps(record, images, methods)]
        first, second = np.triu_indices(len(methods), 1)
        table = pd.DataFrame(dict(zip(KEYS, place, strict=True)), index=range(len(first)))
        table["method"], table["other"] = np.array(methods)[first], np.array(methods)[second]
        units = _units(images)
        for name, low in MEASURES.items():
            values = _of_units(np.array([each[name][first, second] for each in matrices]), units)
            columns = [name, f"{name}_low", f"{name}_high"]
            table[columns] = np.stack([_means(values), *_limits(values, low, int(record.info["seed"]))], axis=1)
            table["n"] = (~np.isnan(values)).sum(0) if name == "spearman" else table["n"]
        tables.append(table)
    return pd.concat(tables[1:] or tables, ignore_index=True)[COLUMNS]


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=COLUMNS)


def _first_images(here: pd.DataFrame, most_cells: int | None, most_images: int | None) -> pd.DataFrame:
    """The maps of the first images, at least ``FEWEST_IMAGES``, with about so many cells; all for None."""
    samples = list(dict.fromkeys(here["sample"]))
    most = len(samples) if most_images is None else most_images
    if most_cells is not None:
        most = min(most, most_cells // max(1, int(here.loc[here["sample"] == samples[0], "cells"].sum())))
    return here[here["sample"].isin(samples[: max(FEWEST_IMAGES, most)])]


def _maps(record: Record, images: pd.DataFrame, methods: Sequence[str]) -> Iterator[list[FloatArray | None]]:
    """Of each image and target, the methods' maps."""
    for _, rows in images.groupby(["sample", "target"], sort=False, dropna=False):
        files = zip(rows["method"], rows["file"], rows["row"], strict=True)
        places = {str(name): (str(file), int(row)) for name, file, row in files}
        yield [record.map(*places[name]) if name in places else None for name in methods]


def _units(images: pd.DataFrame) -> list[str]:
    rows = images.drop_duplicates(["sample", "target"])
    return [str(unit) for unit in rows["unit" if "unit" in rows else "sample"]]


def _of_units(values: Array, units: Sequence[str]) -> Array:
    """(units, pairs): the means over the images of each independent unit, of (images, pairs)."""
    return np.asarray(pd.DataFrame(values).groupby(list(units), sort=False).mean(), dtype=np.float64)


def _means(values: Array) -> Array:
    known = ~np.isnan(values)
    return np.where(known.any(0), np.nansum(values, axis=0) / np.maximum(known.sum(0), 1), np.nan)


def _limits(values: Array, low: float, seed: int) -> Array:
    """(2, pairs): the 95 % interval of each mean; the pairs that lack the same units together."""
    ends = np.full((2, values.shape[1]), np.nan)
    known = ~np.isnan(values)
    for pattern in np.unique(known, axis=1).T:
        if pattern.any():
            here = (known == pattern[:, None]).all(0)
            ends[:, here] = limits(values[pattern][:, here], low, 1.0, seed)
    return ends
