"""torchvision's segmentation networks and detectors by name: the smallest, with all that a study may say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.models.dense_weights import _classes_of
from benchbench.models.load import fingerprint, load_model
from benchbench.models.titles import torchvision_title
from benchbench.models.torchvision_networks import build_dense, dense_networks
from benchbench.models.weights_fit import fit_weights
from benchbench.registry import MODELS
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec, Preprocess

from ..cli.commands import benchbench
from ..dense_networks import SIDE, tiny

SEGMENTER, DETECTOR = "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large"


@pytest.fixture(autouse=True)
def no_cached_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """torch's cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def load(name: str, **params: Any) -> ModelSpec:
    plugin = MODELS[name]
    return load_model(name, plugin.function, plugin.bind(params))


def test_every_one_is_registered_with_a_title() -> None:
    for rooms in (torchvision.models.segmentation, torchvision.models.detection):
        for name in torchvision.models.list_models(module=rooms):
            assert MODELS[name].title == torchvision_title(name) != name
    assert torchvision_title("fcn_resnet50") == "FCN ResNet-50"
    assert torchvision_title("deeplabv3_mobilenet_v3_large") == "DeepLabV3 MobileNetV3-Large"
    assert torchvision_title("fasterrcnn_mobilenet_v3_large_320_fpn") == "Faster R-CNN MobileNetV3-Large-320-FPN"
    assert torchvision_title("retinanet_resnet50_fpn_v2") == "RetinaNet ResNet-50-FPN v2"
    assert torchvision_title("ssd300_vgg16") == "SSD300 VGG-16"


def test_a_segmentation_network_says_what_it_is() -> None:
    spec, again = load(SEGMENTER, pixels="0.5,0.5"), load(SEGMENTER, pixels="0.5,0.5")
    assert "RANDOM weights" in spec.warning
    assert "lraspp_mobilenet_v3_large-d234d4ea.pth" in spec.warning, "it says which file to put where"
    assert spec.preprocess == Preprocess(520, 520)
    assert spec.classes[:2] == ("__background__", "aeroplane")
    assert fingerprint(spec.network) == fingerprint(again.network)
    assert load(SEGMENTER, classes=4, size=96).classes == ()
    assert load(SEGMENTER, size=96, weights="random").preprocess.crop == 96
    images = torch.randn(1, 3, 64, 64)
    maps = bb.explain(load(SEGMENTER, classes=4), images, target=1)
    assert maps.shape == (1, 1, 64, 64)


def test_a_detector_says_what_it_is() -> None:
    spec = load(DETECTOR)
    assert "RANDOM weights" in spec.warning
    assert spec.preprocess == Preprocess(320, 320, (0.0,) * 3, (1.0,) * 3)
    assert (len(spec.classes), spec.classes[3]) == (91, "car")
    small = load(DETECTOR, size=64, classes=3, box="0.1 0.1 0.6,0.6", overlap=0.3)
    assert small.preprocess.crop == 64
    images = torch.rand(1, 3, 64, 64)
    assert bb.explain(small, images, target=1, layer="stages").keys() >= {"backbone.features.0"}
    for box in ("here", "1,2"):
        with pytest.raises(BenchError, match="box: "):
            load(DETECTOR, size=64, classes=3, box=box)


def plain(name: str, **params: Any) -> nn.Module:
    torch.manual_seed(3)
    network: nn.Module = torchvision.models.get_model(name, weights=None, weights_backbone=None, **params)
    return network.eval()


@pytest.mark.parametrize(("name", "classes"), [(SEGMENTER, 21), (DETECTOR, 91)])
def test_cached_weights_are_used_without_a_network(name: str, classes: int, no_cached_weights: Path) -> None:
    planted, url = plain(name, num_classes=classes), torchvision.models.get_model_weights(name).DEFAULT.url
    torch.save(planted.state_dict(), no_cached_weights / Path(url).name)
    spec = load(name)
    assert spec.warning == ""
    assert spec.weights.startswith("torchvision ")
    for key, value in spec.network.state_dict().items():
        assert torch.equal(value, planted.state_dict()[key])


def test_a_checkpoint_by_path_and_its_second_classifier_is_left_out(tmp_path: Path) -> None:
    planted, name = plain("deeplabv3_mobilenet_v3_large", num_classes=3, aux_loss=True), "deeplabv3_mobilenet_v3_large"
    path = tmp_path / "mine.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in planted.state_dict().items()}}, path)
    spec = load(name, weights=str(path), classes=3)
    assert spec.weights == "checkpoint mine.pth (state_dict)"
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        maps, logits = planted(images)["out"], bb.segmenter(planted)(images)
        assert torch.equal(spec.network.eval()(images), logits)
    assert maps.shape[1] == logits.shape[1] == 3
    assert not [key for key in spec.network.state_dict() if key.startswith("aux_classifier")]
    read = load(name, weights=str(path))
    assert read.classes == ()
    with torch.no_grad():
        assert torch.equal(read.network.eval()(images), logits), "the number of classes is the head's"
    with pytest.raises(
        BenchError, match=r"mine\.pth has 3 classes, and deeplabv3_\w+ is made with 21\. Use classes: 3"
    ):
        load(name, weights=str(path), classes=21)
    with pytest.raises(BenchError, match="weights: no checkpoint"):
        load(name, weights=str(tmp_path / "absent.pth"))


@pytest.mark.parametrize("name", [SEGMENTER, DETECTOR])
def test_cached_weights_of_other_classes_are_not_used(name: str, no_cached_weights: Path, tmp_path: Path) -> None:
    weights = torchvision.models.get_model_weights(name).DEFAULT
    count = len(weights.meta["categories"])
    torch.save(plain(name, num_classes=count).state_dict(), no_cached_weights / Path(weights.url).name)
    spec = load(name, classes=7)
    assert f"RANDOM weights (the published weights have {count} classes, not 7)" in spec.warning
    with torch.no_grad():
        assert spec.network.eval()(torch.rand(1, 3, SIDE, SIDE)).shape == (1, 7)
    assert load(name, classes=count).warning == ""
    (tmp_path / "names.txt").write_text("\n".join(f"class {i}" for i in range(count)))
    named = load(name, classes=str(tmp_path / "names.txt"))
    assert (named.warning, named.classes[1]) == ("", "class 1")


@pytest.mark.parametrize("name", [SEGMENTER, DETECTOR])
def test_a_file_of_class_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("nothing\ncat\ndog\n")
    names = str(tmp_path / "names.txt")
    spec = load(name, classes=names)
    assert spec.classes == ("nothing", "cat", "dog")
    assert "(the published weights have" in spec.warning
    planted = plain(name, num_classes=3)
    torch.save({f"module.{key}": value for key, value in planted.state_dict().items()}, tmp_path / "mine.pth")
    spec = load(name, weights=str(tmp_path / "mine.pth"), classes=names)
    assert spec.classes == ("nothing", "cat", "dog")
    assert all(torch.equal(value, planted.state_dict()[key]) for key, value in spec.network.state_dict().items())
    with torch.no_grad():
        assert spec.network.eval()(torch.rand(1, 3, SIDE, SIDE)).shape == (1, 3)
    (tmp_path / "names.txt").write_text("nothing\ncat\n")
    with pytest.raises(BenchError, match=r"classes: .*mine\.pth has 3 classes, and .*names\.txt names 2"):
        load(name, weights=str(tmp_path / "mine.pth"), classes=names)
    for count in ("1", "0"):
        with pytest.raises(BenchError, match=rf"classes: {count} is no number of classes. Give 2 to 1,000,000"):
            load(name, classes=count)


@pytest.mark.parametrize("name", dense_networks())
def test_the_number_of_classes_is_read_from_every_head(name: str) -> None:
    with torch.device("meta"):
        state, network = build_dense(name, 5).state_dict(), build_dense(name, 3)
    assert _classes_of(name, fit_weights({f"module.{key}": value for key, value in state.items()}, network)) == 5
    assert _classes_of(name, fit_weights({"other.weight": torch.ones(2)}, network)) is None


def test_a_head_of_one_class_is_refused(tmp_path: Path) -> None:
    torch.save(plain(SEGMENTER, num_classes=1).state_dict(), tmp_path / "mine.pth")
    with pytest.raises(BenchError, match=r"mine\.pth has a head of 1 classes\. Give weights of 2 to"):
        load(SEGMENTER, weights=str(tmp_path / "mine.pth"))


def test_published_weights_answer_the_same_from_the_cache_and_by_path(
    no_cached_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a narrow network in place of torchvision's, whose variances are small enough that eps matters."""
    name = "retinanet_resnet50_fpn"
    monkeypatch.setattr("benchbench.models.dense_weights.build_dense", lambda *_, **__: tiny("retinanet"))
    planted = tiny("retinanet", seed=1)
    for module in planted.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            module.running_var.fill_(1e-4)
            nn.init.constant_(module.weight, 1e-2)
    weights = torchvision.models.get_model_weights(name).DEFAULT
    cached = no_cached_weights / Path(weights.url).name
    for path in (cached, tmp_path / cached.name, tmp_path / "mine.pth"):
        torch.save(planted.state_dict(), path)
    images = torch.rand(1, 3, SIDE, SIDE)
    specs = [
        load(name, size=SIDE),
        *(load(name, size=SIDE, weights=str(tmp_path / f)) for f in (cached.name, "mine.pth")),
    ]
    with torch.no_grad():
        of_cache, of_path, of_mine = (spec.network.eval()(images) for spec in specs)
    assert torch.equal(of_cache, of_path)
    assert not torch.allclose(of_cache, of_mine, rtol=0.05, atol=0)
    assert specs[0].weights == "torchvision RetinaNet_ResNet50_FPN_Weights.COCO_V1"
    assert "The file is torchvision's RetinaNet_ResNet50_FPN_Weights.COCO_V1" in specs[1].note
    assert "The batch norms add 1e-5 to the variance" in specs[2].note
    bare = {module.eps for module in specs[2].network.modules() if isinstance(module, nn.BatchNorm2d)}
    assert bare == {1e-5}


def test_parameters_are_read_off_a_study_and_the_command_line() -> None:
    keys: dict[str, Any] = {"datasets": ["photos"], "methods": ["gradcam"], "metrics": ["deletion"]}
    for pixels, expected in (([0.1, 0.2, 0.5, 0.6], (0.1, 0.2, 0.5, 0.6)), ("won", "won")):
        study = StudySpec(models=[{"name": SEGMENTER, "pixels": pixels}], **keys)
        assert study.models[0].params["pixels"] == expected
    assert StudySpec(models=[{"name": DETECTOR, "box": [0, 0, 1, 1]}], **keys).models[0].params["box"] == (0, 0, 1, 1)
    for name, key, value in ((DETECTOR, "overlap", 2), (DETECTOR, "min_score", 0), (SEGMENTER, "size", 8)):
        with pytest.raises(BenchError, match=key):
            StudySpec(models=[{"name": name, key: value}], **keys)


def test_from_the_command_line(tmp_path: Path) -> None:
    """One photograph under a map of each; the probability is the detection's score; the list shows both."""
    picture = tmp_path / "picture.png"
    Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 20).convert("RGB").save(picture)
    for model in (
        f"{SEGMENTER}:size=64:pixels=0.2 0.2 0.7 0.7",
        f"{DETECTOR}:size=64:box=0.1 0.1 0.9 0.9:overlap=0.01",
    ):
        done = benchbench("explain", picture, "--model", model, "--methods", "gradcam", "--target", "3", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "RANDOM weights" in done.stdout + done.stderr
    listed = benchbench("list", "models", cwd=tmp_path)
    assert "LR-ASPP MobileNetV3-Large" in listed.stdout
    assert "pixels" in listed.stdout
