"""SIC and AIC: how soon the network answers as on the image, as the picture gets the information of the image.

Kapishnikov et al. 2019 (XRAI), arXiv:1906.02825, section 4.2; rules read in PAIR-code/saliency, metrics/pic.py.
"""

from __future__ import annotations

from io import BytesIO
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from annotated_types import Len
from PIL import Image, features
from pydantic import Field
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.registry import metric
from benchbench.types import Pixels, Scored, Seen

from ..maps.similarity import reasons
from ..perturbation.apply_probe import above
from ..perturbation.fills import fill_interpolated, filled, whole
from ..types.probes import Above, Filled, FillName, Probe, Whole

Array = npt.NDArray[np.float64]
Share = Annotated[float, Field(gt=0, lt=1)]
Shares = Annotated[tuple[Share, ...], Len(1)]
Least = Annotated[float, Field(ge=0, le=1)]
THIRTEEN = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10, 0.13, 0.21, 0.34, 0.5, 0.75)
FILL: FillName = "interpolated"
GRID = 101  # points of the curve that is kept
PALE = "without most of its pixels the picture takes as many bytes as the image: no information is left to add"
SURE = "the network is as sure of the target on the interpolated picture as on the image: there is no rise to divide by"
WRONG = "the target is not the most likely class of the image, or is that of the interpolated picture too"


def _shown(shares: Shares) -> list[Above]:
    return [Above(100 * (1 - share), FILL, strict=False, keep=True) for share in shares]


def _probes(shares: Shares) -> list[Probe]:
    return [Whole(), Filled(FILL), *_shown(shares)]


def _levels(pictures: Tensor, pixels: Pixels) -> npt.NDArray[np.uint8]:
    """(B, H, W, C): the pictures in 8 bits; of [0, 1], or of the image's own range where it leaves that."""
    images, shown = (x * pixels.std[:, None, None] + pixels.mean[:, None, None] for x in (pixels.images, pictures))
    low, high = images.amin((1, 2, 3)), images.amax((1, 2, 3))
    fits = (low > -1e-3) & (high < 1 + 1e-3)
    low, high = torch.where(fits, 0, low)[:, None, None, None], torch.where(fits, 1, high)[:, None, None, None]
    unit = ((shown - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
    levels: npt.NDArray[np.uint8] = (255 * unit).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return levels


def picture_bytes(levels: npt.NDArray[np.uint8]) -> int:
    """The bytes of a picture (H, W, C) as lossless WebP; channels that are not RGB are counted one by one."""
    parts = [levels] if levels.shape[2] == 3 else [levels[:, :, c] for c in range(levels.shape[2])]
    total = 0
    for part in parts:
        file = BytesIO()
        Image.fromarray(part).save(file, "WEBP", lossless=True, quality=100)
        total += file.tell()
    return total


def _sizes(pictures: Tensor, pixels: Pixels) -> Tensor:
    """(B,) on the CPU."""
    return torch.tensor([picture_bytes(levels) for levels in _levels(pictures, pixels)], dtype=torch.float64)


def _information(seen: Seen, shares: Shares) -> tuple[Tensor, Tensor]:
    """(B, S): the bytes of each picture, from 0 on the interpolated one to 1 on the image; and (B,), whether it has."""
    pixels = seen.pixels
    assert pixels is not None, "the engine gives the images"
    last = pixels.cache.get("information")  # of the last map: SIC and AIC follow each other
    if last is None or last[0] != shares or not torch.equal(last[1], seen.map):
        last = pixels.cache["information"] = shares, seen.map.clone(), _measured(seen.map, pixels, shares)
    information, adds = last[2]
    return information, adds


def _measured(maps: Tensor, pixels: Pixels, shares: Shares) -> tuple[Tensor, Tensor]:
    if not features.check("webp"):
        raise BenchError("Pillow has no WebP here", where="sic, aic", hint="pip install --force-reinstall pillow")
    if "picture bytes" not in pixels.cache:  # the same for every map
        fill = fill_interpolated(pixels)
        pixels.cache["picture bytes"] = fill, _sizes(whole(FILL, pixels), pixels), _sizes(pixels.images, pixels)
    fill, least, most = pixels.cache["picture bytes"]
    pictures = [filled(FILL, pixels.images, fill, above(probe, maps)) for probe in _shown(shares)]
    sizes = torch.stack([_sizes(each, pixels) for each in pictures], 1)
    span = (most - least)[:, None]
    return ((sizes - least[:, None]) / torch.where(span > 0, span, 1)).clamp(0, 1), span[:, 0] > 0


def area_of(information: Array, answers: Array) -> tuple[float, Array]:
    """The area under the line through (0, 0), the points (S,) in order of information, and (1, 1); and the line."""
    x, y = np.concatenate([[0], information, [1]]), np.concatenate([[0], answers, [1]])
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum()), np.interp(np.linspace(0, 1, GRID), x, y)


def _curve(seen: Seen, answers: Tensor, shares: Shares, *rules: tuple[Tensor, str]) -> Scored:
    """Of answers (B, 2 + S) to the image, to the interpolated picture and to those between."""
    information, adds = _information(seen, shares)
    y = answers.double().cpu()
    span = y[:, :1] - y[:, 1:2]
    rise = ((y[:, 2:] - y[:, 1:2]) / torch.where(span > 0, span, 1)).clamp(0, 1).cummax(1).values
    areas, lines = zip(*map(area_of, information.numpy(), rise.numpy()), strict=True)
    x = torch.linspace(0, 1, GRID, dtype=torch.float64)
    curve = (x, torch.from_numpy(np.stack(lines)))
    return Scored(torch.tensor(areas, dtype=torch.float64), curve=curve, inapplicable=reasons(*rules, (~adds, PALE)))


@metric(
    "sic",
    title="SIC",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=lambda shares, least: _probes(shares),
    protocols={"pair-13": {}},
    unit="share of p",
    paper="arXiv:1906.02825",
    family="faithfulness",
    range=(0, 1),
    equation="area under the share of p that is back (only rising), over the share of the image's bytes that is back",
    ranks_only=True,
)
def sic(seen: Seen, *, shares: Shares = THIRTEEN, least: Least = 0.0) -> Scored:
    """Softmax information curve: how much of p is back once the picture has a share of the image's information.

    Kapishnikov et al. 2019, as PAIR's `saliency` computes it: 13 pictures show the most salient 0.5 to 75 % of the
    pixels, a hundredth drawn from the image's seed, and the corners; the rest is linear between them. The information
    of a picture is its bytes as lossless WebP, from 0 on the picture without the salient pixels to 1 on the image; p
    is 0 and 1 there, and never falls again. A constant map shows the whole image at once: 0.5.

    Not applicable where p, or the bytes, are not less on the picture without the salient pixels than on the image; and
    where p is below ``least``: PAIR has 0.8, which leaves out images of which the network is not sure. The area is that
    of the line through the points; PAIR reads 1,000 values off it. Pictures reach the network as they are, and are
    rounded to 8 bits only to be compressed. PAIR's number of several images is the area of their mean or median curve:
    the first is the mean of the images' areas; for the second, curves.parquet has each image's curve.
    """
    y = seen.probability
    return _curve(
        seen, y, shares,
        (y[:, 0] < least, f"the target's probability on the image is below least, {least:g}"),
        (y[:, 0] <= y[:, 1], SURE),
    )  # fmt: skip


@metric(
    "aic",
    title="AIC",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_probes,
    protocols={"pair-13": {}},
    unit="share of correct answers",
    paper="arXiv:1906.02825",
    family="faithfulness",
    range=(0, 1),
    equation="area under whether the target is the most likely class (from then on), over the share of the bytes",
    ranks_only=True,
)
def aic(seen: Seen, *, shares: Shares = THIRTEEN) -> Scored:
    """Accuracy information curve: with what share of the image's information the target becomes the most likely class.

    See ``sic``, whose pictures it has. Not applicable where the target is not the most likely class of the image, or is
    that of the picture without the salient pixels.
    """
    y = seen.correct
    return _curve(seen, y, shares, (y[:, 0] <= y[:, 1], WRONG))
