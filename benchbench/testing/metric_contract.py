"""The contract of a metric, as tests; see ``benchbench.testing.check_metric``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..evaluation.evaluate import evaluate
from ..maps.map_batch import MapBatch
from ..network.reference_batch import ReferenceBatch, pixels_of
from ..network.scorer import Scorer
from ..registry import METHODS
from ..study.plan import MapCell, MetricCell
from ..study.spec import MethodChoice, MetricChoice
from ..types import Preprocess
from ..types.batch import ImageBatch

Entry = Mapping[str, Any]
SIZE = (48, 64)
TARGETS = (0, 1, 2, 3, 2)  # of the trial's images; the last is the most likely class of its image


class PositionNet(nn.Module):
    """A small network whose answers depend on where the picture is bright; its classes are far from certain."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 5, 4, 2), nn.Linear(6 * 12 * 16, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.conv(images).relu().flatten(1))
        return 2 * logits


@dataclass(frozen=True, eq=False)
class MetricCase:
    """A metric under one protocol, and what it is tried on.

    Attributes:
        maps: (B, h, w), not normalised.
        masks: (B, H, W) bool, or None.
        tolerance: by how much its value may differ between batches.
    """

    choice: MetricChoice
    network: nn.Module
    images: Tensor
    maps: Tensor
    masks: Tensor | None
    tolerance: float = 1e-4

    @property
    def range(self) -> tuple[float, float]:
        """What its values lie in, with its parameters."""
        return self.choice.plugin.reading_of(self.choice.params).range

    @cached_property
    def first(self) -> list[Entry]:
        """What the engine writes of the trial as it is; the checks of one metric share it."""
        return self.entries(batch=64)

    def entries(
        self, *, batch: int = 16, maps: Tensor | None = None, masks: Tensor | None = None, rows: Sequence[int] = ()
    ) -> list[Entry]:
        """What the engine writes of each image: value, status, reason."""
        (entries,) = self.entries_of([self.maps if maps is None else maps], batch=batch, masks=masks, rows=rows)
        return entries

    def entries_of(
        self, stack: Sequence[Tensor], *, batch: int = 16, masks: Tensor | None = None, rows: Sequence[int] = ()
    ) -> list[list[Entry]]:
        """The same under several maps (B, h, w) of the images, scored beside each other as those of several methods."""
        rows = list(rows) or list(range(len(self.images)))
        all_masks = self.masks if masks is None else masks
        names = tuple(f"image {i}" for i in rows)
        images = self.images[rows].clone()
        chunk = ImageBatch(
            names, images, (0,) * len(rows), None if all_masks is None else all_masks[rows], ("",) * len(rows)
        )
        targets = torch.tensor(TARGETS)[rows]
        pixels, shapes = pixels_of(chunk, 0, Preprocess()), chunk.masks
        reference = ReferenceBatch(
            self.network, Scorer(self.network, batch), names, pixels, shapes, targets, targets, seed=0
        )
        held: dict[str, MapBatch] = {}
        cells = []
        for m, maps in enumerate(stack):
            holder = MapCell(f"maps {m}", "layer", MethodChoice("random", {}, METHODS["random"]), "")
            held[holder.name] = MapBatch(maps[rows], ("",) * len(rows), tuple("ok" for _ in rows))
            cells.append(MetricCell(f"metric {m}", holder, self.choice))
        pages = evaluate(cells, held, reference)
        assert torch.equal(images, self.images[rows]), "the images were changed"
        return [[pages[cell.name]["samples"][name] for name in names] for cell in cells]


def trial(choice: MetricChoice, tolerance: float) -> MetricCase:
    """Five images with structure, maps of 6 x 8 cells, and masks of different size."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(5, 3, SIZE[0] // 8, SIZE[1] // 8, generator=generator)
    images = F.interpolate(coarse, size=SIZE, mode="bilinear")
    masks = torch.zeros(5, *SIZE, dtype=torch.bool)
    for i in range(5):
        masks[i, 4 * i : 4 * i + 12, 6 * i : 6 * i + 10 + 5 * i] = True
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PositionNet().eval()
    return MetricCase(choice, network, images, torch.rand(5, 6, 8, generator=generator), masks, tolerance)


def declares_itself(case: MetricCase) -> None:
    """A summary; and under every protocol, whose parameters it takes, a unit, an equation and a range."""
    plugin = case.choice.plugin
    assert plugin.summary, "it has no summary"
    for name, params in plugin.protocols.items():
        reading = plugin.reading_of(plugin.bind(params))
        for trait in ("unit", "equation"):
            assert getattr(reading, trait), f"it has no {trait} under {name}"
        assert reading.range[0] < reading.range[1], f"its range is {reading.range} under {name}"
    assert ("probes" in plugin.needs) == (plugin.probes is not None), (
        "probes are declared in one place and not in the other"
    )


def batches_and_order(case: MetricCase) -> None:
    """Scored in other batches, in another order, or alone: the same values; twice the same."""
    together = case.first
    assert together == case.entries(batch=64), "two calls give different values"
    backwards = case.entries(batch=3, rows=range(len(case.images) - 1, -1, -1))
    _same(case, backwards[::-1], together, "scored three at a time and in another order")
    for i in (0, len(together) - 1):
        _same(case, case.entries(rows=[i]), [together[i]], f"image {i} alone")


def in_its_range(case: MetricCase) -> None:
    """Every value lies in the range that it declares; at least one of the images has one."""
    values = [entry["value"] for entry in case.first if entry["status"] == "ok"]
    assert values, f"no image has a value: {case.first[0]['reason']}"
    low, high = case.range
    wrong = [v for v in values if not low - 1e-6 <= v <= high + 1e-6]
    assert not wrong, f"{wrong[0]} is not in {low} .. {high}"


def constant_map(case: MetricCase) -> None:
    """On a map that is the same everywhere: a value in its range, or not applicable; never a failure."""
    _no_failure(case, case.entries(maps=torch.full_like(case.maps, 0.3)))


def one_pixel(case: MetricCase) -> None:
    """On a map that is zero but for one cell, and on one of zeros and ones: the same."""
    spike = torch.zeros_like(case.maps)
    spike[:, 2, 3] = 1
    for entries in case.entries_of([spike, (case.maps > 0.5).float()]):
        _no_failure(case, entries)


def only_ranks(case: MetricCase) -> None:
    """If it says that it reads only ranks, no increasing change of the map changes it; nor does any scale, if not."""
    levels = torch.randint(0, 9, (len(case.maps), *SIZE), generator=torch.Generator().manual_seed(1)).float() / 8
    increasing = [levels.exp()] if case.choice.plugin.ranks_only else []
    first, scaled, *raised = case.entries_of([levels, 5 * levels, *increasing])
    _same(case, scaled, first, "with the map scaled")
    for entries in raised:
        _same(case, entries, first, "with the map's exponential")


def empty_mask(case: MetricCase) -> None:
    """If it needs a mask: not applicable where it is empty, and where the dataset has none."""
    if "mask" not in case.choice.plugin.needs:
        return
    assert case.masks is not None
    empty = case.masks.clone()
    empty[1] = False
    entries = case.entries(masks=empty)
    assert entries[1]["status"] == "not_applicable", f"an empty mask gives {entries[1]}"
    without = MetricCase(case.choice, case.network, case.images, case.maps, None)
    statuses = {entry["status"] for entry in without.entries()}
    assert statuses == {"not_applicable"}, f"without masks it is {statuses}"


def depends_on_the_map(case: MetricCase) -> None:
    """Two of several maps, some of them opposite, score differently; or it says of every image why none can.

    On ordinary images; on noise, of which SLIC makes one segment; on images of one colour; under masks that cover the
    image.
    """
    alike = [name for name, scene in _scenes(case).items() if not _tells(scene, coarse=scene is not case)]
    where = " and on ".join(alike)
    assert not alike, f"every map has the same value on {where}: use inapplicable where no map can change it"


def _scenes(case: MetricCase) -> dict[str, MetricCase]:
    noise = torch.rand(case.images.shape, generator=torch.Generator().manual_seed(5))
    scenes = {
        "the trial's images": case,
        "images of noise": replace(case, images=noise),
        "images of one colour": replace(case, images=torch.full_like(case.images, 0.4)),
    }
    if case.masks is not None and "mask" in case.choice.plugin.needs:
        scenes["masks that cover the image"] = replace(case, masks=torch.ones_like(case.masks))
    return scenes


def _tells(case: MetricCase, *, coarse: bool) -> bool:
    """Whether two maps differ on some image, or no image has a value under any map.

    ``coarse``: a metric of 0 and 1 passes too, as four maps may well agree in it.
    """
    spike = torch.zeros_like(case.maps)
    spike[:, 1, 1] = 1
    rows = range(min(2, len(case.images)))
    values: list[list[float]] = [[] for _ in rows]
    for opposites in ([case.maps, -case.maps], [spike, -spike]):
        for entries in case.entries_of(opposites, rows=rows):
            for image_values, entry in zip(values, entries, strict=True):
                image_values += [entry["value"]] if entry["status"] == "ok" else []
        spans = [max(image_values) - min(image_values) for image_values in values if image_values]
        if spans and max(spans) > 1e-6 * max(abs(value) for image_values in values for value in image_values):
            return True
    return not spans or (coarse and all(value in (0, 1) for image_values in values for value in image_values))


METRIC_CHECKS: dict[str, Callable[[MetricCase], None]] = {
    "declares itself": declares_itself,
    "batches and order": batches_and_order,
    "in its range": in_its_range,
    "constant map": constant_map,
    "one pixel": one_pixel,
    "only ranks": only_ranks,
    "empty mask": empty_mask,
    "depends on the map": depends_on_the_map,
}


def _no_failure(case: MetricCase, entries: Sequence[Entry]) -> None:
    low, high = case.range
    for entry in entries:
        assert entry["status"] != "failed", f"it fails: {entry['reason']}"
        assert entry["status"] != "ok" or low - 1e-6 <= entry["value"] <= high + 1e-6, f"its value is {entry['value']}"


def _same(case: MetricCase, entries: Sequence[Entry], expected: Sequence[Entry], when: str) -> None:
    for entry, other in zip(entries, expected, strict=True):
        assert entry["status"] == other["status"], f"{when} it is {entry['status']}, and was {other['status']}"
        if entry["status"] == "ok":
            off = abs(entry["value"] - other["value"])
            assert off <= case.tolerance, f"{when} the value differs by {off:.1g}"
