"""Passes are what really went through the network: counted a second time by torch's own dispatcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import benchbench as bb
from benchbench.attribution.layer_services import capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.cost.ledger import Passes
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.testing.method_contract import Small, example_references, seeded, small_network_for
from benchbench.types import INPUT

FEW: dict[str, dict[str, Any]] = {
    "rise": {"masks": 5},
    "sscam": {"samples": 2},
    "opticam": {"steps": 3},
    "smoothgrad": {"samples": 3},
    "squaregrad": {"samples": 3},
    "vargrad": {"samples": 3},
    "guidedig": {"steps": 3},
    "blurig": {"steps": 3},
    "idg": {"steps": 3},
    "expectedgradients": {"draws": 1},
    "xrai": {"steps": 2, "side": 32},
    "sess": {"scales": 2},
    "occlusion": {"window": 32, "stride": 32},
    "lime": {"segments": 6, "samples": 5},
    "kernelshap": {"segments": 6, "samples": 5},
    "sobol": {"cells": 2, "designs": 2},
    "hsic": {"cells": 2, "designs": 5},
    "ceiling": {"segments": 4},
}
# D-RISE runs a detector, which has no last linear layer: tests/methods/test_drise.py counts its passes
NAMES = [name for name in METHODS.names() if not METHODS[name].needs & {"dataset", "detections"}]
CLASSES, FEATURES = 7, {"Small": 10, "VisionTransformer": 16}


class Rows(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the rows that go through the last linear layer, forth and back, whoever calls it and on whichever copy."""

    def __init__(self, features: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.features, self.forth, self.back = features, 0, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        shapes = [tuple(a.shape) for a in args if isinstance(a, Tensor)]
        if func in (torch.ops.aten.addmm.default, torch.ops.aten.linear.default) and shapes[-1] in (
            (self.features, CLASSES),
            (CLASSES, self.features),
        ):
            self.forth += shapes[-2][0]
        if func is torch.ops.aten.mm.default and shapes[1] == (CLASSES, self.features):
            self.back += shapes[0][0]
        return func(*args, **(kwargs or {}))


def counted(name: str, params: Mapping[str, Any], images: Tensor) -> tuple[Passes, Rows]:
    """The second call's passes, as the engine and as the dispatcher count them: the first one makes what is kept."""
    plugin = METHODS[name]
    bound = plugin.bind(params)
    needs = plugin.needs_of(bound)
    network: nn.Module = small_network_for(needs)
    passes, place = Passes(), INPUT if "input" in needs else "relu"
    scorer = Scorer(network, 8, passes=passes)
    masks = torch.zeros(len(images), 64, 64, dtype=torch.bool)

    def call() -> None:
        batch = capture_batch(network, scorer, images, [place], lambda z: z.argmax(1), gradient="gradient" in needs)
        layer = batch.layer(place, tuple(range(len(images))), masks)
        run_method(plugin, replace(layer, data_references=example_references(images, 2)), bound)

    call()
    scorer.passes.forwards = scorer.passes.backwards = scorer.passes.rests = 0
    with Rows(FEATURES[type(network).__name__]) as rows:
        call()
    return passes, rows


@pytest.mark.parametrize("name", NAMES)
def test_every_pass_of_a_method_is_counted(name: str, images: Tensor) -> None:
    passes, rows = counted(name, FEW.get(name, {}), images[:3])
    if name == "legrad":  # the head runs once more for each of the two blocks, and back from each through its part
        assert (rows.forth, rows.back) == (passes.forwards + 2 * 3, passes.backwards + 3)
    else:
        assert (rows.forth, rows.back) == (passes.forwards + passes.rests, passes.backwards)


EXPECTED = {  # forwards, backwards and passes behind the layer per image, by hand; one forward finds the target
    "gradcam": (1, 1, 0),
    "saliency": (1, 1, 0),
    "deeplift": (1 + 2 + 2, 2, 0),  # captum runs image and baseline; the check of the sum both again
    "liftcam": (1, 2, 4),
    "lrp": (1 + 2, 1, 0),  # captum's LRP runs two forwards and a backward, in a copy in float64
    "guidedbackprop": (1 + 1, 1, 0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_passes_by_hand(name: str, images: Tensor) -> None:
    passes, _ = counted(name, {}, images[:3])
    assert (passes.forwards / 3, passes.backwards / 3, passes.rests / 3) == EXPECTED[name]


def test_a_batch_costs_what_its_images_cost(images: Tensor, tmp_path: Path) -> None:
    metrics = ["passes@alone-b1", "passes@alone-bmax"]
    for data in (images[:6], images[:1].expand(2, -1, -1, -1).contiguous()):
        study = bb.Study(
            models={"net": seeded(Small)},
            datasets={"d": data},
            layers=["stage1"],
            methods=["scorecam", "gradcam", "lrp"],
            metrics=metrics,
            batch=6,
        )
        table = study.run(tmp_path / str(len(data)), report=False).table.set_index(["method", "metric", "protocol"])
        for method in ("scorecam", "gradcam", "lrp"):
            single, many = (table["value"][method, "passes", p.split("@")[1]] for p in metrics)
            assert many > 0.9 * single, "different images share no forward but that of a channel that is zero"
