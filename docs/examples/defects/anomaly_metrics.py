"""Two metrics of anomaly detection, PRO and F1, as plugins of benchbench: importing the file registers them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

import benchbench as bb

Array = NDArray[np.float64]
LIMIT = 0.3  # the false positive rate up to which the area under PRO's curve is taken
LEVELS = torch.arange(255, 0, -1, dtype=torch.float64) / 255  # thresholds of the normalised map, falling
CORNERS = ndimage.generate_binary_structure(2, 2)  # pixels that touch at a corner are of one region


def area_under_pro(counts: Array) -> Array:
    """The area under the curve of mean overlap against false positive rate, up to a rate of 0.3, divided by 0.3.

    Args:
        counts: (R, 2 S + 2): by threshold the false positives, by threshold the sum over regions of the share found,
            then the number of good pixels and of regions.
    """
    false, found = np.split(counts[:, :-2], 2, axis=1)
    rate, overlap = false / counts[:, -2:-1], found / counts[:, -1:]
    x, y = (np.pad(curve, ((0, 0), (1, 1)), constant_values=(0, 1)) for curve in (rate, overlap))  # (0, 0) to (1, 1)
    width, rise = np.diff(x), np.diff(y)
    kept = np.clip(LIMIT - x[:, :-1], 0, width)  # what the limit leaves of each step
    ends = y[:, :-1] + rise * np.divide(kept, width, out=np.zeros_like(width), where=width > 0)
    area: Array = (kept * (y[:, :-1] + ends) / 2).sum(1) / LIMIT
    return area


@bb.metric(
    "pro",
    title="PRO",
    higher_is_better=True,
    needs={"map", "mask"},
    protocols={"mvtec-0.3": {}},
    unit="share of the area",
    paper="doi:10.1007/s11263-020-01400-4",
    family="localisation",
    range=(0, 1),
    equation="1 / 0.3 times the area, up to a false positive rate of 0.3, under the mean over regions C of "
    "|{S >= t} and C| / |C|",
    pooled=area_under_pro,
)
def pro(seen: bb.Seen) -> bb.Scored:
    """Per-region overlap: each connected defect counts the same, however small it is.

    Bergmann et al. 2021 (MVTec AD), whose curve is of all images together: that value is in ``run.pooled()``. The value
    of an image has its own false positives and regions. A constant map scores 0.15, as chance does.
    """
    mask = np.zeros(seen.map.shape, bool) if seen.mask is None else seen.mask.cpu().numpy()
    counts = np.stack([_counts(s, m) for s, m in zip(seen.map.double().cpu().numpy(), mask, strict=True)])
    why = tuple("no defect" if not m.any() else "all is defect" if m.all() else "" for m in mask)
    known = np.array([not reason for reason in why])
    value = np.full(len(counts), np.nan)
    value[known] = area_under_pro(counts[known])
    places = torch.arange(counts.shape[1], dtype=torch.float64)
    return bb.Scored(torch.from_numpy(value), inapplicable=why, levels=(places, torch.from_numpy(counts)))


def _counts(height: Array, mask: NDArray[np.bool_]) -> Array:
    """(2 S + 2,), as ``area_under_pro`` takes them, of one image."""
    regions, count = ndimage.label(mask, CORNERS)
    shown = [np.sort(height[regions == k]) for k in range(count + 1)]
    reached = [len(each) - np.searchsorted(each, LEVELS.numpy()) for each in shown]  # pixels at the threshold or above
    found = sum((n / len(each) for n, each in zip(reached[1:], shown[1:], strict=True)), np.zeros(len(LEVELS)))
    return np.array([*reached[0], *found, len(shown[0]), count], dtype=np.float64)


def best_elsewhere(levels: Array, scores: Array, half: NDArray[np.int_]) -> Array:
    """Each image's score at the threshold that is best, in the mean, over the images of the other half.

    Args:
        levels: (S,) thresholds.
        scores: (N, S), by image and threshold.
        half: (N,), 0 or 1.
    """
    chosen = {k: scores[half != k].mean(0).argmax() for k in (0, 1) if (half != k).any()}
    return np.array([row[chosen[k]] if k in chosen else np.nan for row, k in zip(scores, half, strict=True)])


@bb.metric(
    "f1",
    title="F1 at a held-out threshold",
    higher_is_better=True,
    needs={"map", "mask"},
    protocols={"held-out-255": {}},
    unit="F1",
    paper="doi:10.2307/1932409",
    family="localisation",
    range=(0, 1),
    equation="2 |{S >= t} and M| / (|{S >= t}| + |M|), t best on the other half of the images",
    held_out=best_elsewhere,
)
def f1(seen: bb.Seen) -> bb.Scored:
    """F1 of the pixels at or above a threshold: the threshold is found on one half of the images, judged on the other.

    The value here is the image's own best; benchbench puts the one at the held-out threshold in its place.
    """
    mask = torch.zeros_like(seen.map, dtype=torch.bool) if seen.mask is None else seen.mask
    marked = seen.map.double().flatten(1)[:, None] >= LEVELS.to(seen.map.device)[:, None]  # (B, S, pixels)
    both = (marked & mask.flatten(1)[:, None]).sum(2).double()
    size = mask.flatten(1).sum(1, keepdim=True)
    score: Tensor = 2 * both / (marked.sum(2) + size).clamp_min(1)
    why = tuple("" if known else "no defect" for known in (size[:, 0] > 0).tolist())
    return bb.Scored(score.amax(1), inapplicable=why, levels=(LEVELS, score))
