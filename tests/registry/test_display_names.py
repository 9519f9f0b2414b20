"""Display names: every plugin that comes with benchbench has one, and parameters read well in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torchvision
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.models.titles import torchvision_title
from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, Registry, dataset, method
from benchbench.types import Layer

REGISTRIES: dict[str, Registry[Any]] = {"methods": METHODS, "metrics": METRICS, "models": MODELS, "datasets": DATASETS}


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_plugin_has_a_name_of_its_own_for_reports(kind: str) -> None:
    plugins = [p for p in REGISTRIES[kind].load().values() if p.function.__module__.startswith("benchbench.")]
    assert all(plugin.title for plugin in plugins)
    titles = [plugin.title for plugin in plugins if "{" not in plugin.title]  # where no parameter is the name
    assert len(set(titles)) == len(titles)
    assert not [title for title in titles if "_" in title]


@pytest.mark.parametrize(
    ("name", "params", "shown"),
    [
        ("gradcam++", {}, "Grad-CAM++"),
        ("scorecam", {"variant": "torchcam"}, "Score-CAM (variant=torchcam)"),
        ("inverted", {}, "Inverted Grad-CAM"),
        ("smoothed", {"of": {"name": "inverted", "of": "layercam"}}, "Inverted Layer-CAM smoothed over noise"),
        ("center", {"sigma": 0.5}, "Centre (sigma=0.5)"),
        ("inputxgradient", {"sign": "signed"}, "Input x gradient (signed)"),
        ("inputxgradient", {"sign": "absolute"}, "Input x gradient (sign=absolute)"),
    ],
)
def test_a_method_s(name: str, params: dict[str, object], shown: str) -> None:
    plugin = METHODS[name]
    assert plugin.display_name(plugin.bind(params)) == shown


def test_a_folder_has_the_folder_s_name(tmp_path: Path) -> None:
    plugin = DATASETS["folder"]
    params = plugin.bind({"root": tmp_path / "voc" / "val", "masks": tmp_path / "masks"})
    assert plugin.display_name(params) == "val"
    assert plugin.display_name({**params, "classes": "sorted"}) == "val (classes=sorted)"


def test_a_checkpoint_has_the_file_s_name() -> None:
    plugin = MODELS["resnet18"]
    shown = plugin.display_name(plugin.bind({"weights": "/far/away/best.pth", "classes": 9}))
    assert shown == "ResNet-18 (classes=9, weights=best.pth)"


def test_every_network_of_torchvision_is_written_as_its_paper_does() -> None:
    names = torchvision.models.list_models(module=torchvision.models)
    assert [name for name in names if torchvision_title(name) == name] == []
    shown = {
        "vit_b_16": "ViT-B/16",
        "regnet_x_1_6gf": "RegNetX-1.6GF",
        "swin_v2_t": "SwinV2-T",
        "vgg16_bn": "VGG-16-BN",
    }
    assert {name: torchvision_title(name) for name in shown} == shown
    assert torchvision_title("a_network_of_tomorrow") == "a_network_of_tomorrow"


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("title", ["Mine {power}", "Mine {}", "Mine {of"])
def test_a_title_names_parameters_that_there_are(title: str) -> None:
    with pytest.raises(BenchError, match="title"):

        @method("titled", needs="activation", title=title)
        def titled(layer: Layer, *, of: int = 1) -> Tensor:
            """For a test."""
            return layer.activation

    with pytest.raises(BenchError, match="title"):

        @dataset("titled-data", title=title)
        def titled_data(*, of: int = 1) -> list[int]:
            """For a test."""
            return [of]
