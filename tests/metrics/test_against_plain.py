"""Every perturbation metric, through the engine's packed scoring, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchbench.evaluation.evaluate import evaluate
from benchbench.maps.map_batch import MapBatch
from benchbench.network.reference_batch import ReferenceBatch, pixels_of
from benchbench.network.scorer import Scorer
from benchbench.study.plan import MapCell, MetricCell
from benchbench.study.spec import read_method, read_metric
from benchbench.types import Preprocess
from benchbench.types.batch import ImageBatch

from ..networks import Pooled, seeded
from . import plain

SIZE = (28, 40)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    built = seeded(Pooled, seed=4)
    built.fc.weight.data *= 30
    with torch.no_grad():  # probabilities that depend on the picture, not on the bias
        built.fc.bias.sub_(built(torch.randn(16, 3, *SIZE, generator=torch.Generator().manual_seed(9))).mean(0))
    return built


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Smooth, or SLIC finds no segments, with some noise."""
    generator = torch.Generator().manual_seed(7)
    coarse = torch.randn(5, 3, SIZE[0] // 4, SIZE[1] // 4, generator=generator)
    smooth = nn.functional.interpolate(coarse, SIZE, mode="bicubic")
    return smooth + 0.05 * torch.randn(5, 3, *SIZE, generator=generator)


@pytest.fixture(scope="module")
def maps() -> list[Tensor]:
    """Two sets of coarse maps; the second has ties and a constant map."""
    generator = torch.Generator().manual_seed(8)
    distinct = torch.rand(5, 7, 10, generator=generator)
    tied = torch.relu(torch.randn(5, 4, 5, generator=generator))
    tied[2] = 0.5
    return [distinct, tied]


def scores(
    names: list[str], network: nn.Module, pictures: Tensor, maps: list[Tensor], batch: int, ids: str = "abcde"
) -> dict[str, list[list[float]]]:
    """Per metric, per set of maps, the value of every image; ``ids``: a letter of each."""
    count = len(ids)
    chunk = ImageBatch(tuple(ids), pictures, (None,) * count, None, ("",) * count)
    cells, map_batches = [], {}
    for m, tensor in enumerate(maps):
        holder = MapCell(f"map{m}", "layer", read_method("gradcam"), "")
        map_batches[holder.name] = MapBatch(tensor, ("",) * count, tuple("ok" for _ in range(count)))
        cells += [MetricCell(f"{name}/{m}", holder, read_metric(name)) for name in names]
    with torch.no_grad():
        targets = network(pictures).argsort(1)[:, -2]
    pixels = pixels_of(chunk, 0, Preprocess())
    reference = ReferenceBatch(network, Scorer(network, batch), chunk.ids, pixels, None, targets, targets, 0)
    pages = evaluate(cells, map_batches, reference)
    return {
        name: [[pages[f"{name}/{m}"]["samples"][i]["value"] for i in ids] for m in range(len(maps))] for name in names
    }


def expected(name: str, network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> list[list[float]]:
    with torch.no_grad():
        targets = network(pictures).argsort(1)[:, -2]

    def value(i: int, saliency: np.ndarray) -> float:
        def probability(picture: np.ndarray) -> float:
            with torch.no_grad():
                logits = network(torch.from_numpy(picture)[None].float())[0].double().numpy()
            exponent = np.exp(logits - logits.max())
            return float(exponent[targets[i]] / exponent.sum())

        image = pictures[i].double().numpy()
        shown = plain.scaled(plain.upsample(saliency, SIZE)).astype(np.float32).astype(float)
        kind, _, protocol = name.partition("@")
        if kind in ("deletion", "insertion"):
            steps = int(protocol.removeprefix("rise-") or 28)
            return float(getattr(plain, kind)(image, shown, steps, probability))
        return plain.confidence(image, shown, probability)[kind]

    return [[value(i, tensor[i].double().numpy()) for i in range(len(pictures))] for tensor in maps]


NAMES = ["deletion", "insertion", "average_drop", "increase", "average_gain", "deletion@rise-224", "insertion@rise-224"]


@pytest.fixture(scope="module")
def engine(network: nn.Module, pictures: Tensor, maps: list[Tensor]) -> dict[str, list[list[float]]]:
    return scores(NAMES, network, pictures, maps, batch=16)


@pytest.mark.parametrize("name", NAMES)
def test_equals_plain_numpy(
    name: str, engine: dict[str, list[list[float]]], network: nn.Module, pictures: Tensor, maps: list[Tensor]
) -> None:
    wanted = expected(name, network, pictures, maps)
    assert np.ptp(wanted) > 0.01, "values that are all alike test nothing"
    np.testing.assert_allclose(engine[name], wanted, atol=2e-5)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_batch_size_changes_nothing(
    batch: int, engine: dict[str, list[list[float]]], network: nn.Module, pictures: Tensor, maps: list[Tensor]
) -> None:
    names = ["deletion", "insertion", "average_drop"]
    values = scores(names, network, pictures, maps, batch)
    for name in names:
        np.testing.assert_allclose(values[name], engine[name], atol=1e-6)


def test_a_metric_alone_equals_the_same_metric_among_others(
    engine: dict[str, list[list[float]]], network: nn.Module, pictures: Tensor, maps: list[Tensor]
) -> None:
    for name in ("insertion", "average_gain"):
        np.testing.assert_allclose(scores([name], network, pictures, maps, 16)[name], engine[name], atol=1e-6)
