"""All methods on one photograph, for the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

import benchbench as bb
from benchbench.datasets.builtin.cutouts import cutouts
from benchbench.engine.sample_loader import load_sample
from benchbench.errors import NotApplicable
from benchbench.models.efficientnet_lite import efficientnet_lite
from benchbench.models.preprocess import denormalise, prepare
from benchbench.registry import METHODS

_FEW: dict[str, dict[str, Any]] = {"rise": {"masks": 1000}, "sscam": {"samples": 1}, "iscam": {"steps": 2}}
_FEW |= {"lime": {"samples": 300}, "kernelshap": {"samples": 300}, "sobol": {"designs": 8}, "ceiling": {"segments": 20}}
_COLUMNS = 8


def draw(photo: Image.Image, file: Path) -> None:
    """A mosaic of overlays, in the order of the registry; what does not apply says so."""
    spec = efficientnet_lite(0)
    image, _ = prepare(photo, None, spec.preprocess)
    shown = denormalise(image, spec.preprocess).numpy()
    names = [n for n, p in METHODS.load().items() if p.function.__module__.startswith("benchbench.")]
    rows = -(-(len(names) + 1) // _COLUMNS)
    figure = Figure(figsize=(1.5 * _COLUMNS, 1.72 * rows), dpi=90, layout="tight")
    axes = figure.subplots(rows, _COLUMNS).flatten()
    axes[0].imshow(shown)
    axes[0].set_title("photograph", fontsize=8)
    for axis, name in zip(axes[1:], names, strict=False):
        axis.set_title(name, fontsize=8)
        heat = _map(spec, image, name)
        if heat is None:
            axis.text(0.5, 0.5, "not applicable", ha="center", va="center", fontsize=7, transform=axis.transAxes)
        else:
            axis.imshow(shown)
            axis.imshow(heat, cmap=mpl.colormaps["inferno"], alpha=0.6, vmin=0, vmax=1)
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(file, pil_kwargs={"quality": 82, "optimize": True})


def _map(spec: bb.ModelSpec, image: torch.Tensor, name: str) -> np.ndarray | None:
    others = _others(spec) if "references" in METHODS[name].needs else None
    try:
        maps = bb.explain(spec.network, image[None], method=name, references=others, **_FEW.get(name, {}))
    except NotApplicable:
        return None
    heat: np.ndarray = maps[0, 0].numpy()
    return heat


def _others(spec: bb.ModelSpec) -> torch.Tensor:
    """Sixteen pictures for methods that compare an image with others."""
    data = cutouts(count=16)
    return torch.stack([load_sample(data, i, spec.preprocess)[1] for i in range(len(data.ids))])
