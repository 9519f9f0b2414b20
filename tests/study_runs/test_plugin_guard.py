"""A plugin that ends, sets or leaves behind something spoils its own cells alone; all others are bitwise the same."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.containment.network_watch import state_of
from benchbench.errors import BenchError, NotApplicable
from benchbench.plugin_guard import SETTINGS, contained
from benchbench.registry import method, metric
from benchbench.registry.method_parameter import Method
from benchbench.types import Layer, Sample, Scored, Seen

from ..networks import Pooled, seeded

GOOD = ["gradcam", "scorecam", "lrp", "ablationcam", "random"]
JUDGES = ["deletion", "average_drop", "passes"]
OOM = "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"


class SillyError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class SillyRuntimeError(RuntimeError):
    def __str__(self) -> str:
        raise ValueError("no text")


def _mean(layer: Layer) -> Tensor:
    return layer.activation.mean(1)


def _after(act: Callable[[], object]) -> Callable[[Layer], Tensor]:
    def function(layer: Layer) -> Tensor:
        act()
        return _mean(layer)

    return function


def _raising(error: BaseException) -> Callable[[Any], Any]:
    def function(_: Any) -> Any:
        raise error

    return function


def _returning(change: Callable[[Tensor], Any]) -> Callable[[Layer], Any]:
    return lambda layer: change(_mean(layer))


def _writing(write: Callable[[Layer], object]) -> Callable[[Layer], Tensor]:
    def function(layer: Layer) -> Tensor:
        write(layer)
        return torch.rand(len(layer.images), 4, 4, generator=torch.Generator().manual_seed(0))

    return function


def _hook_all() -> None:
    nn.modules.module.register_module_forward_hook(lambda *_: None)


def _hook(network: nn.Module) -> None:
    for module in network.modules():
        module.register_forward_hook(lambda _m, _i, o: o * 2 if isinstance(o, Tensor) else o)


def _zero(network: nn.Module) -> None:
    for parameter in network.parameters():
        parameter.data.zero_()


ENDS: dict[str, Callable[[Any], Any]] = {
    "sys.exit": lambda _: sys.exit(0),
    "exit with words": lambda _: sys.exit("no"),
    "GeneratorExit": _raising(GeneratorExit()),
    "silly": _raising(SillyError()),
    "silly runtime": _raising(SillyRuntimeError()),
    "no memory": _raising(MemoryError()),
    "no memory in torch": _raising(RuntimeError(OOM)),
    "recursion": _raising(RecursionError("deep")),
    "an interrupted system call": _raising(OSError(4, "interrupted")),
    "without words": _raising(NotApplicable("")),
    "assert": _raising(AssertionError()),
    "many words": _raising(ValueError("x" * 10_000)),
    "surrogates": _raising(ValueError("\udc80 \ud83d")),
}
LEAVES: dict[str, Callable[[], object]] = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "grad mode": lambda: torch.set_grad_enabled(False),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "anomaly": lambda: torch.set_anomaly_enabled(True),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "matmul precision": lambda: torch.set_float32_matmul_precision("medium"),
    "mkldnn": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "global hook": _hook_all,
    "folder": lambda: os.chdir(tempfile.gettempdir()),
}
RETURNS: dict[str, Callable[[Any], Any]] = {
    "none": _returning(lambda m: None),
    "meta": _returning(lambda m: m.to("meta")),
    "sparse": _returning(lambda m: m.to_sparse()),
    "complex": _returning(lambda m: m * 1j),
    "quantised": _returning(lambda m: torch.quantize_per_tensor(m, 0.1, 0, torch.qint8)),
    "nan": _returning(lambda m: m * float("nan")),
    "one less": _returning(lambda m: m[1:]),
    "no cells": _returning(lambda m: m[:, :0]),
    "numpy": _returning(lambda m: m.numpy()),
}
NEEDS = ("activation", "gradient", "modules", "rest", "head", "stages", "scores")
WRITES: dict[str, Callable[[Layer], object]] = {  # harmless: a method works on copies
    "activation": lambda layer: layer.activation.mul_(-1),
    "activation.data": lambda layer: layer.activation.data.zero_(),
    "activation by numpy": lambda layer: layer.activation.numpy().fill(7),
    "images by numpy": lambda layer: layer.images.numpy().fill(7),
    "gradient.data": lambda layer: layer.gradient.data.zero_(),
    "logits": lambda layer: layer.logits.zero_(),
    "targets": lambda layer: layer.targets.zero_(),
    "head": lambda layer: layer.head.weight.data.zero_(),
    "stages": lambda layer: layer.stages[0].activation.data.zero_(),
    "what Score-CAM asks": lambda layer: layer.score_masked(layer.activation.mul_(-1)),
}
SPOILS: dict[str, Callable[[Layer], object]] = {  # layer.network and layer.behind are shared, and checked
    "hooks": lambda layer: _hook(layer.network),
    "weights": lambda layer: _zero(layer.network),
    "mode": lambda layer: layer.network.train(),
    "hooks behind": lambda layer: _hook(layer.behind),
    "weights behind": lambda layer: _zero(layer.behind),
}
FAILING: dict[str, Callable[[Layer], Any]] = {
    **{f"ends: {name}": act for name, act in ENDS.items()},
    **{f"leaves: {name}": _after(act) for name, act in LEAVES.items()},
    **{f"returns: {name}": act for name, act in RETURNS.items()},
    **{f"spoils: {name}": _writing(act) for name, act in SPOILS.items()},
}
HARMLESS = {f"writes: {name}": _writing(act) for name, act in WRITES.items()}
WORKING = {"ends: without words"}  # not applicable, and not failed


def _pictures() -> Tensor:
    coarse = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=32, mode="bicubic")


def _run(folder: Path, methods: list[Any], metrics: list[Any], **keys: Any) -> pd.DataFrame:
    defaults = {"models": {"net": seeded(Pooled)}, "datasets": {"data": _pictures()}, "layers": ["relu"]}
    return bb.Study(**{**defaults, **keys}, methods=methods, metrics=metrics).run(folder, report=False).table


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return _run(tmp_path_factory.mktemp("clean"), GOOD, JUDGES)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return _run(tmp_path_factory.mktemp("few"), GOOD[:2], JUDGES)


def _same(results: pd.DataFrame, clean: pd.DataFrame, *, other_batches: bool = False) -> None:
    """``other_batches``: further maps are scored too, in the same batches, which may move the last bit."""
    keys = ["method", "metric", "protocol", "sample"]
    rows = results.merge(clean, on=keys, suffixes=("", "_clean"))
    assert len(rows) == len(clean)
    if other_batches:
        np.testing.assert_allclose(rows["value"], rows["value_clean"], rtol=0, atol=1e-6)
    else:
        assert rows["value"].equals(rows["value_clean"])
    assert rows["status"].equals(rows["status_clean"])


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", [*FAILING, *HARMLESS])
def test_a_method_spoils_its_own_cells_alone(name: str, clean: pd.DataFrame, tmp_path: Path) -> None:
    function = {**FAILING, **HARMLESS}[name]

    def bad(layer: Layer) -> Any:
        """Bad."""
        return function(layer)

    method("bad", needs=NEEDS)(bad)
    settings, here = [setting.get() for setting in SETTINGS], Path.cwd()
    results = _run(tmp_path, ["gradcam", "bad", *GOOD[1:]], JUDGES)
    assert [setting.get() for setting in SETTINGS] == settings
    assert Path.cwd() == here
    _same(results, clean, other_batches=name in HARMLESS)
    bad_rows = results[results["method"] == "bad"]
    if name in HARMLESS:
        assert (bad_rows["status"] == "ok").all()
    else:
        bad_rows = bad_rows[bad_rows["sample"].notna()]
        assert set(bad_rows["status"]) == {"not_applicable" if name in WORKING else "failed"}
        assert bad_rows["reason"].str.len().between(1, 700).all()


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", ["ends: sys.exit", "ends: no memory in torch", "leaves: global hook", "returns: none"])
def test_a_method_inside_another(name: str, clean: pd.DataFrame, tmp_path: Path) -> None:
    def bad(layer: Layer) -> Any:
        """Bad."""
        return FAILING[name](layer)

    method("bad", needs=NEEDS)(bad)
    results = _run(tmp_path, [{"name": "augmented", "of": "bad"}, *GOOD], JUDGES)
    _same(results, clean)
    assert (results[results["method"].str.startswith("augmented")]["status"] == "failed").all()


@pytest.mark.usefixtures("planted")
def test_a_method_that_writes_does_not_spoil_the_method_around_it() -> None:
    @method("writer", needs="activation")
    def writer(layer: Layer) -> Tensor:
        """Writes."""
        return layer.activation.zero_().mean(1) + 1

    seen: list[bool] = []

    @method("around", needs="activation")
    def around(layer: Layer) -> Tensor:
        """Looks at what the other method left."""
        Method("writer")(layer)
        seen.append(bool(layer.activation.any()))
        return layer.activation.mean(1)

    bb.explain(seeded(Pooled), _pictures(), method="around", layer="relu")
    assert seen == [True]


def _scored(values: Any, **more: Any) -> Callable[[Seen], Any]:
    return lambda seen: Scored(values(seen) if callable(values) else values, **more)


def _ones(seen: Seen) -> Tensor:
    return torch.ones(len(seen.map))


def _then(act: Callable[[Seen], object]) -> Callable[[Seen], Any]:
    def function(seen: Seen) -> Scored:
        act(seen)
        return Scored(seen.map.mean((1, 2)))

    return function


def _pixels(seen: Seen) -> Tensor:
    assert seen.pixels is not None
    return seen.pixels.images


def _raw(seen: Seen) -> Tensor:
    assert seen.raw is not None
    return seen.raw


def _network(seen: Seen) -> nn.Module:
    assert seen.explainer is not None
    return seen.explainer.network


BAD_METRICS: dict[str, Callable[[Seen], Any]] = {
    **{f"ends: {name}": act for name, act in ENDS.items()},
    **{f"leaves: {name}": _then(lambda _, act=act: act()) for name, act in LEAVES.items()},  # type: ignore[misc]
    "returns none": lambda seen: None,
    "returns a tensor": _ones,
    "text": _scored("high"),
    "too many": _scored(torch.ones(99)),
    "nan": _scored(lambda seen: _ones(seen) * float("nan")),
    "text in a part": lambda seen: Scored(_ones(seen), parts={"a": "high"}),  # type: ignore[dict-item]
    "nan in a part": lambda seen: Scored(_ones(seen), parts={"a": _ones(seen) / 0 - _ones(seen) / 0}),
    "none in a part": lambda seen: Scored(_ones(seen), parts={"a": None}),  # type: ignore[dict-item]
    "a part of other rows": lambda seen: Scored(_ones(seen), parts={"a": torch.ones(99)}),
    "text in a curve": lambda seen: Scored(_ones(seen), curve=("x", "y")),  # type: ignore[arg-type]
    "nan in a curve": lambda seen: Scored(_ones(seen), curve=(torch.ones(2), _ones(seen)[:, None] * torch.nan)),
    "a curve of one": lambda seen: Scored(_ones(seen), curve=(torch.ones(2),)),  # type: ignore[arg-type]
    "reasons of other rows": lambda seen: Scored(_ones(seen), inapplicable=("",) * 99),
    "network's weights": _then(lambda seen: _zero(_network(seen))),
    "network's hooks": _then(lambda seen: _hook(_network(seen))),
    "network's mode": _then(lambda seen: _network(seen).train()),
}
WRITING_METRICS: dict[str, Callable[[Seen], Any]] = {
    "map": _then(lambda seen: seen.map.data.zero_()),
    "map by numpy": _then(lambda seen: seen.map.numpy().fill(0)),
    "raw": _then(lambda seen: _raw(seen).zero_()),
    "images": _then(lambda seen: _pixels(seen).zero_()),
    "images by numpy": _then(lambda seen: _pixels(seen).numpy().fill(0)),
    "probabilities": _then(lambda seen: seen.whole_probability.zero_()),
}


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", [*BAD_METRICS, *WRITING_METRICS])
def test_a_metric_spoils_its_own_cells_alone(name: str, few: pd.DataFrame, tmp_path: Path) -> None:
    @metric("bad", higher_is_better=True, needs=("map", "probes", "pixels", "network"), protocols={"only": {}})
    def bad(seen: Seen) -> Any:
        """Bad."""
        return {**BAD_METRICS, **WRITING_METRICS}[name](seen)

    network = seeded(Pooled)
    before, settings = state_of(network), [setting.get() for setting in SETTINGS]
    results = _run(tmp_path, GOOD[:2], ["bad", *JUDGES], models={"net": network})
    assert state_of(network) == before
    assert [setting.get() for setting in SETTINGS] == settings
    _same(results, few)
    bad_rows = results[(results["metric"] == "bad") & results["sample"].notna()]
    expected = "ok" if name in WRITING_METRICS else "not_applicable" if name in WORKING else "failed"
    assert set(bad_rows["status"]) == {expected}
    assert expected == "ok" or bad_rows["reason"].str.len().between(1, 700).all()


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", ["sys.exit", "silly", "no memory"])
def test_a_metric_of_cost(name: str, clean: pd.DataFrame, tmp_path: Path) -> None:
    @metric("bad", higher_is_better=True, needs="passes", protocols={"only": {}})
    def bad(cost: Any) -> Any:
        """Bad."""
        return ENDS[name](cost)

    results = _run(tmp_path, GOOD, [*JUDGES, "bad"])
    _same(results, clean)
    assert set(results[results["metric"] == "bad"]["status"]) == {"failed"}


PROBES: dict[str, tuple[Callable[..., Any], str]] = {
    "raise": (lambda: _raising(ValueError("no"))(None), "probes= fails: ValueError: no"),
    "none": (lambda: None, "probes= fails: TypeError"),
    "text": (lambda: ["remove"], "probes= returns 'remove'"),
    "numbers": (lambda: [1, 2], "probes= returns 1"),
}


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", PROBES)
def test_probes_that_are_none_are_one_line_before_anything_runs(name: str, tmp_path: Path) -> None:
    probes, message = PROBES[name]

    @metric("bad", higher_is_better=True, needs="probes", protocols={"only": {}}, probes=probes)
    def bad(seen: Seen) -> Scored:
        """Bad."""
        return Scored(seen.probability.mean(1))

    with pytest.raises(BenchError, match=f"metric bad: {message}"):
        _run(tmp_path, ["gradcam"], ["bad", "deletion"])
    assert not list(tmp_path.rglob("*.zip")), "no pack of results"


@pytest.mark.usefixtures("planted")
def test_what_is_wrong_at_registration_is_said() -> None:
    with pytest.raises(BenchError, match="protocols is empty"):
        metric("bad", higher_is_better=True, needs="map", protocols={})

    def unresolvable(layer: Layer, *, width: Absent = 3) -> Tensor:  # type: ignore[name-defined]  # noqa: F821
        """Bad."""
        return layer.activation.mean(1)

    method("unresolvable", needs="activation")(unresolvable)
    with pytest.raises(BenchError, match=r"its annotations cannot be read.*Absent"):
        bb.Study(models={"net": seeded(Pooled)}, datasets={"d": _pictures()}, methods=["unresolvable"], metrics=["iou"])


class Data:
    """A dataset of someone's own; ``spoil`` is called with the index of the second image."""

    name, about = "data", {"source": "here"}

    def __init__(self, spoil: Callable[[int], Any]) -> None:
        self.ids, self.spoil = ["0", "1", "2"], spoil

    def __getitem__(self, index: int) -> Any:
        return self.spoil(index) if index == 1 else Sample(self.ids[index], _pictures()[index], index)

    def fingerprint(self, index: int) -> str:
        return str(index)


@pytest.mark.parametrize("name", [*ENDS, "none"])
def test_an_image_that_raises_anything_fails_its_rows(name: str, tmp_path: Path) -> None:
    spoil = {**ENDS, "none": lambda _: None}[name]
    results = _run(tmp_path, ["gradcam"], ["deletion"], datasets={"data": Data(spoil)})
    assert results.set_index("sample")["status"].to_dict() == {"0": "ok", "1": "failed", "2": "ok"}
    assert results["reason"].str.contains("network").sum() == 0


@pytest.mark.parametrize(
    "label", [np.int64(1), np.array(1), torch.tensor(1), torch.tensor([0, 1, 0, 0, 0, 0, 0]), None]
)
def test_labels_of_any_kind(label: Any, tmp_path: Path) -> None:
    data = Data(lambda i: Sample("1", _pictures()[i], label))
    results = _run(tmp_path, ["gradcam"], ["deletion"], datasets={"data": data})
    assert (results["status"] == "ok").all()
    stored = results.set_index("sample")["label"]["1"]
    assert pd.isna(stored) if label is None else stored == 1


class Exits(Pooled):
    """Ends the process on a grey picture, as of a fill, or on every picture."""

    always = False

    def forward(self, x: Tensor) -> Tensor:
        if self.always or bool((x.flatten(1).std(1) < 1e-6).any()):
            sys.exit(0)
        return super().forward(x)


def test_a_network_that_exits_on_a_perturbed_image(tmp_path: Path) -> None:
    results = _run(tmp_path, ["gradcam"], ["deletion"], models={"net": seeded(Exits)})
    assert set(results["status"]) == {"failed"}
    assert results["reason"].str.contains("the network calls sys.exit").all()


def test_a_network_that_always_exits_is_no_success(tmp_path: Path) -> None:
    network = seeded(Exits)
    network.always = True
    with pytest.raises(BenchError, match=r"sys\.exit"):
        _run(tmp_path, ["gradcam"], ["deletion"], models={"net": network})


def test_contained_puts_back_also_where_the_code_raises() -> None:
    def sets_and_raises() -> None:
        with contained("this"):
            torch.set_default_dtype(torch.float64)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sets_and_raises()
    assert torch.get_default_dtype() is torch.float32
    with pytest.raises(KeyboardInterrupt), contained("this"):
        raise KeyboardInterrupt
