"""A method's maps again: of changed images, for another class, or of the network with other weights.

Each view is looked at once per batch of images, for all methods and layers that want it; a view that shows the map
itself once for all methods whose maps are the same. The class explained stays that of the image itself, and so do the
seeds that a method draws from: a method with noise of its own is not blamed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..errors import BenchError
from ..failure_policy import Failure, isolate
from ..maps.map_batch import MapBatch
from ..network.reference_batch import ReferenceBatch
from ..network.scorer import TargetScores, target_scores
from ..perturbation.corruptions import pixel_distance
from ..perturbation.equality import same_shown
from ..study.plan import MapCell, MetricCell
from ..study.requests import unsuited, views_of
from ..types import Reexplained
from ..types.views import AddedConstant, Masked, MirrorSymmetric, RandomWeights, Single, View, singles
from ..vocabulary import Status
from .apply_view import RandomisedNetworks, ViewBatch, apply_view
from .captured_maps import explain, gradients_of
from .layer_services import CapturedBatch, capture_batch
from .view_collector import ViewCollector

TRACED = "the method reads the network module by module, and would miss what is done to the input before"


@dataclass(frozen=True, eq=False)
class ViewMaps:
    """The maps by cell, and the network's answers (B,) with its most likely class; -1 where it failed."""

    maps: Mapping[str, MapBatch]
    answers: TargetScores
    likely: Tensor

    @classmethod
    def join(cls, parts: Sequence[ViewMaps]) -> ViewMaps:
        maps = {name: MapBatch.join([part.maps[name] for part in parts]) for name in parts[0].maps}
        return cls(
            maps, TargetScores.join([part.answers for part in parts]), torch.cat([part.likely for part in parts])
        )


def wanted_views(cells: Sequence[MetricCell]) -> dict[Single, list[MapCell]]:
    """By view that is shown, the map cells that some of the metric cells want it of."""
    wanted: dict[Single, dict[str, MapCell]] = {}
    for cell in cells:
        for view in () if unsuited(cell) else views_of(cell.metric):
            for single in singles(view):
                wanted.setdefault(single, {})[cell.maps.name] = cell.maps
    return {view: list(wanting.values()) for view, wanting in wanted.items()}


def reexplain(
    cells: Sequence[MetricCell], maps: Mapping[str, MapBatch], original: ReferenceBatch
) -> dict[str, dict[View, Reexplained]]:
    """By map cell, the maps on every view that the metric cells ask for.

    Args:
        maps: by map cell, the maps of the images as they are. A cell without any is not shown anything.
    """
    wanted = {
        view: [cell for cell in asking if "ok" in maps[cell.name].statuses]
        for view, asking in wanted_views(cells).items()
    }
    weights, tray = RandomisedNetworks(original), ViewCollector(cells)
    last: tuple[object, dict[str, Reexplained]] = (None, {})
    for view in _ordered([view for view, live in wanted.items() if live], weights):
        live = wanted[view]
        what = (weights.layers_of(view), view.noise) if isinstance(view, RandomWeights) else (view,)
        key = (*what, *(cell.name for cell in live))
        if key != last[0]:  # of few layers, several blocks are the same
            last = key, _on_view(view, live, maps, original, weights)
        for name, reexplained in last[1].items():
            tray.add(name, view, reexplained)
    return tray.by_cell()


def _ordered(views: Sequence[Single], weights: RandomisedNetworks) -> list[Single]:
    """Those of the same random layers beside each other, and of these those of the same noise."""
    noises = list(dict.fromkeys(view.noise for view in views if isinstance(view, RandomWeights)))
    drawn = sorted(
        (view for view in views if isinstance(view, RandomWeights)),
        key=lambda view: (weights.layers_of(view), noises.index(view.noise)),
    )
    return [*(view for view in views if not isinstance(view, RandomWeights)), *drawn]


def _on_view(
    view: Single,
    cells: Sequence[MapCell],
    maps: Mapping[str, MapBatch],
    original: ReferenceBatch,
    weights: RandomisedNetworks,
) -> dict[str, Reexplained]:
    reexplained: dict[str, Reexplained] = {}
    for group in _alike(cells, maps, original.pixels.size) if isinstance(view, Masked) else [cells]:
        shown = apply_view(view, _finite(maps[group[0].name]), original, weights)
        seen, distance = _shown_to_all(shown, group), pixel_distance(original.pixels, shown.images)
        for cell in group:
            reexplained[cell.name] = _reexplained(shown, seen, seen.maps[cell.name], distance)
    return reexplained


def _shown_to_all(shown: ViewBatch, cells: Sequence[MapCell]) -> ViewMaps:
    """The cells' maps of what is shown. A network traced module by module would miss what stands before its modules."""
    traced = [cell for cell in cells if "modules" in cell.method.needs]
    if not traced or not isinstance(shown.view, (AddedConstant, MirrorSymmetric)):
        return explain_shown(shown, cells)
    refused = {cell.name: MapBatch.none(len(shown.reasons), TRACED, "not_applicable") for cell in traced}
    others = [cell for cell in cells if cell not in traced]
    if not others:
        return _nothing(shown, refused)
    seen = explain_shown(shown, others)
    return replace(seen, maps=refused | dict(seen.maps))


def _alike(cells: Sequence[MapCell], maps: Mapping[str, MapBatch], size: tuple[int, int]) -> list[list[MapCell]]:
    """The cells whose maps, at the images' size, are the same to the last bit for every image of the batch."""
    groups = same_shown([_finite(maps[cell.name]) for cell in cells], size)
    return [[cells[i] for i in group] for group in groups]


def _finite(maps: MapBatch) -> Tensor:
    assert maps.tensor is not None, "some image has a map"
    return maps.tensor.cpu().nan_to_num(0, 0, 0)


def explain_shown(shown: ViewBatch, cells: Sequence[MapCell]) -> ViewMaps:
    """The cells' maps of what is shown.

    If the network fails on the batch, each image is tried alone; then without what needs a gradient.
    """
    original = shown.original
    if all(shown.reasons):
        return _nothing(shown, {cell.name: MapBatch.none(len(original), "", "not_applicable") for cell in cells})

    def then(batch: CapturedBatch) -> ViewMaps:
        drawn = (original.seed, original.pool)
        maps = {cell.name: explain(cell, batch, original.ids, shown.masks, *drawn) for cell in cells}
        logits = batch.captured.logits.float()
        answers = target_scores(logits, batch.captured.targets, shown.scorer.activation)
        return ViewMaps(maps, answers, logits.argmax(1))

    def alone(i: int) -> ViewMaps:
        return explain_shown(shown.row(i), cells)

    def refused(failure: Failure) -> ViewMaps:
        return _without_gradient(shown, cells, f"the network failed: {failure.reason}")

    return isolate(len(original), partial(_look, shown, cells), then, alone, ViewMaps.join, refused)


def _look(shown: ViewBatch, cells: Sequence[MapCell]) -> CapturedBatch:
    layers = list(dict.fromkeys(cell.layer for cell in cells))
    gradient = gradients_of(cells)
    batch = capture_batch(shown.network, shown.scorer, shown.images, layers, shown.choose, gradient=gradient)
    if not torch.isfinite(batch.captured.logits).all():
        raise BenchError("the network's logits are not finite numbers")
    shown.scorer.advance(len(shown.images))
    return batch


def _without_gradient(shown: ViewBatch, cells: Sequence[MapCell], reason: str) -> ViewMaps:
    """After the network failed on one image: what is left without a gradient."""
    gentle = [cell for cell in cells if "gradient" not in cell.method.needs]
    refused = {cell.name: MapBatch.none(1, reason, "failed") for cell in cells}
    if not gentle or len(gentle) == len(cells):
        return _nothing(shown, refused)
    remaining = explain_shown(shown, gentle)
    return replace(remaining, maps=refused | dict(remaining.maps))


def _nothing(shown: ViewBatch, maps: Mapping[str, MapBatch]) -> ViewMaps:
    blank = torch.full((len(shown.reasons),), float("nan"), device=shown.images.device)
    return ViewMaps(maps, TargetScores(blank, blank, blank), torch.full_like(shown.original.targets, -1))


def _reexplained(shown: ViewBatch, seen: ViewMaps, maps: MapBatch, distance: Tensor) -> Reexplained:
    """On the CPU, where many views of many maps have room."""
    count = len(shown.reasons)
    tensor = torch.zeros(count, 1, 1) if maps.tensor is None else _finite(maps)
    pairs = list(zip(shown.reasons, maps.reasons, strict=True))
    reasons = tuple(why or (reason and f"on {shown.view}: {reason}") for why, reason in pairs)
    refused: Status = "not_applicable"
    statuses = tuple(refused if why else status for why, status in zip(shown.reasons, maps.statuses, strict=True))
    return Reexplained(
        tensor,
        seen.answers.probability.cpu(),
        seen.answers.logit.cpu(),
        (seen.likely == shown.original.predicted).cpu(),
        distance.cpu(),
        reasons,
        statuses,
    )
