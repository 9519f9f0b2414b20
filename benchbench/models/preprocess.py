"""From a photograph to a network's input, and back to a picture for people; for any number of channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import BenchError
from ..types import Preprocess

MAX_ASPECT = 16  # beyond it the resized picture would be mostly thrown away: 1 x 5000 becomes 256 x 1,280,000
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def prepare(image: Image.Image, mask: Tensor | None, preprocess: Preprocess) -> tuple[Tensor, Tensor | None]:
    """Resize the shorter side, or both; centre crop, scale to [0, 1], normalise: torchvision's order, on PIL's filters.

    With one channel the photograph becomes grey first, by ITU-R 601 as in PIL's mode "L".

    Args:
        image: RGB, any size of at least 1 x 1.
        mask: bool (H, W) at the image's size, or None. It is resized to the nearest pixel and cropped the same way.
        preprocess: the network's sizes, filter, mean and standard deviation.

    Returns:
        The image, float32 (channels, crop, crop), and the mask, bool (crop, crop), or None.

    Raises:
        BenchError: the image is not RGB or is empty, the network takes neither three channels nor one, the mask is not
            bool or not of the image's size, or the crop is larger than what it is cut from.
    """
    _check(image, mask, preprocess)
    shown = image.convert("L") if len(preprocess.mean) == 1 else image
    framed = _frame(shown, preprocess, _FILTERS[preprocess.interpolation])
    pixels = torch.from_numpy(np.atleast_3d(np.array(framed))).permute(2, 0, 1).contiguous().float().div(255)
    mean, std = _constants(preprocess)
    return (pixels - mean) / std, None if mask is None else _prepare_mask(mask, preprocess)


def denormalise(tensor: Tensor, preprocess: Preprocess) -> Tensor:
    """The picture behind a network's input (channels, H, W): uint8 (H, W, 3) on the CPU, clipped to what can be shown.

    Which colours are shown: see ``colours``.
    """
    mean, std = _constants(preprocess)
    pixels = (tensor.detach().float().cpu() * std + mean).nan_to_num().clamp(0, 1)
    return (colours(pixels) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()


def colours(pixels: Tensor) -> Tensor:
    """An image (channels, H, W) as red, green and blue (3, H, W), to be looked at.

    One channel is grey. Two are the grey of their mean. Of three or more the first three are red, green and blue.
    """
    if len(pixels) < 3:
        return pixels.mean(0, keepdim=True).expand(3, -1, -1)
    return pixels[:3]


def fitted(preprocess: Preprocess, channels: int) -> Preprocess:
    """The Preprocess for images of so many channels: itself, if it has a mean for each of them.

    ImageNet's default says nothing of images that are not RGB: their values then count as pixels in [0, 1], which is a
    mean of 0 and a standard deviation of 1 in every channel.

    Raises:
        BenchError: it is not the default, and has another number of channels.
    """
    if len(preprocess.mean) == channels:
        return preprocess
    if replace(preprocess, resize=256, crop=224, interpolation="bilinear") == Preprocess():
        return replace(preprocess, mean=(0.0,) * channels, std=(1.0,) * channels)
    raise BenchError(
        f"the images have {channels} channels, and the model's Preprocess has a mean for {len(preprocess.mean)}",
        hint=f"Give ModelSpec(..., preprocess=Preprocess(mean=..., std=...)) with {channels} numbers each",
    )


def _prepare_mask(mask: Tensor, preprocess: Preprocess) -> Tensor:
    picture = Image.fromarray(mask.cpu().numpy().astype(np.uint8) * 255)
    return torch.from_numpy(np.array(_frame(picture, preprocess, Image.Resampling.NEAREST)) > 0)


def placed(size: tuple[int, int], preprocess: Preprocess) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of a photograph of ``size`` (width, height): its size when resized, and the left and top of the centre crop."""
    if preprocess.resize is None:
        return (preprocess.crop, preprocess.crop), (0, 0)
    resized = _resized(size, preprocess.resize)
    left, top = (round((side - preprocess.crop) / 2) for side in resized)
    return resized, (left, top)


def _frame(image: Image.Image, preprocess: Preprocess, resample: Image.Resampling) -> Image.Image:
    """The centre (crop x crop) of the image with its shorter side resized."""
    resized, (left, top) = placed(image.size, preprocess)
    right, bottom = left + preprocess.crop, top + preprocess.crop
    if max(resized) <= MAX_ASPECT * (preprocess.resize or preprocess.crop):
        whole = image if image.size == resized else image.resize(resized, resample)
        return whole.crop((left, top, right, bottom))
    # The same sampling points, without making the rest. PIL keeps the box in single precision, so that a value may
    # differ by a grey level: ordinary photographs therefore take the way above, which is torchvision's to the bit.
    across, down = image.width / resized[0], image.height / resized[1]
    box = (left * across, top * down, min(right * across, image.width), min(bottom * down, image.height))
    return image.resize((preprocess.crop, preprocess.crop), resample, box=box)


def _resized(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    width, height = size
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter


def _constants(preprocess: Preprocess) -> tuple[Tensor, Tensor]:
    return torch.tensor(preprocess.mean).view(-1, 1, 1), torch.tensor(preprocess.std).view(-1, 1, 1)


def _check(image: Image.Image, mask: Tensor | None, preprocess: Preprocess) -> None:
    if image.mode != "RGB":
        raise BenchError(f"the image's mode is {image.mode}, not RGB", hint="Use image.convert('RGB') in the dataset")
    channels = len(preprocess.mean)
    if channels not in (1, 3):
        raise BenchError(
            f"a photograph has three channels, or one as grey, and the network takes {channels}",
            hint=f"Give tensors ({channels}, H, W), or a Preprocess with a mean and std per channel of the network",
        )
    if 0 in image.size:
        raise BenchError(f"the image has no pixels: it is {image.width} x {image.height}")
    if preprocess.resize is not None and preprocess.crop > preprocess.resize:
        raise BenchError(
            f"crop {preprocess.crop} is larger than resize {preprocess.resize}",
            hint="Give the model a Preprocess whose resize is at least its crop",
        )
    if mask is None:
        return
    if mask.dtype != torch.bool:
        raise BenchError(f"the mask's dtype is {mask.dtype}, not torch.bool", hint="Use mask > 0 in the dataset")
    if tuple(mask.shape) != (image.height, image.width):
        raise BenchError(
            f"the mask is {_size(mask.shape)} and the image {image.height} x {image.width} (height x width)",
            hint="Give the mask at the image's size",
        )


def _size(shape: torch.Size) -> str:
    return " x ".join(str(side) for side in shape)
