"""Which pre-processing mistakes are named without labels, for a trained network: planted in the package's zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchbench.datasets.builtin.shapes import shapes
from benchbench.engine.input_check import AS_GIVEN, ReadingAnswers, _all_answers, suspicion
from benchbench.models.input_readings import InputReading, of_photographs, of_tensors
from benchbench.models.preprocess import prepare
from benchbench.models.zoo import zoo_network
from benchbench.models.zoo_networks import MEAN, SIDE, STD
from benchbench.types import Preprocess

COUNT = 36  # of scenes: each class three times
ZOO = ("residual", "plain", "dense", "mobile", "convnext", "vit")
RIGHT = Preprocess(SIDE, SIDE, (MEAN,) * 3, (STD,) * 3)
BYTES = Preprocess(SIDE, SIDE, (0.0,) * 3, (1 / 255,) * 3)
UNITS = Preprocess(SIDE, SIDE, (0.0,) * 3, (1.0,) * 3)
Change = Callable[[Tensor], Tensor]


def normalised(images: Tensor) -> Tensor:
    return (images - MEAN) / STD


class Wants(nn.Module):
    """A network of the zoo that takes images in another way."""

    def __init__(self, change: Change, name: str = "residual") -> None:
        super().__init__()
        self.change, self.network = change, zoo_network(name).network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(self.change(images))
        return logits


@cache
def photographs(preprocess: Preprocess) -> Tensor:
    scenes = shapes(count=COUNT)
    return torch.stack([prepare(scenes[i].image, None, preprocess)[0] for i in range(COUNT)])  # type: ignore[arg-type]


def answers_of(network: nn.Module, images: Tensor, readings: Sequence[InputReading]) -> dict[str, ReadingAnswers]:
    desk: Any = SimpleNamespace(network=network.eval(), scorer=SimpleNamespace(activation="softmax"))
    batch: Any = SimpleNamespace(images=images, labels=[None] * len(images))
    changes: dict[str, Change] = {AS_GIVEN: lambda batch_images: batch_images}
    changes |= {reading.name: reading.change for reading in readings}
    return _all_answers(desk, [batch], changes)


def suspicions(network: nn.Module, images: Tensor, readings: Sequence[InputReading]) -> list[str]:
    answers = answers_of(network, images, readings)
    return suspicion("net", "val", answers, {reading.name: reading for reading in readings})


@pytest.mark.parametrize(
    ("preprocess", "change", "by_vit", "by_residual"),
    [
        pytest.param(RIGHT, lambda x: x.flip(1), "(BGR)", "(BGR)", id="BGR"),
        pytest.param(BYTES, normalised, "given pixels from 0 to 1", "", id="0..255 for 0..1"),
        pytest.param(RIGHT, normalised, "given pixels from 0 to 1", "", id="normalised twice"),
        pytest.param(UNITS, lambda x: x, "", "", id="not normalised"),
    ],
)
@pytest.mark.parametrize("name", ["vit", "residual"])
def test_photographs(preprocess: Preprocess, change: Change, by_vit: str, by_residual: str, name: str) -> None:
    """What docs/studies.md says of them: the residual network is as sure of images with too much contrast."""
    named = by_vit if name == "vit" else by_residual
    reported = suspicions(Wants(change, name), photographs(preprocess), of_photographs(preprocess))
    assert len(reported) == bool(named)
    assert not reported or named in reported[0]


@pytest.mark.parametrize(
    ("mistake", "change", "by_vit", "by_residual"),
    [
        pytest.param(lambda x: normalised(x).flip(1), lambda x: x, "(BGR)", "(BGR)", id="BGR"),
        pytest.param(lambda x: 255 * x, normalised, "given them divided by 255, 0.", "", id="0..255 for 0..1"),
        pytest.param(lambda x: 255 * x, lambda x: x, "given them divided by 255, then with", "", id="0..255"),
        pytest.param(
            lambda x: normalised(normalised(x)), lambda x: x, "normalised once less", "", id="normalised twice"
        ),
        pytest.param(lambda x: x, lambda x: x, "", "", id="not normalised"),
    ],
)
@pytest.mark.parametrize("name", ["vit", "residual"])
def test_tensors(mistake: Change, change: Change, by_vit: str, by_residual: str, name: str) -> None:
    named = by_vit if name == "vit" else by_residual
    images = mistake(photographs(UNITS))
    reported = suspicions(Wants(change, name), images, of_tensors(RIGHT, float(images.min()), float(images.max())))
    assert len(reported) == bool(named)
    assert not reported or named in reported[0]


@pytest.mark.parametrize("name", ZOO)
def test_a_right_network_is_not_suspected(name: str) -> None:
    images = photographs(RIGHT)
    readings = [*of_photographs(RIGHT), *of_tensors(RIGHT, float(images.min()), float(images.max()))]
    assert suspicions(zoo_network(name).network, images, readings) == []


def test_a_right_network_that_normalises_by_itself_is_not_suspected() -> None:
    assert suspicions(Wants(normalised), photographs(UNITS), of_photographs(UNITS)) == []


def test_which_readings_may_count_without_labels() -> None:
    """Those that leave the contrast or lower it: by the standard deviations, whatever the user gave."""

    def bounded(readings: Sequence[InputReading]) -> list[str]:
        return [reading.name.partition(",")[0].partition(" (")[0] for reading in readings if reading.bounded]

    assert bounded(of_photographs(Preprocess())) == [
        "pixels from 0 to 1",
        "pixels from -1 to 1",
        "channels in the order blue",
    ]
    assert bounded(of_photographs(UNITS)) == ["channels in the order blue"]
    assert len(bounded(of_photographs(BYTES))) == len(of_photographs(BYTES)) == 5
    assert bounded(of_tensors(Preprocess(), 0, 1)) == ["channels in the order blue"]
    assert bounded(of_tensors(Preprocess(mean=(0.0,) * 3, std=(1.0,) * 3), 0, 1))[1:] == ["them with the mean"]
    assert bounded(of_tensors(Preprocess(), -2, 2)) == ["channels in the order blue", "them normalised once less"]
    assert bounded(of_tensors(Preprocess(std=(2.0,) * 3), -2, 2)) == ["channels in the order blue"]


def test_a_network_that_answers_one_class_is_not_surer() -> None:
    """Without contrast a network may answer its most frequent class for every image, with confidence."""
    readings = {"dim": InputReading("dim", "Dim them.", lambda images: images / 9, bounded=True)}
    as_loaded = ReadingAnswers((), (0.6,) * 20, most=12)
    assert (
        suspicion("net", "val", {AS_GIVEN: as_loaded, "dim": ReadingAnswers((), (0.9,) * 20, most=13)}, readings) == []
    )
    assert suspicion("net", "val", {AS_GIVEN: as_loaded, "dim": ReadingAnswers((), (0.9,) * 20, most=12)}, readings)
    network = Wants(lambda x: x, "residual")
    counted = answers_of(network, photographs(RIGHT), of_photographs(RIGHT))
    assert 3 <= counted[AS_GIVEN].most <= 6, "nearly every scene is answered right"
    assert counted["pixels from 0 to 1, with no mean taken off (it may normalise by itself)"].most == COUNT
