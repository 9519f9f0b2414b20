"""Checkpoints as people save them: where the weights are, what stands before their names, and what does not fit."""

from __future__ import annotations

import argparse
import datetime
import pathlib
import pickle
import types
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.models.checkpoint import read_checkpoint
from benchbench.models.load import load_model
from benchbench.models.nearest_network import nearest_network
from benchbench.models.torchvision_networks import build_dense, build_torchvision, classifiers, ends_of
from benchbench.models.weights_fit import WRAPPERS, fit_weights, unwrapped
from benchbench.registry import MODELS
from benchbench.types import ModelSpec

from ..networks import Pooled, seeded


def load(name: str, **params: object) -> ModelSpec:
    plugin = MODELS[name]
    return load_model(name, plugin.function, plugin.bind(params))


def other(seed: int = 1) -> dict[str, Tensor]:
    """The weights of another Pooled than the one that they are put into."""
    return dict(seeded(Pooled, seed=seed).state_dict())


def loaded(content: Any, folder: Path) -> Pooled:
    torch.save(content, folder / "mine.pth")
    network = seeded(Pooled)
    assert bb.load_weights(network, folder / "mine.pth") is network
    return network


def same(network: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "keys",
    [
        ("state_dict",), ("model",), ("model_state_dict",), ("ema",), ("state_dict_ema",), ("model_ema",), ("net",),
        ("model", "state_dict"), ("ema", "module"), ("generator",),
    ],
)  # fmt: skip
def test_the_weights_are_found_where_they_are(keys: tuple[str, ...], tmp_path: Path) -> None:
    content: Any = other()
    for key in reversed(keys):
        content = {key: content, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(())}}, "param_groups": []}}
    assert same(loaded(content, tmp_path), other())
    assert read_checkpoint(tmp_path / "mine.pth").place == ".".join(keys)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(WRAPPERS), max_size=3))
def test_wrappers_are_removed_in_any_order(words: list[str]) -> None:
    prefix = "".join(f"{word}." for word in words)
    weights = {prefix + name: value for name, value in other().items()}
    fit = fit_weights(weights, seeded(Pooled))
    assert fit.fits
    assert set(fit.weights) == set(other())
    assert set(unwrapped(weights)) == set(other())


class Held(nn.Module):
    """A network whose own names begin with model."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Pooled()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits


@pytest.mark.parametrize("prefix", ["", "model.", "module.", "module._orig_mod."])
def test_a_prefix_stays_where_the_network_s_own_names_have_it(prefix: str) -> None:
    weights = {f"{prefix}{name}": value for name, value in seeded(Held, seed=1).state_dict().items()}
    fit = fit_weights(weights, seeded(Held))
    assert fit.fits
    assert all(name.startswith("model.") and not name.startswith("model.model.") for name in fit.weights)
    assert fit.prefix == prefix.replace("_orig_mod.", "")


def test_a_layer_that_was_compiled_alone(tmp_path: Path) -> None:
    weights = {name.replace("stage1.", "stage1._orig_mod."): value for name, value in other().items()}
    assert same(loaded(weights, tmp_path), other())


def test_a_lightning_checkpoint(tmp_path: Path) -> None:
    """The module's own parts are left out and said; its hyper-parameters and callbacks are read as plain values."""
    state = {f"net.{name}": value for name, value in other().items()}
    content = {
        "epoch": 4,
        "global_step": 100,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict({**state, "criterion.weight": torch.ones(7), "metric.total": torch.ones(())}),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best_model_score": torch.tensor(0.9), "dirpath": "x"}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}],
        "lr_schedulers": [{"last_epoch": 4}],
        "hyper_parameters": {"args": argparse.Namespace(lr=0.1), "root": pathlib.Path("data"), "best": np.float64(0.5)},
    }
    assert same(loaded(content, tmp_path), other())
    path = tmp_path / "mine.pth"
    spec = load_model("mine", lambda: seeded(Pooled), {"weights": str(path)})
    assert spec.weights == "checkpoint mine.pth (state_dict)"
    assert spec.note == (
        "The prefix net. of the checkpoint's names was removed; "
        "2 tensors outside the network left out (criterion.weight, metric.total)"
    )


def test_a_timm_training_checkpoint_gives_the_averaged_weights(tmp_path: Path) -> None:
    content = {
        "epoch": 9,
        "arch": "resnet18",
        "state_dict": other(2),
        "state_dict_ema": {f"module.{name}": value for name, value in other().items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": np.float32(0.1)}]},
        "args": argparse.Namespace(model="resnet18", opt="sgd"),
        "amp_scaler": {"scale": 65536.0},
        "metric": np.float64(77.1),
    }
    assert same(loaded(content, tmp_path), other())
    spec = load_model("mine", lambda: seeded(Pooled), {"weights": str(tmp_path / "mine.pth")})
    assert "of several state dicts state_dict_ema was taken, and not state_dict" in spec.note


def test_an_averaged_model_of_torch(tmp_path: Path) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(seeded(Pooled, seed=1))
    assert same(loaded({"model": other(2), "model_ema": averaged.state_dict()}, tmp_path), other())


def test_averaged_weights_with_a_number_among_them(tmp_path: Path) -> None:
    content = {"model": other(2), "ema": {"decay": 0.999, "num_updates": 7, **other()}}
    assert same(loaded(content, tmp_path), other())
    assert read_checkpoint(tmp_path / "mine.pth").place == "ema"
    torch.save({"epoch": 3, **other()}, tmp_path / "mine.pth")
    assert read_checkpoint(tmp_path / "mine.pth").place == ""
    torch.save({"loss": torch.ones(()), "error": torch.ones(()), "epoch": 3, "model": other()}, tmp_path / "mine.pth")
    assert read_checkpoint(tmp_path / "mine.pth").place == "model"
    torch.save({"generator": other(), "scores": {"top.1": torch.ones(()), "n": 3, "m": 4}}, tmp_path / "mine.pth")
    assert read_checkpoint(tmp_path / "mine.pth").place == "generator"


def test_averaged_weights_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    """As diffusers' EMAModel keeps them: a list without names."""
    content = {"model": other(), "ema": {"decay": 0.999, "shadow_params": list(other(2).values())}, "model_ema": None}
    assert same(loaded(content, tmp_path), other())
    spec = load_model("mine", lambda: seeded(Pooled), {"weights": str(tmp_path / "mine.pth")})
    assert spec.note == "Ema of the checkpoint cannot be read as weights, and was left out"
    torch.save({"model": other(), "ema": {}}, tmp_path / "mine.pth")
    assert load_model("mine", lambda: seeded(Pooled), {"weights": str(tmp_path / "mine.pth")}).note == ""


@pytest.mark.parametrize("prefix", ["module._orig_mod.", "_orig_mod.module.", "model.module._orig_mod."])
def test_a_compiled_network_in_a_wrapper_and_the_other_way_round(prefix: str, tmp_path: Path) -> None:
    content = {"ema": {f"{prefix}{name}": value for name, value in other().items()}, "model": other(2)}
    assert same(loaded(content, tmp_path), other())


@pytest.mark.parametrize(
    "value",
    [
        argparse.Namespace(a=1, b=[2, {"c": None}]),
        types.SimpleNamespace(a=1),
        datetime.datetime(2026, 1, 2),
        datetime.timedelta(hours=1),
        pathlib.Path("a") / "b",
        pathlib.PureWindowsPath("a"),
        np.float64(0.5),
        np.int64(3),
        np.bool_(True),
        np.arange(3.0),
        np.random.RandomState(0).get_state(),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_harmless_values_beside_the_weights(value: Any, tmp_path: Path) -> None:
    before = torch.serialization.get_safe_globals()
    assert same(loaded({"state_dict": other(), "other": value}, tmp_path), other())
    assert set(torch.serialization.get_safe_globals()) == set(before), "nothing stays allowed"


def test_numbers_of_numpy_under_the_name_of_its_other_version(tmp_path: Path) -> None:
    """NumPy 1 wrote numpy.core, NumPy 2 writes numpy._core."""
    torch.save({"state_dict": other(), "best": np.float64(0.5)}, tmp_path / "now.pth")
    zipped = (tmp_path / "now.pth").read_bytes()
    names = (b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert names[0] in zipped or names[1] in zipped
    from benchbench.models.checkpoint_file import harmless_types

    allowed = {each[1] for each in harmless_types() if isinstance(each, tuple)}
    assert {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"} <= allowed


class Settings:
    """Of a user's own code."""


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("pwned", "w")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (
            lambda: seeded(Pooled),
            'saved = torch.load("{path}", weights_only=False); torch.save(saved.state_dict(), "mine-weights.pth")',
        ),
        (
            lambda: {"epoch": 1, "model": seeded(Pooled)},
            'saved = torch.load("{path}", weights_only=False)["model"]; torch.save(saved.state_dict(), "mine-',
        ),
        (
            lambda: {"state_dict": other(), "hyper_parameters": Settings()},
            'saved = torch.load("{path}", weights_only=False)["state_dict"]; torch.save(saved, "mine-weights.pth")',
        ),
        (
            lambda: {"state_dict": OrderedDict(other()), "hyper_parameters": Settings()},
            'saved = torch.load("{path}", weights_only=False)["state_dict"]; torch.save(saved, "mine-weights.pth")',
        ),
    ],
    ids=["network", "network in a dict", "settings", "ordered"],
)
def test_what_could_run_code_is_refused_with_the_lines_that_convert_it(
    content: Any, lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are Python, and what they write is read."""
    path = tmp_path / "mine.pth"
    torch.save(content(), path)
    with pytest.raises(BenchError, match=r"is a pickle with \S+ in it, and reading it could run code") as caught:
        bb.load_weights(seeded(Pooled), path)
    assert lines.format(path=path) in caught.value.hint
    code = caught.value.hint.partition("convert it in Python: ")[2]
    monkeypatch.chdir(tmp_path)
    exec(code, {"torch": torch})
    bb.load_weights(seeded(Pooled), "mine-weights.pth")


def test_code_beside_the_weights_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": other(), "args": argparse.Namespace(evil=Evil())}, "mine.pth")
    with pytest.raises(BenchError, match="reading it could run code"):
        bb.load_weights(seeded(Pooled), "mine.pth")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    traced = torch.jit.trace(seeded(Pooled), torch.zeros(1, 3, 16, 16))  # type: ignore[no-untyped-call]
    torch.jit.save(traced, str(tmp_path / "mine.pt"))
    with pytest.raises(BenchError, match=r"is a TorchScript program.*torch\.jit\.load"):
        bb.load_weights(seeded(Pooled), tmp_path / "mine.pt")


def test_safetensors(tmp_path: Path) -> None:
    save_file({f"module.{name}": value for name, value in other().items()}, tmp_path / "mine.safetensors")
    network = seeded(Pooled)
    bb.load_weights(network, tmp_path / "mine.safetensors")
    assert same(network, other())
    whole = (tmp_path / "mine.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-100])
    with pytest.raises(BenchError, match="is a damaged safetensors file, or cut short"):
        bb.load_weights(network, tmp_path / "cut.safetensors")


def test_half_precision_is_loaded_in_single(tmp_path: Path) -> None:
    network = loaded({name: value.half() for name, value in other().items()}, tmp_path)
    assert network.fc.weight.dtype == torch.float32
    torch.testing.assert_close(network.fc.weight, other()["fc.weight"], atol=1e-3, rtol=1e-2)


def test_student_and_teacher_are_not_guessed(tmp_path: Path) -> None:
    twice = {f"{who}.{name}": value for who in ("student", "teacher") for name, value in other().items()}
    with pytest.raises(BenchError, match=r"holds several such networks: 'student\.' and 'teacher\.'"):
        loaded(twice, tmp_path)
    with pytest.raises(BenchError, match="holds several state dicts: student and teacher"):
        loaded({"student": other(), "teacher": other()}, tmp_path)
    named = {f"{who}.{name}": value for who in ("model", "teacher") for name, value in other().items()}
    assert same(loaded(named, tmp_path), other()), "a known wrapper wins"


def test_the_number_of_classes_is_the_head_s(tmp_path: Path) -> None:
    weights = torchvision.models.squeezenet1_1(num_classes=7).state_dict()
    torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}}, tmp_path / "mine.pth")
    (tmp_path / "names.txt").write_text("\n".join("abcdefg"))
    spec = load("squeezenet1_1", weights=str(tmp_path / "mine.pth"))
    assert same(spec.network, weights)
    assert spec.classes == ()
    spec = load("squeezenet1_1", weights=str(tmp_path / "mine.pth"), classes=str(tmp_path / "names.txt"))
    assert spec.classes == tuple("abcdefg")
    (tmp_path / "names.txt").write_text("\n".join("abcdef"))
    with pytest.raises(BenchError, match=r"classes: .*mine\.pth has 7 classes, and .*names\.txt names 6"):
        load("squeezenet1_1", weights=str(tmp_path / "mine.pth"), classes=str(tmp_path / "names.txt"))
    with pytest.raises(BenchError, match=r"has 7 classes, and squeezenet1_1 is made with 6\. Use classes: 7"):
        load("squeezenet1_1", weights=str(tmp_path / "mine.pth"), classes=6)


def test_two_names_for_one_logit(tmp_path: Path) -> None:
    torch.save({"model": torchvision.models.squeezenet1_1(num_classes=1).state_dict()}, tmp_path / "mine.pth")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    spec = load("squeezenet1_1", weights=str(tmp_path / "mine.pth"), classes=str(tmp_path / "names.txt"))
    assert spec.classes == ("cat", "dog")
    assert spec.network(torch.zeros(1, 3, 64, 64)).shape == (1, 1)
    (tmp_path / "names.txt").write_text("cat\ndog\nfox\n")
    with pytest.raises(BenchError, match=r"mine\.pth has 1 classes, and .*names\.txt names 3"):
        load("squeezenet1_1", weights=str(tmp_path / "mine.pth"), classes=str(tmp_path / "names.txt"))


def test_cached_weights_of_other_classes_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / Path(torchvision.models.SqueezeNet1_1_Weights.DEFAULT.url).name
    path.parent.mkdir(parents=True)
    torch.save(torchvision.models.squeezenet1_1().state_dict(), path)
    assert load("squeezenet1_1").warning == ""
    spec = load("squeezenet1_1", classes=7)
    assert "RANDOM weights (the published weights have 1,000 classes, not 7)" in spec.warning


def test_a_network_of_one_s_own_takes_weights_and_names(tmp_path: Path) -> None:
    torch.save({"state_dict": {f"module.{k}": v for k, v in other().items()}}, tmp_path / "mine.pth")
    (tmp_path / "names.txt").write_text("\n".join("abcdefg"))
    params = {"weights": str(tmp_path / "mine.pth"), "classes": str(tmp_path / "names.txt")}
    spec = load_model("mine", lambda: seeded(Pooled), params)
    assert same(spec.network, other())
    assert spec.classes == tuple("abcdefg")
    assert spec.weights == "checkpoint mine.pth (state_dict)"

    def build(*, weights: str, classes: int = 7) -> nn.Module:
        assert weights == "mine"
        return seeded(lambda: Pooled(classes))

    assert load_model("mine", build, {"weights": "mine"}).weights == "as given"
    with pytest.raises(BenchError, match=r"mine\(\) does not take classes: 7"):
        load_model("mine", lambda: seeded(Pooled), {"classes": 7})
    with pytest.raises(BenchError, match=r"mine\(\) does not take weights: auto"):
        load_model("mine", lambda: seeded(Pooled), {"weights": "auto"})
    with pytest.raises(
        BenchError, match=r"has 7 classes, and Pooled is made with 5\. Build the network with 7 classes"
    ):
        load_model("mine", lambda: seeded(lambda: Pooled(5)), {"weights": str(tmp_path / "mine.pth")})


def test_the_ends_of_torchvision_s_networks_are_named_right() -> None:
    """Of each family the smallest; RegNet cannot be built without memory."""
    firsts: dict[tuple[str, str], str] = {}
    for name in classifiers():
        assert all(ends_of(name)), name
        firsts.setdefault(ends_of(name), name)
    for (first, last), name in firsts.items():
        if name.startswith("regnet"):
            state = build_torchvision("regnet_y_400mf", 3).state_dict()
        else:
            with torch.device("meta"):
                state = build_torchvision(name, 3).state_dict()
        assert state[first].shape[1] == 3, name
        assert len(state[last]) == 3, name
    assert ends_of("a_network_of_tomorrow") == ("", "")


def on_meta(name: str) -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(build_torchvision(name, 7).state_dict())


@pytest.mark.parametrize("name", ["resnet34", "vgg11_bn", "vit_b_32"])
def test_the_architecture_is_named_by_its_shapes(name: str) -> None:
    assert nearest_network(on_meta(name), "resnet18") == f"It fits {name}."


def test_a_near_architecture_is_named_with_its_share() -> None:
    weights = on_meta("squeezenet1_1")
    weights |= {f"extra.{i}": torch.empty(1, device="meta") for i in range(20)}
    told = nearest_network(weights, "vgg11")
    assert told == "The nearest architecture is squeezenet1_1: 72% of the tensors fit."
    assert nearest_network({"a.weight": torch.ones(1)}, "vgg11") == ""


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("deeplabv3_resnet50", "fcn_resnet50"),
        ("fcn_resnet101", "fcn_resnet50"),
        ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"),
        ("fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn"),
        ("retinanet_resnet50_fpn", "fcos_resnet50_fpn"),
        ("ssdlite320_mobilenet_v3_large", "ssd300_vgg16"),
    ],
)
def test_a_segmentation_network_or_a_detector_is_named(name: str, tried: str) -> None:
    with torch.device("meta"):
        weights = build_dense(name, 7).state_dict()
    wrapped = {f"module.model.{key}": value for key, value in weights.items()}
    assert nearest_network(wrapped, tried) == f"It fits {name}."


def test_a_second_classifier_is_no_obstacle() -> None:
    with torch.device("meta"):
        weights = build_dense("deeplabv3_resnet50", 7, aux_loss=True).state_dict()
    assert nearest_network(weights, "fcn_resnet50") == "It fits deeplabv3_resnet50."


def test_an_architecture_that_differs_in_one_tensor_is_named(tmp_path: Path) -> None:
    """The weights of images of 384 pixels in the network for 224: the position embedding alone does not fit."""
    pytest.importorskip("timm")
    import timm

    torch.save(timm.create_model("vit_tiny_patch16_384", num_classes=7).state_dict(), tmp_path / "mine.pth")
    with pytest.raises(
        BenchError, match=r"pos_embed is \(1, 577, 192\) in the file and .* It fits timm:vit_tiny_patch16_384\."
    ):
        load("timm:vit_tiny_patch16_224", weights=str(tmp_path / "mine.pth"))


def test_nothing_is_named_where_the_network_that_was_tried_fits_better() -> None:
    weights = on_meta("squeezenet1_1")
    weights |= {f"extra.{i}": torch.empty(1, device="meta") for i in range(4)}
    assert nearest_network(weights, "Mine", 0.92) == "", "above 0.9 only what fits whole is named"
    assert nearest_network(weights, "Mine", 0.5).startswith("The nearest architecture is squeezenet1_1: 9")
    weights |= {f"extra.{i}": torch.empty(1, device="meta") for i in range(20)}
    assert nearest_network(weights, "Mine", 0.8) == "", "72 % are less than 80 %"


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_may_lack_together(name: str) -> None:
    with torch.device("meta"):
        network = build_torchvision(name, 7)
    weights = dict(network.state_dict())
    without = {key: value for key, value in weights.items() if not key.lower().startswith("aux")}
    assert len(without) < len(weights)
    assert fit_weights(without, network).fits
    first = next(key for key in weights if key.lower().startswith("aux"))
    assert not fit_weights({**without, first: weights[first]}, network).fits


def test_a_mismatch_names_keys_and_architecture(tmp_path: Path) -> None:
    weights = {f"module.{k}": v for k, v in torchvision.models.squeezenet1_0(num_classes=7).state_dict().items()}
    torch.save({"model": weights}, tmp_path / "mine.pth")
    with pytest.raises(
        BenchError,
        match=r"the file lacks .* features\.0\.weight is \(96, 3, 7, 7\) in the file .*It fits squeezenet1_0\.",
    ):
        load("squeezenet1_1", weights=str(tmp_path / "mine.pth"))


def test_the_pickle_that_python_wrote_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "mine.pkl").write_bytes(pickle.dumps({"state_dict": Settings()}, protocol=2))
    with pytest.raises(BenchError, match="pickle"):
        bb.load_weights(seeded(Pooled), tmp_path / "mine.pkl")
