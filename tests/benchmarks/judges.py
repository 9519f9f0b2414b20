"""The peers' evaluation of given maps, and plain code where no peer has the metric."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pytorch_grad_cam.metrics.cam_mult_image import (
    CamMultImageConfidenceChange,
    DropInConfidence,
    IncreaseInConfidence,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from torch import Tensor, nn
from torchcam.metrics import DeletionInsertionMetric

from benchbench.maps.normalise import saliency
from benchbench.perturbation.fills import fill_blur

from ..helpers import pixels
from .ours import STEPS, maps_of
from .scenes import BATCH, SIZE, Call, Scene

PIXELS = SIZE * SIZE


class _FixedMapExtractor:
    """What torch-cam's metric asks of an extractor, with a map that is there already."""

    def __init__(self, network: nn.Module, maps: Tensor) -> None:
        self.model, self.maps = network, maps

    def __call__(self, *_: Any, **__: Any) -> list[Tensor]:
        return [self.maps]

    def fuse_cams(self, maps: list[Tensor]) -> Tensor:
        return maps[0]

    @contextmanager
    def _hooks_off(self) -> Iterator[None]:
        yield


def torch_cam_curves(scene: Scene) -> Call:
    """torch-cam's DeletionInsertionMetric, one update for each map; mean AUCs (M, 2)."""
    maps, network, images, classes = maps_of(scene), scene.peer, scene.images, scene.classes

    def call() -> Tensor:
        areas = []
        for heatmaps in maps:
            metric = DeletionInsertionMetric(
                _FixedMapExtractor(network, heatmaps), lambda z: z.softmax(-1), steps=STEPS, batch_size=BATCH
            )
            with torch.inference_mode():
                metric.update(images, classes)
            areas.append([metric.summary()["deletion_auc"], metric.summary()["insertion_auc"]])
        return torch.tensor(areas)

    return call


def quantus_flipping(scene: Scene, features: int, maps: Callable[[], list[Tensor]]) -> Call:
    """Quantus's PixelFlipping, all (image, map) pairs in one call; curves (M * B, points)."""
    quantus: Any = importlib.import_module("quantus")
    metric = quantus.PixelFlipping(
        features_in_step=features, normalise=False, perturb_baseline=0.0, disable_warnings=True
    )

    def call() -> np.ndarray[Any, Any]:
        explanations = maps()
        curves = metric(
            model=scene.peer,
            x_batch=scene.images.repeat(len(explanations), 1, 1, 1).numpy(),
            y_batch=scene.targets.repeat(len(explanations)).numpy(),
            a_batch=torch.cat([saliency(heatmaps, (SIZE, SIZE)) for heatmaps in explanations])[:, None].numpy(),
            device="cpu",
            batch_size=BATCH,
        )
        return np.asarray(curves)

    return call


def rise_loop(scene: Scene) -> Call:
    """RISE's evaluation as its paper and CausalMetric describe it: one image and one map at a time, through numpy."""
    maps = [saliency(heatmaps, (SIZE, SIZE)).numpy() for heatmaps in maps_of(scene)]

    def call() -> Tensor:
        areas = [
            [[_rise_curve(scene, b, heatmaps[b], insert) for insert in (False, True)] for b in range(scene.case.images)]
            for heatmaps in maps
        ]
        return torch.tensor(np.asarray(areas)).mean(1)

    return call


def _rise_curve(scene: Scene, b: int, explanation: np.ndarray[Any, Any], insert: bool) -> float:
    image, step = scene.images[b : b + 1], PIXELS // STEPS
    start, finish = (fill_blur(pixels(image)), image) if insert else (image, torch.zeros_like(image))
    current, final = start.clone().numpy().reshape(3, PIXELS), finish.numpy().reshape(3, PIXELS)
    order = np.flip(np.argsort(explanation.reshape(-1)))
    scores = np.empty(STEPS + 1)
    for i in range(STEPS + 1):
        with torch.no_grad():
            answer = scene.network(torch.from_numpy(current.reshape(1, 3, SIZE, SIZE))).softmax(1)
        scores[i] = answer[0, scene.classes[b]].item()
        where = order[step * i : step * (i + 1)]
        current[:, where] = final[:, where]
    return float((scores.sum() - scores[0] / 2 - scores[-1] / 2) / STEPS)


def batched_insertion(scene: Scene, maps: Callable[[], list[Tensor]]) -> Call:
    """Plain code, as no peer has insertion from a blurred image: each step of each map scores all images at once."""

    def call() -> Tensor:
        areas, blurred = [], fill_blur(pixels(scene.images))
        for heatmaps in maps():
            rank = (-saliency(heatmaps, (SIZE, SIZE)).flatten(1)).argsort(dim=1, stable=True).argsort(1)
            rank = rank.view(-1, 1, SIZE, SIZE)
            steps = [
                _probability(scene, torch.where(rank < i * (PIXELS // STEPS), scene.images, blurred))
                for i in range(STEPS + 1)
            ]
            areas.append(torch.trapezoid(torch.stack(steps), dim=0).mean() / STEPS)
        return torch.stack(areas)

    return call


def _probability(scene: Scene, images: Tensor) -> Tensor:
    targets = scene.targets[:, None]
    with torch.inference_mode():
        logits: Tensor = scene.network(images)
        return logits.softmax(1).gather(1, targets)[:, 0]


def drop_and_increase(scene: Scene, maps: Callable[[], list[Tensor]]) -> Call:
    """pytorch-grad-cam's metrics on image x map: the drop, the increase, and the change that a gain is made of."""
    metrics = [DropInConfidence(), IncreaseInConfidence(), CamMultImageConfidenceChange()]
    targets = [ClassifierOutputSoftmaxTarget(c) for c in scene.classes]

    def call() -> Tensor:
        means = []
        for heatmaps in maps():
            upsampled = saliency(heatmaps, (SIZE, SIZE)).numpy()
            means.append([metric(scene.images, upsampled, targets, scene.peer).mean() for metric in metrics])
        return torch.tensor(np.asarray(means))

    return call


def same_areas(tolerance: float, *, deletion_only: bool = False) -> Any:
    """A peer's AUCs (M, 2), means over the images, are those of our curves (P, M, B): deletion, then insertion."""

    def agree(ours: Tensor, theirs: Tensor) -> None:
        both = ours.view(-1, STEPS + 1, *ours.shape[1:]).double()
        areas = torch.trapezoid(both, dim=1).mean(-1).T / STEPS
        kept = slice(0, 1) if deletion_only else slice(None)
        gap = float((theirs - areas)[:, kept].abs().max())
        assert gap <= tolerance, f"areas differ by {gap:.2g}"

    return agree


def same_flipping(tolerance: float) -> Any:
    """Quantus's curves lack the first point and go by channel elements: their means are near our areas."""

    def agree(ours: Tensor, theirs: np.ndarray[Any, Any]) -> None:
        area = torch.trapezoid(ours.double(), dim=0) / STEPS
        peer_area = torch.from_numpy(theirs).double().mean(1).view_as(area)
        gap = float((peer_area - area).abs().max())
        assert gap <= tolerance, f"areas differ by {gap:.2g}"

    return agree
