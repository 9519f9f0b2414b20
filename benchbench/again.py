"""A method's maps again: of changed images, for another class, or of the network with other weights.

Each view is looked at once per batch of images, for all methods and layers that want it; a view that shows the map
itself once for all methods of equal maps. The class explained stays that of the image itself, and so do the seeds that
a method draws from: a method with noise of its own is not blamed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .allocator import out_of_memory
from .changed import moved
from .equal import equal_to
from .errors import BenchError
from .explaining import Maps, blame, explain
from .plan import MapCell, MetricCell
from .scoring import Answers, read
from .services import Batch, look
from .showing import Original, Shown, Weights, show
from .study import MetricChoice
from .table import Status
from .types import Again
from .views import Masked, RandomWeights, View


@dataclass(frozen=True, eq=False)
class _Found:
    """The maps by cell, and the network's answers (B,) with its most likely class; -1 where it failed."""

    maps: Mapping[str, Maps]
    answers: Answers
    likely: Tensor

    @classmethod
    def join(cls, parts: Sequence[_Found]) -> _Found:
        maps = {name: Maps.join([part.maps[name] for part in parts]) for name in parts[0].maps}
        return cls(maps, Answers.join([part.answers for part in parts]), torch.cat([part.likely for part in parts]))


def views_of(metric: MetricChoice) -> list[View]:
    """The views that a metric asks for, in its order."""
    return list(metric.plugin.views(**metric.params)) if metric.plugin.views else []


def wanted_views(cells: Sequence[MetricCell]) -> dict[View, list[MapCell]]:
    """By view, the map cells that some of the metric cells want it of."""
    found: dict[View, dict[str, MapCell]] = {}
    for cell in cells:
        for view in views_of(cell.metric):
            found.setdefault(view, {})[cell.maps.name] = cell.maps
    return {view: list(wanting.values()) for view, wanting in found.items()}


def passes_per_image(cells: Sequence[MetricCell], channels: Mapping[str, int]) -> int:
    """Roughly how many forwards the views of an image take: a look each, and what methods that score pictures add."""
    total = 0
    for view, wanting in wanted_views(cells).items():
        total += len(wanting) if isinstance(view, Masked) else 1
        total += sum(channels.get(cell.layer, 0) for cell in wanting if "scores" in cell.method.needs)
    return total


def explain_again(
    cells: Sequence[MetricCell], maps: Mapping[str, Maps], original: Original
) -> dict[str, dict[View, Again]]:
    """By map cell, the maps on every view that the metric cells ask for.

    Args:
        maps: by map cell, the maps of the images as they are. A cell without any is not shown anything.
    """
    wanted = {
        view: [cell for cell in asking if "ok" in maps[cell.name].statuses]
        for view, asking in wanted_views(cells).items()
    }
    weights = Weights(original)
    found: dict[str, dict[View, Again]] = {}
    known: dict[tuple[object, ...], dict[str, Again]] = {}
    for view in _ordered([view for view, live in wanted.items() if live], weights):
        live = wanted[view]
        what = (weights.layers_of(view), view.noise) if isinstance(view, RandomWeights) else (view,)
        key = (*what, *(cell.name for cell in live))
        if key not in known:  # of few layers, several blocks are the same
            known[key] = _on_view(view, live, maps, original, weights)
        for name, again in known[key].items():
            found.setdefault(name, {})[view] = again
    return found


def _ordered(views: Sequence[View], weights: Weights) -> list[View]:
    """Those of the same random layers beside each other."""
    drawn = sorted((view for view in views if isinstance(view, RandomWeights)), key=weights.layers_of)
    return [*(view for view in views if not isinstance(view, RandomWeights)), *drawn]


def _on_view(
    view: View, cells: Sequence[MapCell], maps: Mapping[str, Maps], original: Original, weights: Weights
) -> dict[str, Again]:
    found: dict[str, Again] = {}
    for group in _alike(cells, maps) if isinstance(view, Masked) else [cells]:
        shown = show(view, _finite(maps[group[0].name]), original, weights)
        seen, distance = _explain(shown, group), moved(original.pixels, shown.images)
        for cell in group:
            found[cell.name] = _again(shown, seen, seen.maps[cell.name], distance)
    return found


def _alike(cells: Sequence[MapCell], maps: Mapping[str, Maps]) -> list[list[MapCell]]:
    """The cells whose maps are equal for every image of the batch."""
    first = equal_to([_finite(maps[cell.name]) for cell in cells])
    groups: dict[tuple[int, ...], list[MapCell]] = {}
    for cell, row in zip(cells, first.tolist(), strict=True):
        groups.setdefault(tuple(row), []).append(cell)
    return list(groups.values())


def _finite(maps: Maps) -> Tensor:
    assert maps.tensor is not None, "some image has a map"
    return maps.tensor.cpu().nan_to_num(0, 0, 0)


def _explain(shown: Shown, cells: Sequence[MapCell]) -> _Found:
    """If the network fails on the batch, each image is tried alone; then without what needs a gradient."""
    own = shown.original
    if all(shown.reasons):
        return _nothing(shown, {cell.name: Maps.none(len(own.ids), "", "not_applicable") for cell in cells})
    try:
        batch = _look(shown, cells)
    except Exception as error:
        if out_of_memory(error):
            raise
        if len(own.ids) > 1:
            return _Found.join([_explain(shown.one(i), cells) for i in range(len(own.ids))])
        return _what_it_can(shown, cells, f"the network failed: {blame(error)}")
    maps = {cell.name: explain(cell, batch, own.ids, shown.masks, own.seed) for cell in cells}
    logits = batch.captured.logits.float()
    return _Found(maps, read(logits, batch.captured.targets), logits.argmax(1))


def _look(shown: Shown, cells: Sequence[MapCell]) -> Batch:
    layers = list(dict.fromkeys(cell.layer for cell in cells))
    gradient = any("gradient" in cell.method.needs for cell in cells)
    batch = look(shown.network, shown.scorer, shown.images, layers, shown.choose, gradient=gradient)
    if not torch.isfinite(batch.captured.logits).all():
        raise BenchError("the network's logits are not finite numbers")
    shown.scorer.advance(len(shown.images))
    return batch


def _what_it_can(shown: Shown, cells: Sequence[MapCell], reason: str) -> _Found:
    """After the network failed on one image: what is left without a gradient."""
    gentle = [cell for cell in cells if "gradient" not in cell.method.needs]
    refused = {cell.name: Maps.none(1, reason, "failed") for cell in cells}
    if not gentle or len(gentle) == len(cells):
        return _nothing(shown, refused)
    found = _explain(shown, gentle)
    return replace(found, maps=refused | dict(found.maps))


def _nothing(shown: Shown, maps: Mapping[str, Maps]) -> _Found:
    blank = torch.full((len(shown.reasons),), float("nan"), device=shown.images.device)
    return _Found(maps, Answers(blank, blank, blank), torch.full_like(shown.original.targets, -1))


def _again(shown: Shown, found: _Found, maps: Maps, distance: Tensor) -> Again:
    """On the CPU, where many views of many maps have room."""
    count = len(shown.reasons)
    tensor = torch.zeros(count, 1, 1) if maps.tensor is None else _finite(maps)
    pairs = list(zip(shown.reasons, maps.reasons, strict=True))
    said = tuple(why or (own and f"on {shown.view}: {own}") for why, own in pairs)
    refused: Status = "not_applicable"
    statuses = tuple(refused if why else own for why, own in zip(shown.reasons, maps.statuses, strict=True))
    return Again(
        tensor,
        found.answers.probability.cpu(),
        found.answers.logit.cpu(),
        (found.likely == shown.original.predicted).cpu(),
        distance.cpu(),
        said,
        statuses,
    )
