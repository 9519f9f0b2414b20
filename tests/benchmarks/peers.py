"""The peers' maps: one small function each, with the fastest settings that they document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_grad_cam as pgc
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torchcam import methods as torchcam

from benchbench.maps.normalise import minmax, saliency

from .ours import Maps
from .scenes import BATCH, SIZE, Call, Scene

PGC: dict[str, Any] = {
    "gradcam": pgc.GradCAM,
    "gradcam++": pgc.GradCAMPlusPlus,
    "xgradcam": pgc.XGradCAM,
    "hirescam": pgc.HiResCAM,
    "gradcam-elementwise": pgc.GradCAMElementWise,
    "layercam": pgc.LayerCAM,
    "eigencam": pgc.EigenCAM,
    "eigengradcam": pgc.EigenGradCAM,
    "scorecam": pgc.ScoreCAM,
    "ablationcam": pgc.AblationCAM,
}
TORCHCAM: dict[str, Any] = {
    "gradcam": torchcam.GradCAM,
    "gradcam++": torchcam.GradCAMpp,
    "xgradcam": torchcam.XGradCAM,
    "layercam": torchcam.LayerCAM,
}


def pytorch_grad_cam(scene: Scene, methods: Sequence[str], images: int = 0) -> Call:
    """A forward and a backward for each method and layer; maps (B, H, W), upsampled and min-maxed, from numpy."""
    batch = scene.images[: images or None]
    targets = [ClassifierOutputTarget(c) for c in scene.classes[: len(batch)]]

    def call() -> Maps:
        all_maps = {}
        for method in methods:
            for layer in scene.case.layers:
                with PGC[method](model=scene.peer, target_layers=[scene.peer.get_submodule(layer)]) as extractor:
                    extractor.batch_size = BATCH  # of Score-CAM and Ablation-CAM
                    all_maps[method, layer] = torch.from_numpy(extractor(input_tensor=batch, targets=targets))
        return all_maps

    return call


def torch_cam(scene: Scene, methods: Sequence[str]) -> Call:
    """One forward and one backward for each method, at all layers together; maps (B, h, w), min-maxed."""
    layers = list(scene.case.layers)

    def call() -> Maps:
        all_maps: Maps = {}
        for method in methods:
            with TORCHCAM[method](scene.peer, target_layer=layers) as extractor:
                maps = extractor(scene.classes, scene.peer(scene.images))
            all_maps |= {(method, layer): layer_maps for layer, layer_maps in zip(layers, maps, strict=True)}
        return all_maps

    return call


def torch_cam_scorecam(scene: Scene) -> Call:
    (layer,) = scene.case.layers
    network, images, classes = scene.peer, scene.images, scene.classes

    def call() -> Maps:
        with torch.inference_mode(), torchcam.ScoreCAM(network, target_layer=layer, batch_size=BATCH) as extractor:
            return {("scorecam", layer): extractor(classes, network(images))[0]}

    return call


def captum(scene: Scene) -> Call:
    """Grad-CAM only: a forward and a backward for each layer; maps (B, h, w)."""

    def call() -> Maps:
        all_maps = {}
        for layer in scene.case.layers:
            explainer = LayerGradCam(scene.peer, scene.peer.get_submodule(layer))
            maps = explainer.attribute(scene.images, scene.targets, relu_attributions=True)
            all_maps["gradcam", layer] = maps[:, 0].detach()
        return all_maps

    return call


def same_maps(methods: Sequence[str], tolerance: float) -> Any:
    """Both agree on these methods, at the image's size and min-maxed."""

    def agree(ours: Maps, theirs: Maps) -> None:
        for key in [key for key in theirs if key[0] in methods]:
            gap = float((_as_seen(theirs[key]) - _as_seen(ours[key][: len(theirs[key])])).abs().max())
            assert gap <= tolerance, f"{key}: they differ by {gap:.1e}"

    return agree


def alike_maps(least: float) -> Any:
    """Both correlate, where the definitions differ in the order of upsampling and min-max."""

    def agree(ours: Maps, theirs: Maps) -> None:
        for key in theirs:
            both = torch.stack([_as_seen(theirs[key]).flatten(), _as_seen(ours[key][: len(theirs[key])]).flatten()])
            correlation = float(torch.corrcoef(both)[0, 1])
            assert correlation > least, f"{key}: correlation {correlation:.4f}"

    return agree


def _as_seen(maps: Tensor) -> Tensor:
    """pytorch-grad-cam min-maxes before and after upsampling: both are affine, so a last one makes all comparable."""
    return saliency(maps, (SIZE, SIZE)) if maps.shape[-1] != SIZE else minmax(maps)
