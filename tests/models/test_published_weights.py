"""torchvision's published weights: which file holds them, what torchvision changes with them, their names of old."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import VisionTransformer
from torchvision.models._api import WeightsEnum
from torchvision.models.densenet import _load_state_dict

from benchbench.models.builtin import _torchvision
from benchbench.models.load import load_model
from benchbench.models.nearest_network import nearest_network
from benchbench.models.published_weights import change_as_torchvision, published_weights
from benchbench.models.torchvision_networks import build_dense, build_torchvision, dense_networks
from benchbench.models.weights_fit import fit_weights
from benchbench.registry import MODELS
from benchbench.types import ModelSpec

from ..dense_networks import tiny
from ..narrow import narrow


def load(name: str, **params: object) -> ModelSpec:
    plugin = MODELS[name]
    return load_model(name, plugin.function, plugin.bind(params))


def test_a_file_is_known_by_its_name_or_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Path(each.url).name for each in torchvision.models.MobileNet_V3_Large_Weights)
    for name, member in ((first, "IMAGENET1K_V1"), (second, "IMAGENET1K_V2")):
        (tmp_path / name).write_bytes(b"anything")
        known = published_weights("mobilenet_v3_large", str(tmp_path / name))
        assert known is not None
        assert known.name == member
    (tmp_path / "mine.pth").write_bytes(b"mine")
    assert published_weights("mobilenet_v3_large", str(tmp_path / "mine.pth")) is None
    assert published_weights("mobilenet_v3_large", str(tmp_path / "absent.pth")) is None
    assert published_weights("mobilenet_v3_large", "auto") is None
    digest = hashlib.sha256(b"mine").hexdigest()
    renamed = SimpleNamespace(url=f"https://a.b/net-{digest[:8]}.pth", name="V1")
    monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: [renamed])
    assert published_weights("mobilenet_v3_large", str(tmp_path / "mine.pth")) is renamed
    (tmp_path / "mine.pth").write_bytes(b"changed")
    assert published_weights("mobilenet_v3_large", str(tmp_path / "mine.pth")) is None


def test_a_published_file_by_path_has_its_own_preprocessing(tmp_path: Path) -> None:
    """The two published weights of MobileNetV3 have images of 256 and of 232 pixels."""
    for member in torchvision.models.MobileNet_V3_Large_Weights:
        path = tmp_path / Path(member.url).name
        path.write_bytes(b"anything")
        assert _torchvision("mobilenet_v3_large", str(path)).preprocess.resize == member.transforms().resize_size[0]
    assert _torchvision("mobilenet_v3_large", "auto").preprocess.resize == 232


def as_torchvision_loads_it(name: str, weights: Any, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """torchvision's own network with these weights; their values are of no account, and without memory."""
    with torch.device("meta"):
        build = build_torchvision if name in ("googlenet", "inception_v3") else build_dense
        state = build(name, len(weights.meta["categories"])).state_dict()
        monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: state)
        network: nn.Module = torchvision.models.get_model(name, weights=weights)
    return network


DETECTORS = [
    (name, member)
    for name in (
        *("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", "retinanet_resnet50_fpn"),
        *("fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn", "fcos_resnet50_fpn"),
    )
    for member in torchvision.models.get_model_weights(name)
]


@pytest.mark.parametrize(("name", "weights"), DETECTORS, ids=str)
def test_batch_norms_add_to_the_variance_what_torchvision_s_add(
    name: str, weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {
        place: module.eps
        for place, module in as_torchvision_loads_it(name, weights, monkeypatch).named_modules()
        if "BatchNorm" in type(module).__name__
    }
    with torch.device("meta"):
        network = build_dense(name, len(weights.meta["categories"]))
    note = change_as_torchvision(name, network, weights)
    ours = {place: module.eps for place, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert ours == theirs
    assert note.startswith(f"The file is torchvision's {weights}")
    assert ("add 0 to the variance" in note) == (0.0 in theirs.values())


def test_a_checkpoint_of_another_origin_is_not_changed_and_that_is_said() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2))
    note = change_as_torchvision("maskrcnn_resnet50_fpn", network, None)
    assert network[0].eps == 1e-5
    assert "add 1e-5 to the variance. If the checkpoint was fine-tuned from torchvision's COCO_V1 weights" in note
    assert "transform_input is off" in change_as_torchvision("googlenet", network, None)
    assert change_as_torchvision("fcos_resnet50_fpn", network, None) == ""


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_of_tensorflow_rescale_their_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default = torchvision.models.get_model_weights(name).DEFAULT
    theirs: Any = as_torchvision_loads_it(name, default, monkeypatch)
    with torch.device("meta"):
        ours: Any = build_torchvision(name, 1000)
    assert (theirs.transform_input, ours.transform_input) == (True, False)
    change_as_torchvision(name, ours, default)
    assert ours.transform_input


@pytest.mark.parametrize("place", ["cache", "path"])
def test_googlenet_in_the_cache_and_by_path(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow network in place of torchvision's, with as many classes."""
    monkeypatch.setattr("benchbench.models.builtin.build_torchvision", lambda _, classes: narrow("googlenet", classes))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / Path(torchvision.models.GoogLeNet_Weights.DEFAULT.url).name
    path.parent.mkdir(parents=True)
    torch.save(narrow("googlenet", 1000, seed=1).state_dict(), path)
    spec = load("googlenet", **({"weights": str(path)} if place == "path" else {}))
    network: Any = spec.network
    assert network.transform_input is True
    assert spec.warning == ""
    assert ("The file is torchvision's GoogLeNet_Weights.IMAGENET1K_V1" in spec.note) == (place == "path")


def vit() -> nn.Module:
    network: nn.Module = VisionTransformer(32, 8, 2, 2, 8, 16, num_classes=7)
    return network


# a network, and its names of old from those of today
OLD: dict[str, tuple[Any, list[tuple[str, Any]]]] = {
    "vit": (vit, [(r"\.mlp\.0\.", ".mlp.linear_1."), (r"\.mlp\.3\.", ".mlp.linear_2.")]),
    "densenet": (partial(narrow, "densenet121", 7), [(r"(denselayer\d+\.(?:norm|conv))([12])\.(?!num_)", r"\1.\2.")]),
    "faster_rcnn": (
        partial(tiny, "faster_rcnn"),
        [(r"(_blocks\.\d)\.0\.", r"\1."), (r"(rpn\.head\.conv)\.0\.0\.", r"\1.")],
    ),
    "mask_rcnn": (
        partial(tiny, "mask_rcnn"),
        [
            (r"(_blocks\.\d)\.0\.", r"\1."),
            (r"(rpn\.head\.conv)\.0\.0\.", r"\1."),
            (r"(mask_head)\.(\d)\.0\.", lambda m: f"{m[1]}.mask_fcn{int(m[2]) + 1}."),
        ],
    ),
    "retinanet": (
        partial(tiny, "retinanet"),
        [
            (r"(_blocks\.\d)\.0\.", r"\1."),
            (r"(_head\.conv)\.(\d)\.0\.", lambda m: f"{m[1]}.{2 * int(m[2])}."),
        ],
    ),
}


def with_old_names(state: Mapping[str, Tensor], changes: list[tuple[str, Any]]) -> dict[str, Tensor]:
    renamed = {}
    for name, value in state.items():
        for pattern, old in changes:
            name = re.sub(pattern, old, name)
        renamed[name] = value
    return renamed


@pytest.mark.parametrize("kind", OLD)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_names_of_old_are_read_as_torchvision_reads_them(kind: str, prefix: str) -> None:
    build, changes = OLD[kind]
    network, again = build(), build()
    state = network.state_dict()
    old = with_old_names(state, changes)
    assert sum(name not in state for name in old) >= 4
    if kind == "densenet":  # its loader is a function
        _load_state_dict(again, SimpleNamespace(get_state_dict=lambda **_: dict(old)), False)
    else:
        again.load_state_dict(dict(old))
    fit = fit_weights({f"{prefix}{name}": value for name, value in old.items()}, network)
    assert fit.fits
    assert set(fit.weights) == set(state)
    for name, value in again.state_dict().items():
        assert torch.equal(fit.weights[name], value)


def test_names_of_old_in_the_search_for_an_architecture() -> None:
    with torch.device("meta"):
        state = build_torchvision("vit_b_32", 7).state_dict()
    assert nearest_network(with_old_names(state, OLD["vit"][1]), "vit_b_16") == "It fits vit_b_32."


def test_a_network_that_asks_for_the_version_of_its_weights(tmp_path: Path) -> None:
    """MNASNet raises an error where a state dict has none, as behind a removed prefix."""
    state = build_torchvision("mnasnet0_5", 7).state_dict()
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "mine.pth")
    spec = load("mnasnet0_5", weights=str(tmp_path / "mine.pth"))
    assert all(torch.equal(value, state[name]) for name, value in spec.network.state_dict().items())


def test_published_weights_of_a_dense_network_differ_in_no_preprocessing() -> None:
    """So that segmentation networks and detectors need not ask which of them a file holds for that."""
    several = 0
    for name in dense_networks():
        members = list(torchvision.models.get_model_weights(name))
        several += len(members) > 1
        assert {repr(member.transforms()) for member in members} == {repr(members[0].transforms())}, name
    assert several >= 1
