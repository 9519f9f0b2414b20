"""Where a metric cannot depend on the map it does not apply, and says why; where it can, it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchbench.errors import BenchError
from benchbench.evaluation.degenerate import SETTLED, UNFILLED
from benchbench.metrics.region_removal import least_of
from benchbench.perturbation.apply_probe import above
from benchbench.perturbation.superpixels import segments_of
from benchbench.registry import METRICS, metric
from benchbench.study.requests import probes_of
from benchbench.study.spec import read_metric
from benchbench.testing import check_metric
from benchbench.testing.metric_contract import Entry, MetricCase, PositionNet, trial
from benchbench.types import Pixels, Scored, Seen
from benchbench.types.probes import Above

BY_PICTURES = ["deletion", "insertion", "insertion_deletion", "pixel_flipping", "region_flipping", "road", "road_morf"]
BY_PICTURES += ["road_lerf", "lerf_morf", "average_drop", "average_drop@pgc", "average_drop@top50", "increase"]
BY_PICTURES += ["average_gain", "drop_in_deletion", "tie_spread", "irof"]
ANSWERED = [
    "deletion_correlation",
    "insertion_correlation",
    "sensitivity_n",
    "faithfulness_correlation",
    "single_deletion",
    "infidelity",
]


def tried(spec: Any, **changes: Any) -> MetricCase:
    return replace(trial(read_metric(spec), 1e-4), **changes)


def reasons(entries: list[Entry]) -> set[str]:
    assert {entry["status"] for entry in entries} == {"not_applicable"}, entries
    return {str(entry["reason"]) for entry in entries}


def mute(bias: float = 0.0) -> PositionNet:
    network = PositionNet().eval()
    nn.init.zeros_(network.fc.weight)
    nn.init.constant_(network.fc.bias, bias)
    return network


@pytest.mark.parametrize("label", BY_PICTURES)
def test_before_a_network_that_always_says_the_same_all_maps_tie(label: str) -> None:
    """No picture tells that the network would say the same to every other."""
    case = tried(label, network=mute())
    every = case.entries_of([case.maps, -case.maps])
    assert {entry["status"] for entries in every for entry in entries} == {"ok"}
    upright, inverted = ([entry["value"] for entry in entries] for entries in every)
    assert upright == pytest.approx(inverted, rel=0, abs=1e-12)


@pytest.mark.parametrize("label", ANSWERED)
def test_a_correlation_with_answers_that_are_all_the_same_is_none(label: str) -> None:
    case = tried(label, network=mute())
    for entries in case.entries_of([case.maps, -case.maps, torch.zeros_like(case.maps)]):
        assert reasons(entries) == {"the network's answer does not change on any step"}


class Rounding(nn.Module):
    """Says the same, but for the noise of a float32."""

    def forward(self, images: Tensor) -> Tensor:
        noise = torch.frac(images.double().sum((1, 2, 3)) * 997).float()
        return torch.stack([1 + 2e-7 * noise, torch.zeros_like(noise)], 1)


@pytest.mark.parametrize("label", ["sensitivity_n", "faithfulness_correlation", "single_deletion"])
def test_rounding_is_no_answer(label: str) -> None:
    """A correlation with the last bits of a constant would be a number like any other."""
    case = tried(label, network=Rounding())
    case = replace(case, images=case.images[[0, 5 % 5]], maps=case.maps[:2], masks=None)
    assert len(reasons(case.entries())) == 1


def noisy(count: int = 5) -> Tensor:
    return torch.rand(count, 3, 48, 64, generator=torch.Generator().manual_seed(5))


def test_irof_of_one_superpixel() -> None:
    case = tried("irof")
    segments = Pixels(noisy(), (0,) * 5, torch.tensor([0.485] * 3), torch.tensor([0.229] * 3))
    assert segments_of(segments, 60).amax((1, 2)).tolist() == [0] * 5, "SLIC makes one of noise"
    noise = replace(case, images=noisy())
    for maps in (case.maps, -case.maps):
        assert reasons(noise.entries(maps=maps)) == {SETTLED}
    entries = case.entries()
    assert {entry["status"] for entry in entries} == {"ok"}
    assert all(entry["parts"]["segments"] >= 6 for entry in entries)
    assert entries != case.entries(maps=-case.maps)


def test_irof_of_few_superpixels_is_said_with_their_number() -> None:
    """A narrow stripe is even and the rest is noise: four or five segments of the sixty asked for."""
    images = noisy()
    images[:, :, :, :4] = 0.5
    text = "SLIC finds fewer than 6 segments in the image: a curve of so few says next to nothing of a map"
    assert reasons(tried("irof", images=images).entries()) == {text}
    assert {entry["status"] for entry in tried("irof@slic300-10", images=images).entries()} == {"ok"}
    assert (least_of("slic-60"), least_of("slic-300"), least_of("slic-7"), least_of("grid-3")) == (6, 30, 2, 2)


def test_a_grid_of_one_cell_settles_everything() -> None:
    one_cell = {"parts": "grid-1"}
    assert reasons(tried({"name": "region_flipping", **one_cell}).entries()) == {SETTLED}
    assert reasons(tried({"name": "irof", **one_cell}).entries()) == {SETTLED}
    every_set = "every set has the same parts of this image, whatever the map"
    assert reasons(tried({"name": "sensitivity_n", **one_cell}).entries()) == {every_set}
    assert reasons(tried({"name": "faithfulness_correlation", **one_cell}).entries()) == {every_set}


def test_a_fill_that_is_the_image() -> None:
    """An image of one colour under its mean colour, but not under another."""
    even = torch.full((5, 3, 48, 64), 0.4)
    assert reasons(tried("region_flipping", images=even).entries()) == {UNFILLED}
    assert reasons(tried("deletion@rise-28-mean", images=even).entries()) == {UNFILLED}
    assert {entry["status"] for entry in tried("deletion", images=even).entries()} == {"ok"}


@pytest.mark.parametrize(
    ("label", "p", "reason"),
    [
        ("increase", 1, "the target's probability on the image is 1: no map can raise it"),
        ("average_gain", 1, "the target's probability on the image is 1: no map can raise it"),
        ("average_drop", 0, "the target's probability on the image is 0: no map can lower it"),
        ("drop_in_deletion", 0, "the target's probability on the image is 0: no map can lower it"),
        ("irof", 0, "the target's probability on the whole image is 0"),
    ],
)
def test_where_nothing_is_left_to_win_or_lose(label: str, p: int, reason: str) -> None:
    choice = read_metric(label)
    probes = len(probes_of(choice))
    q, whole = torch.rand(2, probes), torch.tensor([float(p), 0.5])
    images = trial(choice, 0).images[:2]
    seen = Seen(q, q, q, whole, whole, q, pixels=Pixels(images, (0, 1), torch.zeros(3), torch.ones(3)))
    assert choice.plugin.function(seen, **choice.params).inapplicable == (reason, "")


def spread(share: float) -> Tensor:
    """(1, 20, 20): a ramp whose lowest ``share`` of the pixels is 0."""
    return (torch.arange(400).view(1, 20, 20) / 399 - share).clamp_min(0)


@pytest.mark.parametrize(("share", "applies"), [(0.0, True), (0.15, True), (0.25, False), (0.7, False)])
def test_road_by_percentiles_needs_a_lowest_step_that_leaves_something(share: float, applies: bool) -> None:
    """numpy's percentile is 0 from a fifth of zeros on: every pixel is at or above it."""
    maps = torch.nn.functional.interpolate(spread(share)[None], (48, 64))[0].expand(5, 48, 64)
    case = tried("road@pgc", maps=maps)
    upright, inverted = case.entries_of([maps, 1 - maps], rows=[0, 1])
    gone = above(Above(20, strict=False), spread(share))
    assert bool(gone.all()) is not applies
    if applies:
        assert {entry["status"] for entry in upright} == {"ok"}
    else:
        text = "20 % or more of the map's pixels share its lowest value: the percentile rule takes the whole image."
        assert reasons(upright) == {f"{text} Use road@combined-9"}
        assert reasons(inverted)
    assert {e["status"] for e in tried("road", maps=maps).entries(rows=[0, 1])} == {"ok"}


def test_as_many_pixels_as_the_image_has_are_no_choice() -> None:
    assert reasons(tried({"name": "topk_intersection", "k": 48 * 64}).entries()) == {
        "the image has 3072 pixels, not more than k = 3072: every map takes all of them"
    }
    assert {e["status"] for e in tried({"name": "topk_intersection", "k": 48 * 64 - 1}).entries()} == {"ok"}


@pytest.mark.parametrize("name", ["sparseness", "entropy", "map_mean", "total_variation", "effective_complexity"])
def test_a_map_of_one_cell_has_no_complexity(name: str) -> None:
    protocol = "quantus-1e-5-layer" if name == "effective_complexity" else "layer"
    case = tried(f"{name}@{protocol}", maps=torch.full((5, 1, 1), 0.3))
    assert len(reasons(case.entries())) == 1


def test_a_map_of_one_cell_has_one_step() -> None:
    case = tried("deletion_correlation@gomez-196", maps=torch.full((5, 1, 1), 0.3))
    assert len(reasons(case.entries())) == 1


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"name": "deletion", "steps": 1}, "greater than or equal to 2"),
        ({"name": "insertion", "steps": 1}, "greater than or equal to 2"),
        ({"name": "irof", "steps": 1}, "greater than or equal to 2"),
        ({"name": "tie_spread", "steps": 1}, "greater than or equal to 2"),
        (
            {"name": "deletion", "source": "mindspore", "steps": 2},
            "by mindspore's rule 2 steps give every map",
        ),
        ({"name": "deletion", "source": "pnpxai", "steps": 2}, "by pnpxai's rule 2 steps give every map the same"),
    ],
)
def test_steps_that_no_map_can_change_are_refused(params: dict[str, Any], text: str) -> None:
    with pytest.raises(BenchError, match=text):
        read_metric(params)
    least = {"mindspore": 3, "pnpxai": 3}.get(str(params.get("source")), 2)
    case = tried({**params, "steps": least})
    tied = torch.zeros_like(case.maps)
    tied[:, 0] = 1
    assert [e["value"] for e in case.entries(maps=tied)] != [e["value"] for e in case.entries(maps=-case.maps)]


def registered(function: Any, **options: Any) -> None:
    more = {"needs": "map", "unit": "none", "equation": "x", "range": (0, 1), "protocols": {"only": {}}} | options

    @metric("careless", higher_is_better=True, **more)
    def careless(seen: Seen) -> Scored:
        """A metric."""
        result: Scored = function(seen)
        return result


def blind(seen: Seen) -> Scored:
    return Scored(torch.full((len(seen.map),), 0.5, dtype=torch.float64))


def area_of_the_mask(seen: Seen) -> Scored:
    """How much of the mask the map leaves out: without a word where the mask is the whole image."""
    if seen.mask is None:
        return Scored(torch.full((len(seen.map),), torch.nan), inapplicable=("no mask",) * len(seen.map))
    on = seen.mask.double()
    share = (seen.map.double() * on).sum((1, 2)) / seen.map.double().sum((1, 2)).clamp_min(1e-9)
    whole = on.mean((1, 2))
    value = torch.where(whole < 1, share.clamp(0, 1), 0.5)
    return Scored(value, inapplicable=tuple("empty" if not part else "" for part in whole.tolist()))


@pytest.mark.parametrize(
    ("function", "needs", "where"),
    [(blind, {"map"}, "the trial's images"), (area_of_the_mask, {"map", "mask"}, "masks that cover the image")],
)
def test_the_contract_finds_a_metric_that_no_map_can_change(function: Any, needs: set[str], where: str) -> None:
    registered(function, needs=needs)
    try:
        with pytest.raises(AssertionError, match=f"every map has the same value on .*{where}"):
            check_metric("careless")
    finally:
        METRICS.remove("careless")
