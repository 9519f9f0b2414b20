"""A network that wants its images in another way is suspected, by its labels or its confidence; a right one is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import benchbench as bb
from benchbench.engine.input_check import AS_GIVEN, MOST, ReadingAnswers, suspicion
from benchbench.models.input_readings import InputReading, of_photographs, of_tensors

CLASSES, COUNT = 24, 48
PREPROCESS = bb.Preprocess(resize=8, crop=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
COLOURS = np.random.default_rng(3).integers(10, 245, (CLASSES, 3), dtype=np.uint8)
LABELS = [i % CLASSES for i in range(COUNT)]
PHOTOGRAPHS = of_photographs(PREPROCESS)


class Nearest(nn.Module):
    """A class is a colour, as the network wants colours: logits are less the squared distances, (B, classes)."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        colours = change(as_input(COLOURS))
        self.register_buffer("colours", colours.mean((2, 3)))
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.eye_(self.conv.weight.data[:, :, 0, 0])

    def forward(self, images: Tensor) -> Tensor:
        seen = self.conv(images).mean((2, 3))
        assert isinstance(self.colours, Tensor)
        distances = ((seen[:, None] - self.colours) ** 2).sum(2)
        logits: Tensor = -50 * distances / self.colours.var()
        return logits


def as_input(colours: np.ndarray) -> Tensor:
    """Colours (n, 3) as the study prepares them, (n, 3, 8, 8)."""
    pixels = torch.from_numpy(colours).float()[:, :, None, None].expand(-1, -1, 8, 8) / 255
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (PREPROCESS.mean, PREPROCESS.std))
    return (pixels - mean) / std


def warnings_of(folder: Path, network: nn.Module, data: object) -> list[str]:
    study = bb.Study(
        models={"mine": bb.ModelSpec("mine", network, PREPROCESS)},
        datasets={"val": data},
        methods=["gradcam"],
        metrics=["average_drop"],
        layers=["conv"],
    )
    study.run(folder, report=False)
    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return [warning for warning in info["warnings"] if "in another way" in warning]


def photographs() -> list[Image.Image]:
    return [Image.fromarray(np.full((8, 8, 3), COLOURS[label])) for label in LABELS]


@pytest.mark.parametrize("reading", PHOTOGRAPHS, ids=lambda reading: reading.name.split(" (")[0])
def test_each_reading_of_photographs_is_named(tmp_path: Path, reading: InputReading) -> None:
    (warning,) = warnings_of(tmp_path, Nearest(reading.change), (photographs(), LABELS))
    assert f"given {reading.name}, {COUNT}. {reading.remedy} Nothing was changed." in warning


def test_a_right_network_is_not_suspected(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, Nearest(lambda images: images), (photographs(), LABELS)) == []


@pytest.mark.parametrize("times", [255.0, 1.0])
def test_pixels_that_were_not_normalised(tmp_path: Path, times: float) -> None:
    pixels = torch.from_numpy(COLOURS[LABELS]).float()[:, :, None, None].expand(-1, -1, 8, 8) / 255 * times
    (warning,) = warnings_of(tmp_path, Nearest(lambda images: images), (pixels.contiguous(), LABELS))
    wanted = "Divide the images by 255 and normalise them." if times > 1 else "Normalise the images."
    assert f"{COUNT}. {wanted}" in warning


def test_images_that_were_normalised_twice(tmp_path: Path) -> None:
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (PREPROCESS.mean, PREPROCESS.std))
    twice = (as_input(COLOURS[LABELS]) - mean) / std
    (warning,) = warnings_of(tmp_path, Nearest(lambda images: images), (twice, LABELS))
    assert f"given them normalised once less, {COUNT}." in warning


def test_the_same_run_tries_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, data = Nearest(PHOTOGRAPHS[0].change), (photographs(), LABELS)
    first = warnings_of(tmp_path, network, data)
    monkeypatch.setattr("benchbench.engine.input_check._tried", lambda *_: pytest.fail("tried again"))
    assert warnings_of(tmp_path, network, data) == first


def test_without_labels_a_surer_network_is_suspected_for_bounded_readings_alone() -> None:
    readings = {
        "BGR": InputReading("BGR", "Flip them.", lambda images: images, bounded=True),
        "more contrast": InputReading("more contrast", "Stretch them.", lambda images: 9 * images),
    }
    unsure = ReadingAnswers((), (0.3,) * 10)
    sure = ReadingAnswers((), (0.9,) * 10)
    (sentence,) = suspicion("net", "val", {AS_GIVEN: unsure, "BGR": sure, "more contrast": sure}, readings)
    assert "mean probability of 0.30; given BGR, 0.90. Flip them." in sentence
    assert suspicion("net", "val", {AS_GIVEN: unsure, "more contrast": sure}, readings) == []
    slightly = ReadingAnswers((), (0.34,) * 10)
    assert suspicion("net", "val", {AS_GIVEN: unsure, "BGR": slightly}, readings) == []


def test_a_more_probable_label_is_enough_where_no_label_is_lost() -> None:
    readings = {"BGR": InputReading("BGR", "Flip them.", lambda images: images, bounded=True)}
    as_loaded = ReadingAnswers((True, False) * 5, (0.3,) * 10)
    surer, worse = ReadingAnswers((True, False) * 5, (0.5,) * 10), ReadingAnswers((False,) * 10, (0.5,) * 10)
    (sentence,) = suspicion("net", "val", {AS_GIVEN: as_loaded, "BGR": surer}, readings)
    assert "The labels have a mean probability of 0.30; given BGR, 0.50." in sentence
    assert suspicion("net", "val", {AS_GIVEN: as_loaded, "BGR": worse}, readings) == []


@pytest.mark.parametrize(("more", "suspected"), [(6, False), (7, True)])
def test_labels_need_an_exact_test(more: int, suspected: bool) -> None:
    """Seven labels more and none less: p = 2^-7 < 1 %; six: 2^-6."""
    readings = {"BGR": InputReading("BGR", "Flip them.", lambda images: images, bounded=True)}
    as_loaded = ReadingAnswers((False,) * 20, (0.5,) * 20)
    other = ReadingAnswers((True,) * more + (False,) * (20 - more), (0.5,) * 20)
    assert bool(suspicion("net", "val", {AS_GIVEN: as_loaded, "BGR": other}, readings)) is suspected


GAINS = (0.4, 0.35, 0.3, 0.25, 0.2, 0.15, -0.1, -0.05, 0.1, 0.02)


@pytest.mark.parametrize(
    ("right", "gains", "hinted"),
    [
        (3, GAINS, True),  # Wilcoxon's p = 0.01, the sign test's 0.05
        (0, GAINS, False),  # no more labels are right
        (3, tuple(gain / 5 for gain in GAINS), False),  # 0.03 more probability on average
        (3, (0.9, *(-0.03,) * 9), False),  # one image alone
    ],
)
def test_few_images_give_a_hint_that_says_so(right: int, gains: tuple[float, ...], hinted: bool) -> None:
    readings = {"BGR": InputReading("BGR", "Flip them.", lambda images: images, bounded=True)}
    as_loaded = ReadingAnswers((True,) * 5 + (False,) * 5, (0.5,) * 10)
    other = ReadingAnswers((True,) * (5 + right) + (False,) * (5 - right), tuple(0.5 + gain for gain in gains))
    sentences = suspicion("net", "val", {AS_GIVEN: as_loaded, "BGR": other}, readings)
    expected = "It predicts 5 of 10 labels; given BGR, 8. 10 images are too few to be sure. Flip them."
    assert [expected in sentence for sentence in sentences] == [True] * hinted


def test_no_more_images_than_a_few(tmp_path: Path) -> None:
    seen: list[int] = []

    class Counting(Nearest):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(len(images))
            return super().forward(images)

    labels = [i % CLASSES for i in range(MOST + 10)]
    pixels = as_input(COLOURS[labels])
    from benchbench.engine import input_check

    readings = of_tensors(PREPROCESS, float(pixels.min()), float(pixels.max()))
    network = Counting(lambda images: images)
    with pytest.MonkeyPatch.context() as patch:
        tried: list[int] = []
        real = input_check._all_answers

        def watched(*arguments: object) -> dict[str, ReadingAnswers]:
            before = sum(seen)
            answers = real(*arguments)  # type: ignore[arg-type]
            tried.append(sum(seen) - before)
            return answers

        patch.setattr(input_check, "_all_answers", watched)
        warnings_of(tmp_path, network, (pixels, labels))
    assert tried == [MOST * (1 + len(readings))]
