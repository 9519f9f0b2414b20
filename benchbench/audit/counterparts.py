"""Which method of benchbench a library's method is compared with, under which parameters, and why maps differ.

Each cause was seen in the library's code and by running it beside the method's closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import folded
from ..registry import METHODS


@dataclass(frozen=True)
class Counterpart:
    """The method of benchbench that a library's method is compared with.

    Attributes:
        method: its name; empty if there is none.
        params: with which it has the library's convention.
        arguments: of the library's method, if its defaults are not taken.
        cause: why the maps are known to differ; empty if the library's known fault says it, or they are to agree.
        bound: the largest difference of two maps in 0 .. 1 that counts as agreement.
        one_class: whether the library explains one class per call, so that images are given one at a time.
        note: a convention that the parameters stand for.
        apart: benchbench's method of the same name, if the two cannot be compared.
    """

    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    bound: float = 1e-4
    one_class: bool = False
    note: str = ""
    apart: str = ""


SIGNED = {"sign": "signed"}
_EIGHT = {"n_steps": 8, "method": "riemann_middle"}
_SQUARES = {"grid": 4}  # a side: a pass for each square
KNOWN: dict[str, dict[str, Counterpart]] = {
    "torchcam": {
        "GradCAMpp": Counterpart(
            "gradcam++", cause="division missing: it edits a copy, so that the weights are the sum of g^2 ReLU(g)"
        ),
        "RefineCAM": Counterpart("refinecam", cause="its base method is GradCAMpp, whose division is missing"),
        "ScoreCAM": Counterpart(
            "scorecam", {"variant": "torchcam"}, cause="masks are normalised before they are upsampled, not after"
        ),
        "SSCAM": Counterpart(
            "sscam", {"samples": 2, "score": "logit"}, {"num_samples": 2}, "other noise: it is drawn without a seed"
        ),
        "ISCAM": Counterpart(
            "iscam",
            {"steps": 2, "score": "logit"},
            {"num_samples": 2},
            "masks are multiplied by running sums of fractions (0.5, 1.5), not by the fractions (0.5, 1)",
        ),
        "SmoothGradCAMpp": Counterpart(
            "smoothgradcam++",
            {"samples": 4},
            cause="the gradient of the last noisy sample alone is weighted, and the noise is drawn without a seed",
        ),
    },
    "pytorch-grad-cam": {
        "GradCAMPlusPlus": Counterpart(
            "gradcam++", cause="an epsilon of 1e-6 is added to the denominator, which may be smaller"
        ),
        "RefineCAM": Counterpart(
            "refinecam",
            cause="its base method is GradCAMPlusPlus, with an epsilon in the denominator, and it multiplies maps at "
            "the image's size, not at the finest stage's",
        ),
        "ScoreCAM": Counterpart(
            "scorecam",
            {"variant": "pytorch-grad-cam"},
            cause="masks are upsampled with align_corners=True and normalised after it",
        ),
        "AblationCAM": Counterpart("ablationcam", cause="a channel is set to the batch's minimum less 1e7, not to 0"),
        "FullGrad": Counterpart("fullgrad", cause="each channel is min-max normalised, in the paper each layer"),
        "EigenCAM": Counterpart("eigencam", {"centered": True}),
        "EigenGradCAM": Counterpart("eigengradcam", {"centered": True}),
        "FEM": Counterpart("fem", {"variant": "pytorch-grad-cam"}),
        "FinerCAM": Counterpart(
            "finercam",
            {"weights": "probability", "gamma": 1.0},
            cause="an epsilon of 1e-9 is added to the other classes' probability, which a sure network leaves smaller",
            one_class=True,
            note="it explains one class per call, so that it is given one image at a time",
        ),
        "GuidedBackpropReLUModel": Counterpart(
            "guidedbackprop", cause="it replaces modules, so that a ReLU that is a function in forward is not guided"
        ),
        "SESS": Counterpart(
            "sess",
            {"scales": 3},
            {"num_scales": 3},
            bound=1e-2,
            note="a pixel counts in a window whose map is above 0 there, and near 0 rounding decides it",
        ),
        "RandomCAM": Counterpart(note="a control: random weights of the channels"),
    },
    "captum": {
        "Saliency": Counterpart("saliency", note="the largest magnitude among channels"),
        "InputXGradient": Counterpart("inputxgradient", SIGNED, SIGNED),
        "IntegratedGradients": Counterpart("integratedgradients", {**SIGNED, "steps": 8}, {**SIGNED, **_EIGHT}),
        "GuidedBackprop": Counterpart("guidedbackprop", note="the largest magnitude among channels"),
        "GuidedGradCam": Counterpart(
            "guidedgradcam",
            arguments={"interpolate_mode": "bilinear"},
            note="the largest magnitude among channels; Grad-CAM is upsampled bilinearly, where nearest is the default",
        ),
        "DeepLift": Counterpart("deeplift", SIGNED, SIGNED),
        "GradientShap": Counterpart(
            "gradientshap", {**SIGNED, "samples": 5}, SIGNED, "other random points on the way to the baseline, no noise"
        ),
        "LRP": Counterpart("lrp", SIGNED, SIGNED, bound=1e-2, note="benchbench computes it in float64"),
        "Occlusion": Counterpart(
            "occlusion", {**SIGNED, "window": 16, "stride": 16}, {**SIGNED, "window": 16, "stride": 16}
        ),
        "LayerGradCam": Counterpart("gradcam"),
        "LayerGradientXActivation": Counterpart("hirescam", {"rectified": False}, SIGNED),
        "FeatureAblation": Counterpart(arguments=_SQUARES),
        "KernelShap": Counterpart(arguments=_SQUARES),
        "Lime": Counterpart(arguments=_SQUARES),
        "ShapleyValueSampling": Counterpart(arguments={**_SQUARES, "n_samples": 2}),
    },
}


def counterpart_of(prefix: str, name: str) -> Counterpart:
    """The known counterpart of a library's method, or benchbench's method of the same name, or none.

    Args:
        prefix: of the library's methods.
        name: of the method, as the library spells it.
    """
    ours = METHODS.load()
    alike = next((method for method in ours if folded(method) == folded(name)), "")
    known = KNOWN.get(prefix, {}).get(name)
    if known is None:
        return Counterpart(alike)
    if known.method not in ours:
        return replace(known, method="", apart=alike)
    return known
