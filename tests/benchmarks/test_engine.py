"""What the engine costs, beside one plain eager forward of the same batch: `make bench`. No timed assertion.

Read the rows as ratios within one run; the machine's absolute times mean little.
"""

from __future__ import annotations

import pytest
import torch
import torchvision
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from benchbench.allocator import keep_memory
from benchbench.judge import probes_of
from benchbench.prepare import prepare
from benchbench.probing import score_probes
from benchbench.registry import METHODS
from benchbench.scoring import Scorer
from benchbench.services import look, run_method
from benchbench.study import _metric

BATCH = 8
GRADIENT_METHODS = [name for name, plugin in METHODS.load().items() if plugin.needs == {"gradient"}]


@pytest.fixture(scope="module", autouse=True)
def as_in_a_run() -> None:
    keep_memory()


@pytest.fixture(scope="module", params=["resnet18", "mobilenet_v2"])
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = torchvision.models.get_model(request.param, weights=None).eval()
    return built


@pytest.fixture(scope="module")
def batch() -> Tensor:
    return torch.randn(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def test_0_plain_eager_forward(benchmark: BenchmarkFixture, network: nn.Module, batch: Tensor) -> None:
    with torch.inference_mode():
        benchmark(lambda: network(batch))


def test_1_scoring_forward(benchmark: BenchmarkFixture, network: nn.Module, batch: Tensor) -> None:
    prepared = prepare(network, batch[:2])
    scorer = Scorer(prepared.network, BATCH, prepared.used)
    targets = torch.zeros(BATCH, dtype=torch.long)
    benchmark(lambda: scorer.answer(batch, targets))


def test_2_every_gradient_method_at_every_stage(benchmark: BenchmarkFixture, network: nn.Module, batch: Tensor) -> None:
    from benchbench.layers import resolve

    layers = resolve(network, batch[:1], "stages")[1:]
    scorer = Scorer(network, BATCH)

    def study() -> None:
        seen = look(network, scorer, batch, layers, lambda logits: logits.argmax(1), gradient=True)
        for name in layers:
            for method in GRADIENT_METHODS:
                run_method(METHODS[method].function, seen.layer(name, (0,) * BATCH), {})

    benchmark(study)


def test_3_deletion_and_insertion_of_one_map(benchmark: BenchmarkFixture, network: nn.Module, batch: Tensor) -> None:
    """56 pictures an image: divide by 56 for the cost of one, perturbation included."""
    prepared = prepare(network, batch[:2])
    scorer = Scorer(prepared.network, BATCH, prepared.used)
    maps = [torch.rand(BATCH, 7, 7, generator=torch.Generator().manual_seed(0))]
    probes = [probe for name in ("deletion", "insertion") for probe in probes_of(_metric(name))]
    targets = torch.zeros(BATCH, dtype=torch.long)
    benchmark(lambda: score_probes(scorer, batch, targets, maps, probes))
