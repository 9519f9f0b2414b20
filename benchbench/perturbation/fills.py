"""What stands where a probe removes something: a colour, a blur, noise, or what its surroundings suggest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from ..types import Pixels, streamed
from ..types.probes import FillName
from .imputation import impute
from .interpolation import always_known, interpolated

ROAD_SIGMA = 0.01
_IMPUTED = ("noisy-linear", "noisy-linear-normalised")
GREY = 127 / 255


def fill_zero(pixels: Pixels) -> Tensor:
    """Zeros in the network's normalised space: the mean colour of the data."""
    return torch.zeros_like(pixels.images)


def fill_mean(pixels: Pixels) -> Tensor:
    """The mean colour of each image."""
    return pixels.images.mean((2, 3), keepdim=True).expand_as(pixels.images)


def fill_grey(pixels: Pixels) -> Tensor:
    """The colour (127, 127, 127) of 255, normalised as the network's input."""
    grey = (GREY - pixels.mean) / pixels.std
    return grey[:, None, None].expand_as(pixels.images)


def fill_noise(pixels: Pixels) -> Tensor:
    """Standard normal in normalised space, every pixel and channel by itself, drawn from the image's seed."""
    return _normal(pixels, "noise")


def rise_kernel() -> Tensor:
    """RISE's blur (11, 11): a delta filtered by scipy with sigma 5 in an 11 x 11 box with reflecting border.

    The Gaussian folds back at the border, so this is nearly a box: centre 0.00883, corner 0.00774. Source: RISE's
    evaluation code (arXiv:1806.07421); a plain 11 x 11 Gaussian of sigma 5 is another protocol.
    """
    delta = torch.zeros(11, 11, dtype=torch.float64)
    delta[5, 5] = 1
    return torch.from_numpy(gaussian_filter(delta.numpy(), 5)).float()


def fill_blur(pixels: Pixels) -> Tensor:
    """The image under RISE's blur, with zero padding, channel by channel."""
    images = pixels.images
    kernel = rise_kernel().to(images)
    channels = images.shape[1]
    return F.conv2d(images, kernel.expand(channels, 1, 11, 11), padding=5, groups=channels)


def gaussian(images: Tensor, size: Sequence[int], sigma: float) -> Tensor:
    """The images (N, C, H, W) under a Gaussian of ``size`` (height, width; odd), mirrored at the border."""
    from torchvision.transforms.functional import gaussian_blur  # importing torchvision takes seconds

    blurred: Tensor = gaussian_blur(images, [size[1], size[0]], [sigma, sigma])
    return blurred


def fill_gaussian_15(pixels: Pixels) -> Tensor:
    """The image under a Gaussian of 15 x 15 pixels, sigma 5, mirrored at the border, as LATEC has it."""
    return gaussian(pixels.images, [min(15, 2 * side - 1) for side in pixels.size], 5.0)


def fill_box(pixels: Pixels) -> Tensor:
    """The mean over a square of a fifth of the image's height on a side (45 at 224), with zeros outside.

    Gomez et al. 2022, arXiv:2201.13291, in the authors' code: at least 9 pixels, and an odd number of them.
    """
    side = max(pixels.size[0] // 5, 9)
    side += side % 2 == 0
    return F.avg_pool2d(pixels.images, side, 1, side // 2)


def fill_noisy_linear(pixels: Pixels) -> Tensor:
    """ROAD's noise alone, of spread 0.01 on pixels in [0, 1]; what it is added to depends on what is removed.

    Rong et al. 2022, arXiv:2202.00449, section 4.2.
    """
    return _normal(pixels, "road") * (ROAD_SIGMA / pixels.std)[:, None, None]


def fill_noisy_linear_normalised(pixels: Pixels) -> Tensor:
    """As noisy-linear, with the noise of spread 0.01 on normalised pixels, as pytorch-grad-cam has it."""
    return _normal(pixels, "road") * ROAD_SIGMA


def fill_interpolated(pixels: Pixels) -> Tensor:
    """The image at the pixels that are known whatever is removed, and NaN elsewhere: see ``interpolation.py``."""
    known = always_known(pixels.seeds, pixels.size).to(pixels.images.device)
    return torch.where(known[:, None], pixels.images, torch.nan)


FILLS: dict[FillName, Callable[[Pixels], Tensor]] = {
    "zero": fill_zero,
    "mean": fill_mean,
    "blur": fill_blur,
    "gaussian-15": fill_gaussian_15,
    "box": fill_box,
    "noise": fill_noise,
    "grey": fill_grey,
    "noisy-linear": fill_noisy_linear,
    "noisy-linear-normalised": fill_noisy_linear_normalised,
    "interpolated": fill_interpolated,
}


def whole(name: FillName, pixels: Pixels) -> Tensor:
    """(B, C, H, W): the fill alone. With nothing to interpolate from, noisy-linear is the image's mean colour."""
    fill = FILLS[name](pixels)
    if name == "interpolated":
        return interpolated(pixels.images, ~fill[:, 0].isnan())
    return fill + fill_mean(pixels) if name in _IMPUTED else fill


def filled(name: FillName, images: Tensor, fill: Tensor, hidden: Tensor) -> Tensor:
    """The images (N, C, H, W) with the ``hidden`` (N, H, W) pixels replaced, by what ``FILLS`` gave for them."""
    if name == "interpolated":
        return interpolated(images, ~hidden | ~fill[:, 0].isnan())
    if name in _IMPUTED:
        fill = impute(images, hidden) + fill
    return torch.where(hidden[:, None], fill, images)


def _normal(pixels: Pixels, what: str) -> Tensor:
    """Standard normal (B, C, H, W): each image draws from its own seed."""
    generators = [torch.Generator().manual_seed(seed) for seed in streamed(pixels.seeds, what)]
    return torch.stack([torch.randn(pixels.images.shape[1:], generator=generator) for generator in generators]).to(
        pixels.images
    )
