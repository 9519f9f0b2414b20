"""A segmentation network as a classifier: torchvision's classes on narrow backbones, in calls and in a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.models.load import fingerprint
from benchbench.network.behind_layer import cut
from benchbench.network.capture import capture, eval_frozen
from benchbench.network.fast_copy import prepare
from benchbench.network.layers import finer_stages, resolve

from ..dense_networks import CLASSES, SEGMENTATION, SIDE, tiny

WAYS: dict[str, Any] = {"won": "won", "box": (0.25, 0.25, 0.75, 0.75), "point": (0.5, 0.5)}


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    return {name: tiny(name) for name in SEGMENTATION}


@pytest.mark.parametrize("way", WAYS)
def test_logits_are_means_of_the_output(way: str, networks: dict[str, nn.Module], pictures: Tensor) -> None:
    for network in networks.values():
        with torch.no_grad():
            maps, logits = network(pictures)["out"], bb.segmenter(network, WAYS[way])(pictures)
        assert logits.shape == (3, CLASSES)
        if way == "box":
            torch.testing.assert_close(logits, maps[:, :, 16:48, 16:48].mean((2, 3)))
        if way == "point":
            torch.testing.assert_close(logits, maps[:, :, 32, 32])
        if way == "won":
            winners = maps.argmax(1)
            for i, c in sorted({(i, c) for i, rows in enumerate(winners.tolist()) for row in rows for c in row}):
                torch.testing.assert_close(logits[i, c], maps[i, c][winners[i] == c].mean())


@pytest.mark.parametrize("name", SEGMENTATION)
def test_layers_and_gradcam_are_those_of_the_backbone(
    name: str, networks: dict[str, nn.Module], pictures: Tensor
) -> None:
    """``last`` is the backbone's last block, and Grad-CAM there is Seg-Grad-CAM, by autograd alone."""
    network = bb.segmenter(networks[name])
    stages = resolve(network, pictures[:1], "stages")
    assert stages[-1] == resolve(network, pictures[:1], "last")[0] == "backbone.layer4"
    assert stages[:2] == ["backbone.relu", "backbone.layer1"]
    assert finer_stages(network, pictures[:1], "backbone.layer4") == tuple(stages)
    kept: list[Tensor] = []
    handle = network.get_submodule("backbone.layer4").register_forward_hook(lambda _m, _i, out: kept.append(out))
    maps = networks[name](pictures)["out"]
    handle.remove()
    target = int(maps.argmax(1).flatten().mode().values)
    mask = (maps.argmax(1) == target).float()
    score = (maps[:, target] * mask).sum((1, 2)) / mask.sum((1, 2)).clamp_min(1)
    (slope,) = torch.autograd.grad(score.sum(), kept[0])
    cam = (slope.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
    cam = torch.nn.functional.interpolate(cam, (SIDE, SIDE), mode="bilinear", align_corners=False)
    known = [i for i in range(3) if mask[i].any() and cam[i].max() > cam[i].min()]
    assert known, "the class wins somewhere"
    shown = bb.explain(network, pictures, target=target)
    for i in known:
        low, high = cam[i].min(), cam[i].max()
        torch.testing.assert_close(shown[i], ((cam[i] - low) / (high - low)).detach(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_the_fast_copy_and_the_cut_give_equal_logits(
    way: str, networks: dict[str, nn.Module], pictures: Tensor
) -> None:
    """Also where the class maps are enlarged to the image's size, which crosses the cut."""
    network, layer = bb.segmenter(networks["fcn"], WAYS[way]), "backbone.layer4"
    prepared = prepare(network, pictures)
    assert prepared.used, prepared.reason
    assert "17 batch norms" in prepared.reason
    seen = capture(network, pictures, [layer], lambda z: z.argmax(1), gradient=False)
    rest = cut(network, layer, pictures, seen.activations[layer], seen.logits, seen.layouts[layer])
    assert rest is not None
    assert rest.kinds == ("same",)
    with torch.no_grad(), eval_frozen(network):
        owner = torch.tensor([2, 0])
        logits = rest.logits(seen.activations[layer][owner], pictures, owner, rest.bypass(pictures))
    torch.testing.assert_close(logits, seen.logits[owner])


class Plain(nn.Module):
    """Class scores as a tensor, at half the image's size."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
        self.classes = nn.Conv2d(6, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.classes(self.features(images))
        return maps


@pytest.mark.parametrize("way", WAYS)
def test_a_network_of_one_s_own_is_cut_by_fx(way: str, pictures: Tensor) -> None:
    torch.manual_seed(0)
    network = bb.segmenter(Plain().eval(), WAYS[way], trunk="")
    seen = capture(network, pictures, ["features"], lambda z: z.argmax(1), gradient=False)
    rest = cut(network, "features", pictures, seen.activations["features"], seen.logits, seen.layouts["features"])
    assert rest is not None
    with torch.no_grad(), eval_frozen(network):
        owner = torch.arange(3)
        logits = rest.logits(seen.activations["features"], pictures, owner, rest.bypass(pictures))
    torch.testing.assert_close(logits, seen.logits)


def test_other_pixels_are_another_network(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    marks = [fingerprint(bb.segmenter(networks["fcn"], way)) for way in ("won", (0.5, 0.5), (0.5, 0.25))]
    assert len(set(marks)) == 3
    assert fingerprint(bb.segmenter(networks["fcn"])) == marks[0]


def test_a_classifier_is_no_segmentation_network(pictures: Tensor) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with pytest.raises(BenchError, match=r"returned \(3, 3\), where class scores \(B, C, H, W\) are needed"):
        bb.segmenter(network)(pictures)


def test_a_study_with_deletion_and_localisation(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    """In memory, on tensors with masks."""
    torch.manual_seed(2)
    images, masks = torch.randn(3, 3, SIDE, SIDE), torch.zeros(3, SIDE, SIDE, dtype=torch.bool)
    masks[:, 16:48, 16:48] = True
    run = bb.Study(
        models={"net": bb.segmenter(networks["lraspp"])},
        datasets={"d": (images, [1, 2, 3], masks)},
        layers="last",
        methods=["gradcam", "ablationcam", "random"],
        metrics=["deletion", "pointing_game"],
        target="label",
    ).run(tmp_path, report=False)
    assert set(run.table["status"]) == {"ok"}
    assert set(run.table["layer"]) == {"backbone.layer4"}
