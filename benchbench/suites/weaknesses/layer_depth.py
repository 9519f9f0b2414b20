"""Whether a method explains shallow layers as well as deep ones: its localisation over all layers of a run, and fused.

The score is the mean over layers of (PxAP - a) / (1 - a), a the object's share of the image; the table has the score of
the fused map too, and what it gains on the best single layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...stats.intervals import limits
from ...study.choices import MethodChoice
from ...types import INPUT
from ..verdict_rows import absent_row, mean_row
from .map_scores import localisation
from .questions import DEPTH
from .scenes import NO_MASKS
from .trained import SceneRun

SHALLOW, GAMMA = 3, 2.0  # Layer-CAM's text: the first three of five stages became tanh(2 M / max M)
ONE_LAYER = "the study has one layer of this network; ask for more, such as layers: stages"


def depth_rows(run: SceneRun, method: MethodChoice) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The verdict of a method on depth, and its rows of the table of stages: each layer, and the fused map.

    What explains the network as a whole has one map, which stands for every layer.

    Args:
        run: of the suite's study.
        method: of it.
    """
    where = {"model": run.model, "dataset": run.dataset, "layer": ""}
    layers = run.layers_of(method)
    maps = {layer: run.maps(layer, method.label) for layer in layers}
    reason = _unasked(run, maps, method)
    if reason:
        return absent_row(DEPTH, method.label, reason, **where), []
    samples = [name for name in maps[layers[0]] if all(name in maps[layer] for layer in layers)]
    samples = [name for name in samples if run.scenes[name].mask is not None]
    if not samples:
        return absent_row(DEPTH, method.label, "no image has maps at every layer and a mask", **where), []
    stages = np.array([[localisation(maps[layer][name], run.scenes[name]) for name in samples] for layer in layers])
    row = mean_row(DEPTH, method.label, stages.mean(0).tolist(), run.seed, **where)
    base = {"method": method.label, "model": run.model, "dataset": run.dataset, "n": len(samples)}
    table = [{**base, "layer": layer, "score": float(stages[k].mean())} for k, layer in enumerate(layers)]
    if len(layers) > 1:
        fusions = [fused([maps[layer][name] for layer in layers]) for name in samples]
        scores = [localisation(each, run.scenes[name]) for name, each in zip(samples, fusions, strict=True)]
        table.append({**base, "layer": "fused", **_against_best(np.array(scores, dtype=float), stages, run.seed)})
    return row, table


def _against_best(fused_scores: np.ndarray[Any, Any], stages: np.ndarray[Any, Any], seed: int) -> dict[str, float]:
    """The fused map's mean score, and what it gains on the layer that is best on these images, with its interval."""
    gains = fused_scores - stages[int(stages.mean(1).argmax())]
    low, high = limits(gains[:, None], -1.0, 1.0, seed)[:, 0]
    return {
        "score": float(fused_scores.mean()),
        "gain": float(gains.mean()),
        "gain_low": float(low),
        "gain_high": float(high),
    }


def fused(maps: Sequence[Tensor]) -> Tensor:
    """Layer-CAM's fusion of one image's maps (H, W) in [0, 1], from the shallowest to the deepest.

    The element-wise maximum, after the maps M of the first three became tanh(2 M); the deepest never does.
    """
    shallow = min(SHALLOW, len(maps) - 1)
    stack = torch.stack(list(maps))
    return torch.cat([torch.tanh(GAMMA * stack[:shallow]), stack[shallow:]]).amax(0)


def _unasked(run: SceneRun, maps: Mapping[str, Mapping[str, Tensor]], method: MethodChoice) -> str:
    if all(scene.mask is None for scene in run.scenes.values()):
        return NO_MASKS
    if len(run.layers) < 2:
        return ONE_LAYER
    lacking = next((layer for layer, known in maps.items() if not known), None)
    if lacking is None:
        return ""
    where = "" if lacking == INPUT else f"at {lacking}: "
    return f"{where}{run.why_none(lacking, method.label)}"
