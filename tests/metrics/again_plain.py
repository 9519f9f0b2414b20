"""The metrics that need the method again, once more: loops over images and views, in numpy, without the engine."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import entropy, pearsonr, spearmanr

from ..methods.loops import grown, unit
from ..networks import Pooled

Array = NDArray[np.float64]
MEAN, STD = np.array([0.485, 0.456, 0.406])[:, None, None], np.array([0.229, 0.224, 0.225])[:, None, None]
LAYERS = ["fc", "conv", "stage1.1", "stage1.0"]  # of Pooled, from the logits


def number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


@dataclass(frozen=True, eq=False)
class Plain:
    """One image (3, H, W) as the network sees it, one network, one class, one method, and the study's seed."""

    network: Pooled
    image: Array
    name: str
    target: int
    method: str
    seed: int = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[2]

    def logits(self) -> Array:
        return self._logits

    @cached_property
    def _logits(self) -> Array:
        with torch.no_grad():
            logits: Array = self.network(torch.from_numpy(self.image)[None].float())[0].double().numpy()
        return logits

    def probability(self) -> float:
        exponent = np.exp(self.logits() - self.logits().max())
        return float(exponent[self.target] / exponent.sum())

    def map(self) -> Array:
        return self._map

    @cached_property
    def _map(self) -> Array:
        """gradcam and layercam at ``relu``, saliency at the image."""
        image = torch.from_numpy(self.image)[None].float().requires_grad_()
        features = self.network.conv(self.network.stage1(image)).relu()
        features.retain_grad()
        self.network.fc(features.mean((2, 3)))[0, self.target].backward()
        assert features.grad is not None
        assert image.grad is not None
        a, g = (x[0].detach().double().numpy() for x in (features, features.grad))
        if self.method == "saliency":
            magnitude: Array = image.grad[0].abs().amax(0).double().numpy()
            return magnitude
        weighted = g.mean((1, 2), keepdims=True) * a if self.method == "gradcam" else np.maximum(g, 0) * a
        positive: Array = np.maximum(weighted.sum(0), 0)
        return positive

    def shown(self) -> Array:
        return unit(grown(self.map(), self.size)).astype(np.float32).astype(float)

    def noisy(self, index: int, radius: float, kind: str) -> Plain:
        generator = torch.Generator().manual_seed(number(f"{self.image_seed()}/{kind} noise/{index}"))
        if kind == "normal":
            drawn = torch.randn(self.image.shape, generator=generator).double().numpy()
        else:
            drawn = 2 * torch.rand(self.image.shape, generator=generator).double().numpy() - 1
        return replace(self, image=self.image + drawn * radius / STD)

    def image_seed(self) -> int:
        return number(f"{self.seed}/probes/{self.name}")

    def shifted(self, dx: int, dy: int) -> Plain:
        padded = np.pad(self.image, ((0, 0), (abs(dy), abs(dy)), (abs(dx), abs(dx))), mode="edge")
        (height, width), top, left = self.size, abs(dy) - dy, abs(dx) - dx
        return replace(self, image=padded[:, top : top + height, left : left + width])

    def jpeg(self, quality: int) -> Plain:
        levels = np.rint(np.clip(self.image * STD + MEAN, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        file = BytesIO()
        Image.fromarray(levels).save(file, "JPEG", quality=quality)
        again = np.asarray(Image.open(file), float).transpose(2, 0, 1) / 255
        return replace(self, image=(again - MEAN) / STD)

    def masked(self) -> Plain:
        return replace(self, image=self.image * self.shown())

    def redrawn(self, layers: Sequence[str]) -> Plain:
        other = copy.deepcopy(self.network)
        for name in layers:
            module = other.get_submodule(name)
            kept = {key: value.clone() for key, value in module.named_buffers()}
            with torch.random.fork_rng():
                torch.manual_seed(number(f"{self.seed}/weights/{name}"))
                module.reset_parameters()  # type: ignore[operator]
            for key, value in kept.items():
                module.get_buffer(key).copy_(value)
        return replace(self, network=other)

    def other(self, which: str) -> Plain:
        order = [int(c) for c in np.argsort(-self.logits()) if c != self.target]
        if which == "runner-up":
            return replace(self, target=order[0])
        generator = torch.Generator().manual_seed(self.image_seed())
        left = [c for c in range(len(order) + 1) if c != self.target]
        return replace(self, target=left[int(torch.randint(len(left), (1,), generator=generator))])


def rank_correlation(first: Array, second: Array) -> float:
    """Of cells that differ by a millionth of the range."""
    if not np.ptp(second):
        return 0.0
    return float(spearmanr(np.round(unit(first), 6).ravel(), np.round(unit(second), 6).ravel()).statistic)


def structural(first: Array, second: Array) -> float:
    """Of every window of 7 x 7."""
    x, y = (sliding_window_view(each, (7, 7)).reshape(-1, 49) for each in (first, second))
    dx, dy = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    vx, vy, vxy = ((a * b).sum(1) / 48 for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    light = (2 * x.mean(1) * y.mean(1) + 1e-4) / (x.mean(1) ** 2 + y.mean(1) ** 2 + 1e-4)
    return float(np.mean(light * (2 * vxy + 9e-4) / (vx + vy + 9e-4)))


def unchanged(x: Plain, views: list[Plain]) -> list[Plain]:
    return [view for view in views if view.logits().argmax() == x.logits().argmax()]


def moves(x: Plain, views: list[Plain]) -> list[float]:
    original = x.map()
    return [float(np.linalg.norm(view.map() - original) / np.linalg.norm(original)) for view in unchanged(x, views)]


def ball(x: Plain, radius: float, count: int) -> list[Plain]:
    return [x.noisy(i, radius, "uniform") for i in range(count)]


def mean_or_none(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def max_sensitivity(x: Plain) -> float | None:
    return max(moves(x, ball(x, 0.1, 10)), default=None)


def avg_sensitivity(x: Plain) -> float | None:
    return mean_or_none(moves(x, ball(x, 0.1, 10)))


def local_lipschitz(x: Plain) -> float | None:
    views = unchanged(x, ball(x, 0.1, 10))
    steps = [float(np.linalg.norm((view.image - x.image) * STD)) for view in views]
    return max((m / s for m, s in zip(moves(x, views), steps, strict=True)), default=None)


def noise_stability(x: Plain) -> float | None:
    views = unchanged(x, [x.noisy(i, 0.1, "normal") for i in range(5)])
    return mean_or_none([rank_correlation(x.map(), view.map()) for view in views])


def jpeg_stability(x: Plain) -> float | None:
    views = unchanged(x, [x.jpeg(quality) for quality in (90, 70, 50)])
    return mean_or_none([rank_correlation(x.map(), view.map()) for view in views])


def shift_stability(x: Plain) -> float | None:
    correlations = []
    for dx, dy in ((4, 0), (-4, 0), (0, 4), (0, -4)):
        rows = [i for i in range(x.size[0]) if 0 <= i + dy < x.size[0]]
        columns = [j for j in range(x.size[1]) if 0 <= j + dx < x.size[1]]
        for view in unchanged(x, [x.shifted(dx, dy)]):
            still = x.shown()[np.ix_(rows, columns)]
            moved = view.shown()[np.ix_([i + dy for i in rows], [j + dx for j in columns])]
            correlations.append(rank_correlation(still, moved))
    return mean_or_none(correlations)


def mprt(x: Plain) -> float:
    return float(np.mean([rank_correlation(x.map(), x.redrawn(LAYERS[: i + 1]).map()) for i in range(4)]))


def mprt_independent(x: Plain) -> float:
    return float(np.mean([structural(x.shown(), x.redrawn([name]).shown()) for name in LAYERS]))


def smooth_mprt(x: Plain) -> float:
    def smooth(network: Plain) -> Array:
        mean_map: Array = np.mean([network.noisy(i, 0.1, "normal").map() for i in range(3)], 0)
        return mean_map

    return float(np.mean([rank_correlation(smooth(x), smooth(x.redrawn(LAYERS[: i + 1]))) for i in range(4)]))


def efficient_mprt(x: Plain) -> float:
    def complexity(saliency: Array) -> float:
        steps = np.round(unit(saliency) * 1_000_000).astype(int)
        return float(entropy(np.bincount(np.minimum(steps.ravel() * 100 // 1_000_000, 99), minlength=100)))

    before = complexity(x.shown())
    return (complexity(x.redrawn(LAYERS).shown()) - before) / before


def random_logit(x: Plain) -> float:
    return structural(x.shown(), x.other("random").shown())


def class_contrast(x: Plain) -> float:
    target_map, rival_map = x.shown(), x.other("runner-up").shown()
    return float(np.abs(target_map / target_map.sum() - rival_map / rival_map.sum()).sum() / 2)


def coherency(x: Plain) -> float:
    whole, masked = x.shown(), x.masked().shown()
    return float(pearsonr(whole.ravel(), masked.ravel()).statistic + 1) / 2 if np.ptp(whole) and np.ptp(masked) else 0.0


def adcc(x: Plain) -> float:
    p, q = x.probability(), x.masked().probability()
    shares = [coherency(x), 1 - float(x.shown().mean()), 1 - max(0.0, p - q) / p]
    return 3 / sum(1 / share for share in shares) if min(shares) > 0 else 0.0


METRICS: dict[str, Callable[[Plain], float | None]] = {
    "max_sensitivity@radius-0.1-n10": max_sensitivity,
    "avg_sensitivity@radius-0.1-n10": avg_sensitivity,
    "local_lipschitz@relative-radius-0.1-n10": local_lipschitz,
    "noise_stability@normal-0.1-n5": noise_stability,
    "jpeg_stability": jpeg_stability,
    "shift_stability": shift_stability,
    "mprt(stages=4)": mprt,
    "mprt(independent)": mprt_independent,
    "smooth_mprt": smooth_mprt,
    "efficient_mprt": efficient_mprt,
    "random_logit": random_logit,
    "class_contrast": class_contrast,
    "coherency": coherency,
    "adcc": adcc,
}
