"""timm's networks by name: weights that are cached, timm's own pre-processing, names that are wrong."""

from __future__ import annotations

import argparse
import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config
from timm.utils import CheckpointSaver, ModelEmaV2

from benchbench.errors import BenchError
from benchbench.models.load import load_model
from benchbench.models.preprocess import prepare
from benchbench.models.timm_networks import preprocess_of, timm_network
from benchbench.models.timm_titles import timm_title
from benchbench.registry import MODELS
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec

SMALL = "timm:test_convnext"  # timm's own network for tests: 0.3 M parameters, 160 x 160


def load(name: str, **params: object) -> ModelSpec:
    plugin = MODELS[name]
    return load_model(name, plugin.function, plugin.bind(params))


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_without_cached_weights_they_are_random_and_that_is_loud() -> None:
    state = torch.random.get_rng_state()
    first, second = load(SMALL), load(SMALL)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert "RANDOM weights (no cached weights: on a machine with internet access, hf download timm/" in first.warning
    assert first.weights == "random, seed 0"
    assert len(first.classes) == 1000
    for weight, two in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(weight, two)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_weights_in_the_hub_s_cache_are_used(file: str, tmp_path: Path) -> None:
    """The cache as huggingface_hub lays it out; the weights go through timm's own loader."""
    cfg = timm.get_pretrained_cfg("test_convnext")
    planted = timm.create_model("test_convnext", pretrained=False)
    folder = tmp_path / "hub" / f"models--{cfg.hf_hub_id.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    path = folder / "snapshots" / "abc" / file
    if file.endswith("bin"):
        torch.save(planted.state_dict(), path)
    else:
        save_file(planted.state_dict(), path)
    spec = load(SMALL)
    assert spec.warning == ""
    assert spec.weights == f"timm test_convnext.{cfg.tag}, as cached on this machine"
    assert spec.classes[281] == "tabby"
    for key, value in spec.network.state_dict().items():
        assert torch.equal(value, planted.state_dict()[key])
    assert "RANDOM weights (the published weights have 1,000 classes, not 7)" in load(SMALL, classes=7).warning


def test_weights_in_torch_s_cache_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = timm.get_pretrained_cfg("test_convnext")
    cfg.url, cfg.hf_hub_id = "https://a.b/test_convnext-0123.pth", None
    monkeypatch.setattr("timm.get_pretrained_cfg", lambda name: cfg)
    assert "put https://a.b/test_convnext-0123.pth at" in load(SMALL).warning
    path = tmp_path / "torch" / "hub" / "checkpoints" / "test_convnext-0123.pth"
    path.parent.mkdir(parents=True)
    planted = timm.create_model("test_convnext", pretrained=False)
    torch.save(planted.state_dict(), path)
    spec = load(SMALL)
    assert spec.warning == ""
    assert torch.equal(spec.network.get_parameter("head.fc.weight"), planted.get_parameter("head.fc.weight"))


def test_a_checkpoint_with_its_classes(tmp_path: Path) -> None:
    planted = timm.create_model("test_convnext", num_classes=7)
    torch.save({"state_dict": {f"model.{k}": v for k, v in planted.state_dict().items()}}, tmp_path / "mine.ckpt")
    (tmp_path / "names.txt").write_text("\n".join("abcdefg"))
    spec = load(SMALL, weights=str(tmp_path / "mine.ckpt"), classes=str(tmp_path / "names.txt"))
    assert spec.classes == tuple("abcdefg")
    assert torch.equal(spec.network.get_parameter("head.fc.weight"), planted.get_parameter("head.fc.weight"))
    with pytest.raises(BenchError, match=r"does not fit timm:test_vit: .* It fits timm:test_convnext\."):
        load("timm:test_vit", weights=str(tmp_path / "mine.ckpt"))


def test_a_training_checkpoint_that_timm_saved(tmp_path: Path) -> None:
    """By timm's own saver: with optimizer, arguments, metric and averaged weights, which are taken."""
    planted = timm.create_model("test_convnext", num_classes=7)
    averaged = ModelEmaV2(planted)
    with torch.no_grad():
        averaged.module.get_parameter("head.fc.bias").fill_(3)
    optimizer = torch.optim.AdamW(planted.parameters(), lr=0.1)
    sum(parameter.sum() for parameter in planted.parameters()).backward()
    optimizer.step()
    arguments = argparse.Namespace(model="test_convnext", lr=0.1, data=Path("data"))
    saver = CheckpointSaver(planted, optimizer, arguments, averaged, checkpoint_dir=str(tmp_path))
    saver.save_checkpoint(0, metric=np.float64(71.5))
    spec = load(SMALL, weights=str(tmp_path / "checkpoint-0.pth.tar"))
    assert spec.network.get_parameter("head.fc.bias").tolist() == [3.0] * 7
    assert spec.weights == "checkpoint checkpoint-0.pth.tar (state_dict_ema)"
    assert spec.note == "Of several state dicts state_dict_ema was taken, and not state_dict"


def preprocess(name: str) -> tuple[Any, str]:
    return preprocess_of(timm.get_pretrained_cfg(name))


@pytest.mark.parametrize("name", ["convnext_tiny", "vit_small_patch16_224", "tf_efficientnet_lite0", "resnet50"])
def test_the_preprocessing_is_timm_s(name: str) -> None:
    """To the pixel: the same tensor as timm's transform for evaluation makes of the same photograph."""
    preprocessing, note = preprocess(name)
    assert note == ""
    config = resolve_model_data_config(None, pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    photo = Image.effect_noise((333, 281), 60).convert("RGB")
    ours, _ = prepare(photo, None, preprocessing)
    expected = create_transform(**config, is_training=False)(photo)
    assert preprocessing.crop == config["input_size"][1]
    torch.testing.assert_close(ours, expected)


def test_a_network_that_squashes_images_gets_them_squashed() -> None:
    """To the pixel, and the whole image."""
    squashed = [
        name for name in timm.list_models() if of_mode(name, "squash") and timm.get_pretrained_cfg(name).crop_pct == 1
    ]
    assert squashed
    for name in squashed[:2]:
        preprocessing, note = preprocess(name)
        assert (preprocessing.resize, note) == (None, "")
        config = resolve_model_data_config(None, pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
        photo = Image.effect_noise((333, 281), 60).convert("RGB")
        torch.testing.assert_close(
            prepare(photo, None, preprocessing)[0], create_transform(**config, is_training=False)(photo)
        )


def of_mode(name: str, mode: str) -> bool:
    cfg = timm.get_pretrained_cfg(name)
    return bool(cfg.crop_mode == mode and cfg.input_size[1] == cfg.input_size[2])


@pytest.mark.parametrize(
    ("changes", "resize", "note"),
    [
        ({"interpolation": "nearest"}, 235, "timm resizes with the filter nearest; benchbench resizes with bicubic"),
        ({"interpolation": "lanczos"}, 235, "timm resizes with the filter lanczos; benchbench resizes with bicubic"),
        ({"interpolation": "bilinear"}, 235, ""),
        ({"crop_mode": "squash"}, 235, "timm squashes the image to 235 x 235 first; benchbench crops the centre"),
        ({"crop_mode": "squash", "crop_pct": 1.0}, None, ""),
        ({"crop_mode": "border"}, 235, "timm pads the image to a square; benchbench crops the centre"),
        ({"crop_pct": 1.4}, 224, "timm pads images of 160 pixels to 224; benchbench resizes them to 224"),
        (
            {"crop_mode": "border", "interpolation": "box"},
            235,
            "timm pads the image to a square; benchbench crops the centre. "
            "timm resizes with the filter box; benchbench resizes with bicubic",
        ),
    ],
)
def test_what_is_replaced_is_said(changes: dict[str, Any], resize: int | None, note: str) -> None:
    cfg = replace(timm.get_pretrained_cfg("convnext_tiny"), crop_pct=0.95, crop_mode="center", interpolation="bicubic")
    preprocessing, told = preprocess_of(replace(cfg, **changes))
    assert (preprocessing.resize, told) == (resize, note)


def test_every_network_of_timm_has_a_preprocess_or_a_reason() -> None:
    """Those that are not square are refused; for those that pad, or squash and crop, a note says what is done."""
    refused, noted = [], []
    for name in timm.list_models():
        cfg = timm.get_pretrained_cfg(name)
        if cfg.input_size[1] != cfg.input_size[2]:
            with pytest.raises(BenchError, match="not squares"):
                preprocess(name)
            refused.append(name)
            continue
        preprocessing, note = preprocess(name)
        crop = cfg.crop_pct or 0.875
        wanted = math.floor(cfg.input_size[1] / crop)
        squashed = cfg.crop_mode == "squash" and wanted == cfg.input_size[1]
        assert preprocessing.resize == (None if squashed else max(wanted, cfg.input_size[1]))
        noted += [name] if note else []
    assert len(refused) < 10
    assert 5 < len(noted) < 100


def test_names_are_found_in_other_spellings_and_with_a_tag() -> None:
    assert timm_network("ConvNeXt-Tiny").name == "timm:convnext_tiny"
    assert timm_network("vit_small_patch16_224.augreg_in1k").name == "timm:vit_small_patch16_224.augreg_in1k"
    keys: dict[str, Any] = {"datasets": ["photos"], "methods": ["gradcam"], "metrics": ["deletion"]}
    study = StudySpec(models=["timm:convnext_tiny", {"name": "timm:resnet18", "classes": 7}], **keys)
    assert [choice.label for choice in study.models] == ["timm:convnext_tiny", "timm:resnet18(classes=7)"]
    assert [choice.title for choice in study.models] == ["ConvNeXt-Tiny", "ResNet-18 (classes=7)"]
    with pytest.raises(BenchError, match="asked for twice"):
        StudySpec(models=["timm:convnext_tiny", "timm:convnext-tiny"], **keys)


def test_names_that_are_wrong() -> None:
    with pytest.raises(
        BenchError,
        match=r"unknown model 'timm:convnex_tiny'\. Did you mean 'timm:convnext_tiny' .*Available: timm:aimv2_1b",
    ):
        MODELS["timm:convnex_tiny"]
    with pytest.raises(BenchError, match=r"tiny has no weights 'fb_in2k'\. Did you mean 'timm:convnext_tiny.fb_in22k'"):
        MODELS["timm:convnext_tiny.fb_in2k"]
    with pytest.raises(BenchError, match="unknown model"):
        MODELS["timm:hf-hub:someone/something"]
    with pytest.raises(BenchError, match="timm:NAME"):
        MODELS["convnextt"]


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "timm" else plain(name))
    with pytest.raises(BenchError, match=r"timm, which is not installed.*pip install 'benchbench-saliency\[timm\]'"):
        timm_network("convnext_base")


def test_a_network_of_features_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = timm.get_pretrained_cfg("test_convnext")
    cfg.url, cfg.hf_hub_id, cfg.num_classes = "https://a.b/features.pth", None, 0
    monkeypatch.setattr("timm.get_pretrained_cfg", lambda name: cfg)
    path = tmp_path / "torch" / "hub" / "checkpoints" / "features.pth"
    path.parent.mkdir(parents=True)
    torch.save({}, path)
    with pytest.raises(BenchError, match="has no classes: it returns features"):
        load(SMALL)


def test_display_names() -> None:
    shown = {
        "vit_small_patch16_224": "ViT-S/16 224",
        "deit_tiny_patch16_224": "DeiT-Ti/16 224",
        "convnext_tiny": "ConvNeXt-Tiny",
        "convnextv2_nano.fcmae_ft_in1k": "ConvNeXtV2-Nano (fcmae ft in1k)",
        "resnet50": "ResNet-50",
        "tf_efficientnet_lite0": "EfficientNet-Lite-TF-0",
        "efficientnet_b0": "EfficientNet-B0",
        "swin_tiny_patch4_window7_224": "Swin-Tiny/4 window7 224",
        "mobilenetv3_large_100": "MobileNetV3-Large 100",
        "densenet121": "DenseNet-121",
        "regnety_016": "RegNetY-016",
    }
    assert {name: timm_title(name) for name in shown} == shown
    assert not [name for name in timm.list_models() if "_" in timm_title(name)]
    titles = [timm_title(name) for name in timm.list_models()]
    assert len(set(titles)) == len(titles), "no two networks look the same"
