"""pytorch-grad-cam's classes, as its readme calls them: in a ``with`` block where they have one."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, nn

from ..registry import METHODS
from .library import AuditPlace, Counterpart, Library, LibraryCall, LibraryMethod, counterpart_of

_CENTRED = "agrees with the centred variant; the sign is left to the decomposition"
KNOWN = {
    "GradCAMPlusPlus": Counterpart(
        "gradcam++", cause="an epsilon of 1e-6 stands in the denominator, which may be smaller than it"
    ),
    "ScoreCAM": Counterpart(
        "scorecam",
        {"variant": "pytorch-grad-cam"},
        cause="masks are upsampled with align_corners=True and normalised after it",
    ),
    "AblationCAM": Counterpart(
        "ablationcam",
        cause="a channel is set to the batch's minimum less 1e7, and not to 0",
    ),
    "FullGrad": Counterpart("fullgrad", cause="each channel is min-max normalised, in the paper each layer"),
    "EigenCAM": Counterpart("eigencam", {"centered": True}, note=_CENTRED),
    "EigenGradCAM": Counterpart("eigengradcam", {"centered": True}, note=_CENTRED),
    "FEM": Counterpart("fem", {"variant": "pytorch-grad-cam"}),
    "FinerCAM": Counterpart("finercam", {"weights": "probability", "gamma": 1.0}),
    "GuidedBackpropReLUModel": Counterpart("guidedbackprop"),
    "RandomCAM": Counterpart(note="random channel weights: a control of its own kind"),
    "DeepFeatureFactorization": Counterpart(note="it gives concepts, and no map of a class"),
}
_SEVERAL = ("RefineCAM",)
_ARG_MAX = ("FinerCAM",)  # these choose the class themselves


def _call(extractor: Any, name: str, arguments: dict[str, Any]) -> LibraryCall:
    def maps_of(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        paths = place.stages if name in _SEVERAL else (place.layer,)
        layers = [] if name == "FullGrad" else [network.get_submodule(path) for path in paths]
        targets = None if name in _ARG_MAX else [ClassifierOutputTarget(each) for each in classes.tolist()]
        with redirect_stderr(io.StringIO()), _entered(extractor(network, layers, **arguments)) as explain:
            return torch.as_tensor(explain(input_tensor=images, targets=targets))

    return maps_of


@contextmanager
def _entered(extractor: Any) -> Iterator[Any]:
    """The extractor in its ``with`` block, if it has one; the block may swallow an IndexError, which is raised here."""
    if not hasattr(extractor, "__enter__"):
        yield extractor
        return
    extractor.__enter__()
    try:
        yield extractor
    finally:
        extractor.__exit__(None, None, None)


def _guided(model: Any) -> LibraryCall:
    def maps_of(network: nn.Module, _place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
        pairs = zip(images, classes.tolist(), strict=True)  # it takes one image at a time
        each = [torch.as_tensor(model(network)(image[None], target_category=c)).clone() for image, c in pairs]
        return torch.stack(each).abs().amax(-1)

    return maps_of


def _find(module: Any) -> tuple[LibraryMethod, ...]:
    ours, found = METHODS.load(), []
    for name, value in vars(module).items():
        if not inspect.isclass(value) or name == "ActivationsAndGradients" or issubclass(value, nn.Module):
            continue
        if not any("__call__" in vars(kind) for kind in value.__mro__):
            continue
        counterpart = counterpart_of(name, KNOWN, ours)
        call: LibraryCall | None = _call(value, name, dict(counterpart.arguments))
        if name == "GuidedBackpropReLUModel":
            call = _guided(value)
        elif name == "DeepFeatureFactorization":
            call = None
        found.append(LibraryMethod(name, call, counterpart))
    return tuple(found)


PYTORCH_GRAD_CAM = Library(
    "pytorch-grad-cam", "grad-cam", "pytorch_grad_cam", _find, ("grad-cam", "gradcam", "pytorchgradcam")
)
