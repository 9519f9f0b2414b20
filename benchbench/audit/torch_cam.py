"""torch-cam's extractors, as its readme calls them: in a ``with`` block, with raw maps."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from ..registry import METHODS
from .library import AuditPlace, Counterpart, Library, LibraryCall, LibraryMethod, counterpart_of

KNOWN = {
    "GradCAMpp": Counterpart(
        "gradcam++", cause="division missing: it edits a copy, so that the weights are the sum of g^2 ReLU(g)"
    ),
    "ScoreCAM": Counterpart(
        "scorecam", {"variant": "torchcam"}, cause="masks are normalised before they are upsampled, not after"
    ),
    "SSCAM": Counterpart(
        "sscam", {"samples": 2, "score": "logit"}, {"num_samples": 2}, cause="noise is drawn without a seed"
    ),
    "ISCAM": Counterpart(
        "iscam",
        {"steps": 2, "score": "logit"},
        {"num_samples": 2},
        cause="masks are multiplied by sums of fractions, and not by the fractions",
    ),
    "SmoothGradCAMpp": Counterpart(
        "smoothgradcam++",
        {"samples": 4},
        cause="the gradient of the last noisy sample alone is weighted, and noise is drawn without a seed",
    ),
    "FinerCAM": Counterpart("finercam"),
    "LeGrad": Counterpart("legrad", note="it needs a vision transformer's blocks: audit it with --models zoo_vit"),
}
_SEVERAL = ("RefineCAM",)  # these take a list of layers
_BLOCKS = ("LeGrad",)  # these take the blocks of a vision transformer


def _call(extractor: Any, name: str, arguments: dict[str, Any]) -> LibraryCall:
    def maps_of(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
        layers: Any = list(place.stages) if name in _SEVERAL else place.layer
        if name in _BLOCKS:
            layers = [path for path, module in network.named_modules() if hasattr(module, "self_attention")]
        with extractor(network, layers, **arguments) as explain:
            scores = network(images)
            maps: list[Tensor] = explain(classes.tolist(), scores, normalized=False)
        return maps[0]

    return maps_of


def _find(module: Any) -> tuple[LibraryMethod, ...]:
    ours, found = METHODS.load(), []
    for name, value in vars(module).items():
        if inspect.isclass(value) and not name.startswith("_") and hasattr(value, "compute_cams"):
            counterpart = counterpart_of(name, KNOWN, ours)
            found.append(LibraryMethod(name, _call(value, name, dict(counterpart.arguments)), counterpart))
    return tuple(found)


TORCH_CAM = Library("torch-cam", "torchcam", "torchcam.methods", _find, ("torchcam",))
