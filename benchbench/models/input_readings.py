"""Other ways in which a network may want its images: what a wrong pre-processing would be wrong in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..types import Preprocess

IMAGENET = Preprocess()
CAFFE_MEAN = (103.939, 116.779, 123.68)  # ImageNet's mean in 0 .. 255 and in the order blue, green, red
_LARGEST = 2.0  # values above, none below zero: not of images in 0 .. 1


@dataclass(frozen=True)
class InputReading:
    """One other way to give a network the same images.

    Attributes:
        name: what the images then are, in words that follow "given".
        remedy: what the user would do about it, a sentence.
        change: from the images (B, C, H, W) as the network is given them to those images.
        bounded: whether the change leaves the images' contrast as it is or lowers it, in every channel. More contrast
            makes almost any network more confident, right or wrong; so confidence alone speaks for a bounded reading
            only.
    """

    name: str
    remedy: str
    change: Callable[[Tensor], Tensor]
    bounded: bool = False


def of_photographs(preprocess: Preprocess) -> tuple[InputReading, ...]:
    """The readings of photographs that ``preprocess`` made the network's input: other orders, ranges, means.

    Readings that are what the network is given already are left out.
    """
    mean, std = (_column(values) for values in (preprocess.mean, preprocess.std))

    def pixels(images: Tensor) -> Tensor:
        return images * std.to(images) + mean.to(images)

    def normalised(other: Preprocess) -> Callable[[Tensor], Tensor]:
        return lambda images: (pixels(images) - _column(other.mean).to(images)) / _column(other.std).to(images)

    channels = len(preprocess.mean)
    ranges = {
        "pixels from 0 to 1, with no mean taken off (it may normalise by itself)": (0.0, 1.0),
        "pixels from 0 to 255": (0.0, 1 / 255),
        "pixels from -1 to 1": (0.5, 0.5),
    }
    readings = [
        InputReading(name, _give(other), normalised(other), bounded=_is_bounded(preprocess.std, other.std))
        for name, (middle, scale) in ranges.items()
        if not _same(other := Preprocess(mean=(middle,) * channels, std=(scale,) * channels), preprocess)
    ]
    if channels != 3:
        return tuple(readings)
    if not _same(IMAGENET, preprocess):
        bounded = _is_bounded(preprocess.std, IMAGENET.std)
        readings.append(
            InputReading(
                "ImageNet's mean and standard deviation", _give(IMAGENET), normalised(IMAGENET), bounded=bounded
            )
        )
    flip = "Flip the channels at the start of the network's forward"
    caffe = Preprocess(mean=tuple(m / 255 for m in reversed(CAFFE_MEAN)), std=(1 / 255,) * 3)
    return (
        *readings,
        InputReading(
            "channels in the order blue, green, red (BGR)",
            f"{flip}.",
            lambda images: (pixels(images).flip(1) - mean.to(images)) / std.to(images),
            bounded=True,
        ),
        InputReading(
            "pixels from 0 to 255 less ImageNet's mean, in the order blue, green, red (as Caffe has them)",
            f"{flip}. {_give(caffe)}",
            lambda images: normalised(caffe)(images).flip(1),
            bounded=_is_bounded(preprocess.std, caffe.std),
        ),
    )


def of_tensors(preprocess: Preprocess, low: float, high: float) -> tuple[InputReading, ...]:
    """The readings of images that came as tensors, with values from ``low`` to ``high``."""
    mean, std = (_column(values) for values in (preprocess.mean, preprocess.std))

    def normalised(images: Tensor) -> Tensor:
        return (images - mean.to(images)) / std.to(images)

    words = f"the mean {_numbers(preprocess.mean)} off and divided by {_numbers(preprocess.std)}"
    readings = []
    if len(preprocess.mean) == 3:
        flip = InputReading(
            "channels in the order blue, green, red (BGR)",
            "Flip the channels of the images.",
            lambda images: images.flip(1),
            bounded=True,
        )
        readings.append(flip)
    if low >= 0 and high > _LARGEST:
        readings += [
            InputReading("them divided by 255", "Divide the images by 255.", lambda images: images / 255, bounded=True),
            InputReading(
                f"them divided by 255, then with {words}",
                "Divide the images by 255 and normalise them.",
                lambda images: normalised(images / 255),
                bounded=True,
            ),
        ]
    elif low >= 0:
        bounded = _is_bounded((1.0,) * len(preprocess.std), preprocess.std)
        readings.append(InputReading(f"them with {words}", "Normalise the images.", normalised, bounded=bounded))
    else:
        readings.append(
            InputReading(
                "them normalised once less",
                "Normalise the images once only, or not at all.",
                lambda images: images * std.to(images) + mean.to(images),
                bounded=_is_bounded(preprocess.std, (1.0,) * len(preprocess.std)),
            )
        )
    return tuple(readings)


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1)


def _is_bounded(std: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether division by ``other`` leaves no more contrast in any channel than division by ``std``."""
    return all(b > 0.99 * a for a, b in zip(std, other, strict=True))


def _same(first: Preprocess, second: Preprocess) -> bool:
    """Whether two make the same input, to the digits in which people copy the numbers."""
    pairs = [*zip(first.mean, second.mean, strict=True), *zip(first.std, second.std, strict=True)]
    return all(abs(a - b) < 0.01 * max(abs(a), abs(b)) for a, b in pairs if a != b)


def _give(preprocess: Preprocess) -> str:
    return f"Give the model Preprocess(mean={_numbers(preprocess.mean)}, std={_numbers(preprocess.std)})."


def _numbers(values: tuple[float, ...]) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)}{',' * (len(values) == 1)})"
