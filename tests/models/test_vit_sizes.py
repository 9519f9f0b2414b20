"""torchvision's published weights by path: pre-processing and image size are those of the weights in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import VisionTransformer, ViT_B_16_Weights
from torchvision.models._api import WeightsEnum

from benchbench.errors import BenchError
from benchbench.models.builtin import _torchvision
from benchbench.models.load import load_model
from benchbench.models.nearest_network import nearest_network
from benchbench.models.torchvision_networks import build_torchvision, classifiers
from benchbench.models.vit_sizes import side_of_shapes
from benchbench.registry import MODELS
from benchbench.types import ModelSpec, Preprocess

MEMBERS = [(name, member) for name in classifiers() for member in torchvision.models.get_model_weights(name)]
VITS = [pair for pair in MEMBERS if pair[0].startswith("vit_")]
SWAG = ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1


def load(name: str, **params: object) -> ModelSpec:
    plugin = MODELS[name]
    return load_model(name, plugin.function, plugin.bind(params))


def tiny(name: str, classes: int, side: int | None = None) -> nn.Module:
    """A ViT of patches of 16 or 32 pixels with eight channels, of torchvision's image size if none is asked for."""
    network: nn.Module = VisionTransformer(side or 224, int(name[-2:]), 1, 2, 8, 16, num_classes=classes)
    return network


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.models.builtin.build_torchvision", tiny)


def test_swag_and_others_are_among_the_members() -> None:
    assert len(MEMBERS) > 110
    assert {member.meta["min_size"][0] for _, member in VITS} == {224, 384, 512, 518}
    assert Path(SWAG.url).name == "vit_b_16_swag-9ac1b537.pth"
    assert Path(ViT_B_16_Weights.IMAGENET1K_SWAG_LINEAR_V1.url).name == "vit_b_16_lc_swag-4e70ced5.pth"


@pytest.mark.parametrize(("name", "member"), MEMBERS, ids=str)
def test_every_published_file_has_the_preprocessing_that_torchvision_states(
    name: str, member: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, and renamed by its digest."""
    stated = member.transforms()
    wanted = Preprocess(
        stated.resize_size[0], stated.crop_size[0], tuple(stated.mean), tuple(stated.std), stated.interpolation.value
    )
    path, renamed = tmp_path / Path(member.url).name, tmp_path / "mine.pth"
    path.write_bytes(b"anything")
    assert _torchvision(name, str(path)).preprocess == wanted
    path.rename(renamed)
    digits = path.stem.rpartition("-")[2]
    monkeypatch.setattr("benchbench.models.published_weights.file_content", lambda _: f"{digits}{'0' * 56}")
    assert _torchvision(name, str(renamed)).preprocess == wanted


@pytest.mark.parametrize(("name", "member"), VITS, ids=str)
def test_a_transformer_is_built_as_torchvision_builds_it_for_the_weights(
    name: str, member: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / Path(member.url).name
    path.write_bytes(b"anything")
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: theirs.state_dict())
    with torch.device("meta"):
        theirs: Any = torchvision.models.get_model(name, weights=None, image_size=member.meta["min_size"][0])
        theirs = torchvision.models.get_model(name, weights=member)
        architecture = _torchvision(name, str(path))
        ours: Any = architecture.build(1000)
    assert ours.image_size == theirs.image_size == architecture.preprocess.crop
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }


@pytest.mark.parametrize("place", ["named", "renamed", "wrapped"])
def test_a_published_file_of_larger_images_by_path(
    place: str, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tiny("vit_b_16", 1000, 384).state_dict()
    path = tmp_path / (Path(SWAG.url).name if place == "named" else "mine.pth")
    torch.save({f"module.{key}": value for key, value in state.items()} if place == "wrapped" else state, path)
    if place != "named":
        monkeypatch.setattr("benchbench.models.published_weights.file_content", lambda _: f"9ac1b537{'0' * 56}")
    spec = load("vit_b_16", weights=str(path))
    assert spec.preprocess == Preprocess(384, 384, interpolation="bicubic")
    assert "The file is torchvision's ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1" in spec.note
    assert "The checkpoint takes images" not in spec.note
    assert all(torch.equal(value, state[key]) for key, value in spec.network.state_dict().items())
    assert spec.network(torch.zeros(1, 3, spec.preprocess.crop, spec.preprocess.crop)).shape == (1, 1000)


@pytest.mark.parametrize(
    ("side", "preprocess", "how"),
    [
        (
            384,
            Preprocess(384, 384, interpolation="bicubic"),
            "as for torchvision's ViT_B_16_Weights.IMAGENET1K_SWAG_E2",
        ),
        (448, Preprocess(448, 448), "their shorter side is resized to 448"),
        (224, Preprocess(256, 224), ""),
    ],
)
def test_a_checkpoint_of_ones_own_has_the_size_that_it_was_trained_at(
    side: int, preprocess: Preprocess, how: str, small: None, tmp_path: Path
) -> None:
    state = tiny("vit_b_16", 7, side).state_dict()
    torch.save({"state_dict": {f"model.{key}": value for key, value in state.items()}}, tmp_path / "mine.pth")
    spec = load("vit_b_16", weights=str(tmp_path / "mine.pth"))
    assert spec.preprocess == preprocess
    assert how in spec.note
    assert (f"takes images of {side} pixels" in spec.note) == bool(how)
    assert spec.network(torch.zeros(1, 3, side, side)).shape == (1, 7)


def test_random_and_cached_weights_have_the_default_s_size(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default of vit_h_14 is of 518 pixels, and torchvision builds it for 224 without weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec: Any = load("vit_h_14", weights="random", classes=3)
    assert spec.network.image_size == spec.preprocess.crop == 518
    assert spec.network(torch.zeros(1, 3, 518, 518)).shape == (1, 3)
    file = Path(torchvision.models.ViT_H_14_Weights.DEFAULT.url).name
    path = tmp_path / "hub" / "checkpoints" / file
    path.parent.mkdir(parents=True)
    torch.save(tiny("vit_h_14", 1000, 518).state_dict(), path)
    cached: Any = load("vit_h_14")
    assert (cached.network.image_size, cached.warning) == (518, "")


def test_the_side_of_a_checkpoint() -> None:
    shapes = {"encoder.pos_embedding": (1, 577, 768), "conv_proj.weight": (768, 3, 16, 16)}
    assert side_of_shapes("vit_b_16", {f"module.{key}": shape for key, shape in shapes.items()}) == 384
    assert side_of_shapes("vit_l_32", shapes) is None, "its patches are of 32 pixels"
    assert side_of_shapes("resnet18", shapes) is None
    assert side_of_shapes("vit_b_16", {**shapes, "encoder.pos_embedding": (1, 578, 768)}) is None, "no square"
    assert side_of_shapes("vit_b_16", {"conv_proj.weight": (768, 3, 16, 16)}) is None


def test_a_transformer_of_another_size_is_named_as_what_it_is(small: None, tmp_path: Path) -> None:
    with torch.device("meta"):
        state = build_torchvision("vit_b_16", 7, 384).state_dict()
    assert nearest_network(state, "vit_b_32") == "It fits vit_b_16."
    torch.save(tiny("vit_b_16", 7, 384).state_dict(), tmp_path / "mine.pth")
    with pytest.raises(BenchError, match=r"mine\.pth does not fit vit_b_32"):
        load("vit_b_32", weights=str(tmp_path / "mine.pth"))
