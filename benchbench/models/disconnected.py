"""``disconnected``: a network of a study, cut so that its logits come of one cell of a mosaic."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from ..errors import BenchError
from ..registry import model
from ..registry.nested_parameter import AnyModel, NestedModel
from ..types import ModelSpec
from .disconnect import disconnect
from .grid_cells import Division, Setting
from .load import load_model


@model(
    "disconnected",
    title="{of}, {setting}",
    paper="Rao et al., Towards Better Understanding Attribution Methods, CVPR 2022, arXiv:2205.10435",
)
def disconnected(
    *,
    of: AnyModel = NestedModel("resnet18"),  # noqa: B008 - frozen
    setting: Setting = "difull",
    grid: Annotated[int, Field(ge=2, le=3)] = 2,
    cell: Annotated[int, Field(ge=0, le=8)] = 0,
) -> ModelSpec:
    """A network whose logits provably come of one cell of a grid of images, to be used with the data set mosaics.

    ``difull``: each cell goes through the network alone, and the head reads one cell: the logits are those of the cell
    as an image, and the gradient to every other cell is 0. ``dipart``: the network runs on the whole grid, and only
    its head is cut: it reads one cell of the last map. Layers keep their names, and their maps cover the grid.

    Args:
        of: the network, by name or as ``{name: ..., parameter: ...}``.
        setting: ``difull`` or ``dipart``.
        grid: cells a side.
        cell: the cell that the head reads, counted row by row from 0. Rao et al. take the first and the last.

    Raises:
        NotApplicable: the network cannot be cut; the reason says why.
        BenchError: the grid has no such cell.
    """
    spec = load_model(of.name, of.plugin.function, of.params)
    frame = spec.preprocess
    try:
        shape = (len(frame.mean), frame.crop, frame.crop)
        network = disconnect(spec.network, Division(setting, grid, cell), shape)
    except BenchError as error:
        raise error.at(str(of)) from None
    reads = "each cell goes through the network alone" if setting == "difull" else "the network runs on the whole grid"
    note = f"{setting}: {reads}, and the head reads cell {cell} of {grid} x {grid}"
    return replace(
        spec,
        network=network,
        preprocess=replace(frame, resize=None if frame.resize is None else grid * frame.resize, crop=grid * frame.crop),
        note=". ".join(filter(None, [spec.note, note])),
    )
