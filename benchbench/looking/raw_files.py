"""``--raw``: the maps as numbers, in NumPy's form and as float TIFF files, with a table of what each is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..files import make_folder, publish
from ..maps.normalise import saliency
from ..reports.escape import csv
from .looked import Looked, every_place

INDEX, MAPS = "index.csv", "maps.npz"


def write_raw(looked: Looked, folder: Path) -> list[Path]:
    """Write ``maps.npz``, a TIFF for each map, and ``index.csv``; returns their paths, the index first.

    - ``maps.npz``: an array for each row of the index under the name in its column ``map``: float32 (rows, columns) at
      the layer's resolution, not normalised.
    - TIFF: float32 (H, W) at the size of the network's input, min-max normalised to [0, 1].
    - ``index.csv``: ``map``, ``file``, ``image``, ``network``, ``layer``, ``method``, ``class``, ``class_name``,
      ``probability``, ``rows`` and ``columns``; a map that could not be made has no file, and the ``reason``.

    Raises:
        BenchError: the files cannot be written there.
    """
    make_folder(folder)
    arrays, rows, files = {}, [], []
    for number, place in enumerate(every_place(looked)):
        name = f"{number:04d}"
        saliency_map, picture = looked.map(place), looked.picture(place.sample)
        explained = looked.explained(place.sample, place.setting)
        row = {
            "map": name,
            "file": f"{name}.tiff",
            "image": place.sample,
            "network": looked.network,
            "layer": place.layer,
            "method": place.method,
            "class": explained.number if explained else "",
            "class_name": explained.name if explained else "",
            "probability": explained.probability if explained else "",
            "rows": "",
            "columns": "",
            "reason": "",
        }
        if saliency_map is None or picture is None:
            rows.append({**row, "map": "", "file": "", "reason": looked.reason(place)})
            continue
        arrays[name] = saliency_map.numpy()
        sized = saliency(saliency_map[None], (picture.height, picture.width))[0]
        files.append(publish(folder / f"{name}.tiff", _tiff(sized.numpy()), hint="Give another folder"))
        rows.append({**row, "rows": saliency_map.shape[0], "columns": saliency_map.shape[1]})
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    index = publish(folder / INDEX, csv(pd.DataFrame(rows)), hint="Give another folder")
    return [index, publish(folder / MAPS, packed.getvalue(), hint="Give another folder"), *files]


def _tiff(values: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values, mode="F").save(out, "TIFF", compression="tiff_deflate")
    return out.getvalue()
