"""Maps that are constant in exact arithmetic are no maps; all others are left alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import benchbench as bb
from benchbench.attribution.rounding import PURE, made_of_rounding
from benchbench.errors import NotApplicable
from benchbench.registry import METHODS
from benchbench.testing.method_contract import Small, seeded
from benchbench.types import INPUT

from ..helpers import layer_of, map_of


class ChannelNorm(nn.Module):
    """As in ConvNeXt: a stage, then a normalisation over the channels of every cell, then what makes the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.norm = nn.LayerNorm(8, eps=1e-12, elementwise_affine=False)
        self.stage2 = nn.Sequential(nn.Conv2d(8, 10, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(10, 7)
        nn.init.constant_(
            self.get_parameter("stage1.0.bias"), 0.5
        )  # no cell is zero in every channel: it would have no norm

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.stage1(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        logits: Tensor = self.fc(self.stage2(features).mean((2, 3)))
        return logits


CANCELS = [
    ("hirescam", "stage1", {}),
    ("hirescam", "stage1", {"rectified": False}),
    ("inverted", "stage1", {"of": "hirescam"}),
    ("noised", "stage1", {"of": "hirescam"}),
    ("smoothed", "stage1", {"of": "hirescam", "samples": 2}),
    ("finercam", "stage1", {"of": "hirescam"}),
    ("mean-activation", "norm", {}),
]
STAYS = [
    ("gradcam", "stage1", {}),
    ("layercam", "stage1", {}),
    ("gradcam-elementwise", "stage1", {}),
    ("gradcam++", "stage1", {}),
    ("hirescam", "stage2", {}),
    ("smoothed", "stage1", {"of": "layercam", "samples": 2}),
    ("fusion", "stage2", {}),
    ("mean-activation", "stage1", {}),
]


@pytest.mark.parametrize(("method", "layer", "params"), CANCELS)
def test_a_map_that_cancels_is_not_applicable(method: str, layer: str, params: dict[str, Any], images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="is constant except for rounding"):
        bb.explain(seeded(ChannelNorm), images, method=method, layer=layer, **params)


@pytest.mark.parametrize(("method", "layer", "params"), STAYS)
def test_other_maps_stay(method: str, layer: str, params: dict[str, Any], images: Tensor) -> None:
    maps = bb.explain(seeded(ChannelNorm), images, method=method, layer=layer, **params)
    assert (maps.amax((1, 2, 3)) == 1).all()


def test_the_cancelled_sum_is_zero_in_double_precision(images: Tensor) -> None:
    network = copy.deepcopy(seeded(ChannelNorm)).double()
    layer = layer_of(network, images.double(), "stage1")
    terms = (layer.gradient * layer.activation).abs().sum(1).amax((1, 2))
    assert ((layer.gradient * layer.activation).sum(1).abs().amax((1, 2)) < 1e-9 * terms).all()
    assert (terms > 1e-6).all()


def test_a_study_says_it_and_does_not_score_it(images: Tensor, tmp_path: Path) -> None:
    study = bb.Study(
        models={"net": seeded(ChannelNorm)},
        datasets={"d": images},
        layers=["stage1", "stage2"],
        methods=["hirescam", "gradcam", {"name": "smoothed", "of": "hirescam", "samples": 2}],
        metrics=["deletion", "entropy", "max_sensitivity"],
    )
    table = study.run(tmp_path, report=False).table
    statuses = {key: set(rows) for key, rows in table.groupby(["layer", "method"])["status"]}
    assert statuses["stage1", "hirescam"] == {"not_applicable"}
    assert statuses["stage1", "smoothed(of=hirescam, samples=2)"] == {"not_applicable"}
    assert statuses["stage2", "hirescam"] == statuses["stage1", "gradcam"] == {"ok"}
    reasons = table[(table["layer"] == "stage1") & (table["method"] == "hirescam")]["reason"]
    (reason,) = set(reasons)
    assert "its terms cancel" in reason


@pytest.mark.parametrize("name", sorted(set(METHODS.names()) - {"dataset-mean", "oracle"}))
def test_no_method_is_doubted_on_a_plain_network(name: str, images: Tensor) -> None:
    plugin = METHODS[name]
    bound = plugin.bind({})
    needs = plugin.needs_of(bound)
    if not needs <= PURE:
        pytest.skip("it runs the network for its map")
    network, place = seeded(Small), INPUT if "input" in needs else "relu"
    layer = layer_of(network, images, place)
    assert not any(made_of_rounding(plugin, layer, bound, map_of(name, network, images, place)))


def test_the_same_images_are_doubted_in_every_batch(images: Tensor) -> None:
    network = seeded(ChannelNorm)
    plugin = METHODS["hirescam"]
    for count in (1, 2, 6):
        layer = layer_of(network, images[:count], "stage1")
        maps = map_of("hirescam", network, images[:count], "stage1")
        assert all(made_of_rounding(plugin, layer, {"rectified": True}, maps))
