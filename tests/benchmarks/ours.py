"""What is timed of this project, case by case."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import benchbench
from benchbench.attribution.layer_services import CapturedBatch, capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import saliency
from benchbench.network.fast_copy import channels_last, prepare
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.study.requests import probes_of
from benchbench.study.spec import read_metric
from benchbench.types.probes import Probe, canonical, needs_map

from ..helpers import pixels
from .scenes import SIZE, Call, Scene

EIGHT = ["gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam", "eigencam", "eigengradcam"]
READY = [name for name in EIGHT if name in METHODS]
FOUR = ["gradcam", "gradcam++", "xgradcam", "layercam"]  # what torch-cam has; also the studies' methods
STEPS = 28
MAPS = 8
Maps = dict[tuple[str, str], Tensor]  # by method and layer


def _look(scene: Scene, scorer: Scorer, *, gradient: bool) -> CapturedBatch:
    return capture_batch(
        scene.network, scorer, scene.images, list(scene.case.layers), lambda _: scene.targets, gradient=gradient
    )


def gradient_maps(scene: Scene, methods: Sequence[str], *, upsampled: bool = False) -> Call:
    """The methods at the case's layers from one capture; on request as large as the images, and min-maxed."""
    plugins = {name: METHODS[name] for name in methods}
    bound = {name: plugin.bind({}) for name, plugin in plugins.items()}
    seeds, scorer = (0,) * len(scene.images), scene.scorer()

    def call() -> Maps:
        seen = _look(scene, scorer, gradient=True)
        all_maps = {}
        for name in scene.case.layers:
            layer = seen.layer(name, seeds)
            for method, plugin in plugins.items():
                maps = run_method(plugin, layer, bound[method])
                all_maps[method, name] = saliency(maps, (SIZE, SIZE)) if upsampled else maps
        return all_maps

    return call


def one_method(scene: Scene, method: str, *, bf16: bool = False, **params: Any) -> Call:
    """A method that needs no gradient, at the case's one layer, its forwards on the prepared copy."""
    plugin = METHODS[method]
    bound = plugin.bind(params)
    (layer,) = scene.case.layers
    prepared = prepare(scene.network, scene.images[:4], precision="bf16", compiled=False) if bf16 else scene.prepared
    seeds = (0,) * len(scene.images)

    def call() -> Maps:
        seen = _look(scene, scene.scorer(prepared), gradient=False)
        return {(method, layer): run_method(plugin, seen.layer(layer, seeds), bound)}

    return call


def score_cam_forwards(scene: Scene) -> int:
    """The capture's, one for each live channel of each image, and one for all dead ones."""
    (layer,) = scene.case.layers
    activation = _look(scene, scene.scorer(), gradient=False).captured.activations[layer]
    live = activation.amax((2, 3)) > activation.amin((2, 3))
    return len(activation) + int(live.sum()) + int((~live).any(1).sum())


def bare_head(scene: Scene) -> Call:
    """One forward of the prepared copy, and what is behind the last stage on every image's every channel."""
    network: Any = scene.prepared.network
    batch = channels_last(scene.images)
    (name,) = scene.case.layers
    with torch.no_grad():
        activation = _look(scene, scene.scorer(), gradient=False).captured.activations[name]
    rows = activation[:1].repeat(1024, 1, 1, 1)
    count = activation.shape[0] * activation.shape[1] // len(rows)

    def call() -> None:
        with torch.inference_mode():
            network(batch)
            for _ in range(count):
                network.fc(torch.flatten(network.avgpool(rows), 1))

    return call


def maps_of(scene: Scene, distinct: int = MAPS) -> list[Tensor]:
    """Eight maps (B, 7, 7) for each image; where fewer are distinct, the first is there several times."""
    generator = torch.Generator().manual_seed(7)
    maps = [torch.rand(scene.case.images, 7, 7, generator=generator) for _ in range(distinct)]
    return maps[:1] * (MAPS - distinct) + maps


def probes(*names: str) -> list[Probe]:
    return [probe for name in names for probe in probes_of(read_metric(name))]


def curves(scene: Scene, selected: Sequence[Probe], distinct: int = MAPS) -> Call:
    """The class's probability on every probe of eight maps: (P, M, B)."""
    maps = maps_of(scene, distinct)

    def call() -> Tensor:
        scores = score_probes(scene.scorer(), pixels(scene.images), scene.targets, maps, selected)
        return torch.stack([scores[canonical(probe)].probability for probe in selected])

    return call


def pictures(scene: Scene, selected: Sequence[Probe], distinct: int = MAPS) -> int:
    """How many different pictures the probes are, on eight maps of each image: the least that can be scored."""
    different = {canonical(probe) for probe in selected}
    mapped = sum(needs_map(probe) for probe in different)
    return scene.case.images * (mapped * distinct + len(different) - mapped)


def study(scene: Scene, methods: Sequence[str]) -> Call:
    """A whole run into a new folder, without its report; returns the Run."""

    def call() -> benchbench.Run:
        folder = tempfile.TemporaryDirectory(prefix="benchbench-")
        scene.results[f"folder {len(methods)}"] = folder  # it is there as long as the scene
        new_study = benchbench.Study(
            models={"network": scene.network},
            datasets={"smooth": scene.images},
            layers=list(scene.case.layers),
            methods=list(methods),
            metrics=["deletion", "insertion", "average_drop", "increase", "average_gain"],
            samples=scene.case.images,
        )
        return new_study.run(folder.name, report=False)

    return call


def report(scene: Scene) -> Call:
    """The page of the study that was timed before."""
    run: benchbench.Run = scene.results["ours scorecam"]
    return run.report
