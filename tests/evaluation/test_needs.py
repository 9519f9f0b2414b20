"""A method is judged by its own needs: what the network lacks for others, or what others ask for, is of no account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import NotApplicable
from benchbench.registry import METHODS, method
from benchbench.testing.method_contract import Small, seeded
from benchbench.types import Layer

from ..helpers import layer_of

GRADIENT_FREE = ["scorecam", "eigencam", "fem", "kpcacam", "ablationcam", "reciprocam", "cam", "random", "center"]
WITH_GRADIENT = ["gradcam", "hirescam", "gradcam++", "groupcam", "saliency", "fullgrad"]


class Plain(nn.Module):
    """A convolution, a linear layer, and nothing that quantisation does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Linear(6, 7)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.relu(self.conv(images)).mean((2, 3)))
        return logits


class FrozenFeatures(Small):
    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.relu(self.conv(self.stage1(images)))
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits


class NoGradient(Small):
    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


class Autocast(Small):
    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(images)


class Siamese(nn.Module):
    """Every layer runs twice: none of them is the layer to explain."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Small()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images) + self.net(images.flip(3))
        return logits


def quantised() -> nn.Module:
    if not hasattr(torch.ao.quantization, "quantize_dynamic"):
        pytest.skip("this torch has no dynamic quantisation of its own")
    network: nn.Module = torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
        seeded(Plain), {nn.Linear}, dtype=torch.qint8
    )
    return network


def traced() -> nn.Module:
    network: nn.Module = torch.jit.trace(seeded(Plain), torch.zeros(1, 3, 64, 64))  # type: ignore[no-untyped-call]
    return network


WITHOUT_GRADIENT: dict[str, Callable[[], nn.Module]] = {
    "features under no_grad": lambda: seeded(FrozenFeatures),
    "forward under no_grad": lambda: seeded(NoGradient),
    "dynamic quantisation": quantised,
}


@pytest.mark.parametrize("kind", WITHOUT_GRADIENT)
def test_where_no_gradient_is_to_be_had(kind: str, images: Tensor, tmp_path: Path) -> None:
    network = WITHOUT_GRADIENT[kind]()
    study = bb.Study(
        models={"net": network},
        datasets={"d": images[:3]},
        layers=["relu"],
        methods=[*GRADIENT_FREE, *WITH_GRADIENT],
        metrics=["average_drop"],
    )
    table = study.run(tmp_path, report=False).table
    statuses, reasons = (
        {name: set(rows[key]) for name, rows in table.groupby("method")} for key in ("status", "reason")
    )
    for name in GRADIENT_FREE:
        if (name, kind) == ("cam", "dynamic quantisation"):  # its head is no linear layer that CAM could read
            continue
        assert statuses[name] == {"ok"}, (name, reasons[name])
    for name in WITH_GRADIENT:
        assert statuses[name] == {"not_applicable"}, name
        (reason,) = reasons[name]
        assert "no gradient flows from" in reason or name == "fullgrad", (name, reason)
    maps = bb.explain(network, images[:3], method="scorecam", layer="relu")
    layer = layer_of(network, images[:3], "relu", gradient=False)
    weight = [masked_probability(network, layer, k) for k in range(layer.activation.shape[1])]
    expected = torch.relu((torch.stack(weight, 1)[:, :, None, None] * layer.activation).sum(1))
    torch.testing.assert_close(maps[:, 0], saliency_of(expected), rtol=1e-3, atol=1e-4)


def masked_probability(network: nn.Module, layer: Layer, channel: int) -> Tensor:
    mask = saliency_of(layer.activation[:, channel])
    with torch.no_grad():
        logits = network(layer.images * mask[:, None])
    live = layer.activation[:, channel].amax((1, 2)) > layer.activation[:, channel].amin((1, 2))
    probability: Tensor = logits.softmax(1).gather(1, layer.targets[:, None])[:, 0] * live
    return probability


def saliency_of(maps: Tensor) -> Tensor:
    large = nn.functional.interpolate(maps[:, None], size=(64, 64), mode="bilinear", align_corners=False)[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return (large - low) / (high - low).clamp_min(1e-12)


def test_a_gradient_is_missing_at_one_layer_alone(images: Tensor, tmp_path: Path) -> None:
    study = bb.Study(
        models={"net": seeded(HalfFrozen)},
        datasets={"d": images[:3]},
        layers=["stage1", "relu"],
        methods=["gradcam", "eigencam"],
        metrics=["average_drop"],
    )
    table = study.run(tmp_path, report=False).table
    statuses = {key: set(rows) for key, rows in table.groupby(["layer", "method"])["status"]}
    assert statuses["stage1", "gradcam"] == {"not_applicable"}
    assert statuses["stage1", "eigencam"] == statuses["relu", "gradcam"] == statuses["relu", "eigencam"] == {"ok"}


class HalfFrozen(Small):
    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.stage1(images)
        logits: Tensor = self.fc(self.relu(self.conv(features)).mean((2, 3)))
        return logits


@pytest.mark.parametrize("build", [traced, lambda: seeded(Siamese)], ids=["traced", "siamese"])
@pytest.mark.parametrize("layers", ["last", ["last"], {"net": ["stages", "last"]}], ids=["word", "list", "mapping"])
def test_methods_of_the_whole_network_need_no_layer(
    build: Callable[[], nn.Module], layers: Any, images: Tensor, tmp_path: Path
) -> None:
    network = build()
    study = bb.Study(
        models={"net": network},
        datasets={"d": images[:3]},
        layers=layers,
        methods=["saliency", "occlusion", {"name": "rise", "masks": 40}],
        metrics=["average_drop"],
    )
    run = study.run(tmp_path)
    assert set(run.table["status"]) == {"ok"}
    assert (tmp_path / "report.html").is_file()
    inputs = images[:3].clone().requires_grad_()
    logits = network(inputs)
    (slope,) = torch.autograd.grad(logits.amax(1).sum(), inputs)
    stored = run.record.maps.query("method == 'saliency'").sort_values("sample")
    for (_, row), expected in zip(stored.iterrows(), slope.abs().amax(1), strict=True):
        torch.testing.assert_close(torch.from_numpy(run.record.map(row["file"], int(row["row"])).copy()), expected)


READS: dict[str, Callable[[Layer], Any]] = {
    "gradient": lambda layer: layer.gradient,
    "mask": lambda layer: layer.mask,
    "head": lambda layer: layer.head,
    "rest": lambda layer: layer.rest(layer.activation),
    "scores": lambda layer: layer.score(layer.images),
    "detections": lambda layer: layer.detection_similarity(lambda i, n: layer.images[i], 1),
    "look": lambda layer: layer.look(layer.images),
    "stages": lambda layer: layer.stages,
    "curvature": lambda layer: layer.curvature(layer.activation),
    "biases": lambda layer: layer.bias_gradients(),
    "attention": lambda layer: layer.attentions(),
    "tokens": lambda layer: layer.tokens,
    "modules": lambda layer: layer.network,
}


def peeking(need: str) -> str:
    """The name of the method that reads what it does not declare."""
    return f"peeking-{need}"


def peeks(read: Callable[[Layer], Any]) -> Callable[[Layer], Tensor]:
    def function(layer: Layer) -> Tensor:
        read(layer)
        return layer.activation.mean(1)

    return function


@pytest.fixture(scope="module")
def peekers() -> Iterator[list[str]]:
    for need, read in READS.items():
        method(peeking(need), needs="activation", control=True)(peeks(read))
    yield [peeking(need) for need in READS]
    for need in READS:
        METHODS.remove(peeking(need))


@pytest.fixture(scope="module")
def peeked(peekers: list[str], images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> list[pd.DataFrame]:
    """The tables of three studies of all of them: alone, and beside methods that declare more."""
    masks = torch.ones(3, 64, 64, dtype=torch.bool)
    beside: list[list[Any]] = [[], ["gradcam", "fusion"], [{"name": "smoothed", "of": "gradcam", "samples": 1}]]
    return [
        bb.Study(
            models={"net": seeded(Small)},
            datasets={"d": (images[:3], None, masks)},
            layers=["relu"],
            methods=[*peekers, *others],
            metrics=["average_drop"],
        )
        .run(tmp_path_factory.mktemp("peeked"), report=False)
        .table
        for others in beside
    ]


@pytest.mark.parametrize("need", READS)
def test_a_layer_lends_what_was_declared_whatever_else_is_in_the_study(
    need: str, peeked: list[pd.DataFrame], images: Tensor
) -> None:
    for table in peeked:
        rows = table[table["method"] == peeking(need)]
        assert set(rows["status"]) == {"failed"}
        assert all(f'needs="{need}"' in reason for reason in rows["reason"])
    with pytest.raises(bb.BenchError, match=f'needs="{need}"'):
        bb.explain(seeded(Small), images[:3], method=peeking(need), layer="relu")


@pytest.mark.usefixtures("peekers")
def test_a_wrapper_lends_its_inner_method_no_more(images: Tensor) -> None:
    @method("outer", needs="gradient", control=True)
    def outer(layer: Layer) -> Tensor:
        from benchbench.registry.method_parameter import Method

        maps: Tensor = Method(peeking("gradient"))(layer)
        return maps

    try:
        with pytest.raises(bb.BenchError, match='needs="gradient"'):
            bb.explain(seeded(Small), images[:3], method="outer", layer="relu")
    finally:
        METHODS.remove("outer")


def test_a_broken_gradient_breaks_no_method_that_needs_none(images: Tensor, tmp_path: Path) -> None:
    class RootOfNothing(Small):
        def forward(self, images: Tensor) -> Tensor:
            features = self.relu(self.conv(self.stage1(images)))
            logits: Tensor = self.fc(features.mean((2, 3)))
            # the root's slope at 0 is not finite
            broken: Tensor = logits + (features.sum((1, 2, 3)) * 0).sqrt()[:, None]
            return broken

    study = bb.Study(
        models={"net": seeded(RootOfNothing)},
        datasets={"d": images[:3]},
        layers=["relu"],
        methods=["gradcam", "eigencam", "scorecam"],
        metrics=["average_drop"],
    )
    table = study.run(tmp_path, report=False).table
    statuses = {key: set(rows) for key, rows in table.groupby("method")["status"]}
    assert statuses == {"gradcam": {"failed"}, "eigencam": {"ok"}, "scorecam": {"ok"}}


@pytest.mark.parametrize("name", ["gradcam", "hirescam", "eigencam", "scorecam", "ablationcam", "shapleycam"])
def test_a_forward_under_autocast_gives_maps_in_float32(name: str, images: Tensor) -> None:
    maps = bb.explain(seeded(Autocast), images[:3], method=name, layer="relu")
    expected = bb.explain(seeded(Small), images[:3], method=name, layer="relu")
    assert maps.dtype == torch.float32
    if name in ("hirescam", "gradcam"):  # the others divide by what bfloat16 has two digits of
        assert (maps - expected).abs().amax() < 0.1


def test_a_study_of_a_forward_under_autocast(images: Tensor, tmp_path: Path) -> None:
    study = bb.Study(
        models={"net": seeded(Autocast)},
        datasets={"d": images[:3]},
        layers=["relu"],
        methods=["gradcam", "gradcam++", "layercam", "eigencam", "scorecam", "reciprocam", "fusion"],
        metrics=["average_drop", "deletion"],
    )
    table = study.run(tmp_path, report=False).table
    assert set(table["status"]) == {"ok"}


class PreActivation(nn.Module):
    """Batch norm before the convolution: folding the norm into the convolution before it changes that one's output."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Conv2d(3, 6, 3, 2, 1)
        self.stage2 = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 10, 3, 2, 1))
        self.norm, self.relu, self.fc = nn.BatchNorm2d(10), nn.ReLU(), nn.Linear(10, 7)
        for module in (self.stage2[0], self.norm):
            for name, buffer in module.named_buffers():
                if name != "num_batches_tracked":
                    buffer.uniform_(0.5, 2.5)

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu(self.norm(self.stage2(self.stage1(images))))
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits


@pytest.mark.parametrize("name", ["fusion", "refinecam", "polycam+"])
def test_stages_that_the_copy_changes_come_from_the_network(name: str, images: Tensor, tmp_path: Path) -> None:
    network = seeded(PreActivation)
    study = bb.Study(
        models={"net": network}, datasets={"d": images[:3]}, layers=["relu"], methods=[name], metrics=["average_drop"]
    )
    run = study.run(tmp_path, report=False)
    info = run.record.info["models"][0]["scoring"]
    assert info["prepared"]
    assert info["captures"], "the study's layer itself may come from the copy"
    expected = bb.explain(network, images[:3], method=name, layer="relu")
    for (_, row), explained in zip(run.record.maps.sort_values("sample").iterrows(), expected, strict=True):
        stored = torch.from_numpy(run.record.map(row["file"], int(row["row"])).copy())
        torch.testing.assert_close(saliency_of(stored[None]), explained, rtol=0, atol=1e-3)


def test_opticam_says_that_it_differentiates(images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="no gradient flows from the logits to the images"):
        bb.explain(seeded(NoGradient), images[:2], method="opticam", layer="relu")
