"""Which method of benchbench a library's method is compared with, under which parameters, and why maps differ.

A pair stands in the table, or there is none: two methods of one name may reduce the channels in other ways, and their
difference would accuse the library of nothing but its name. Each cause was seen in the library's code, at the version
that known_faults.py names, and by running it beside the method's closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from torch import Tensor, nn

from ..errors import folded
from ..registry import METHODS
from .audit_place import AuditPlace
from .library_formulas import (
    epsilon_in_the_denominator,
    masks_normalised_first,
    masks_with_aligned_corners,
    undivided_weights,
)

Formula: TypeAlias = Callable[[nn.Module, AuditPlace, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Counterpart:
    """The method of benchbench that a library's method is compared with.

    Attributes:
        method: its name; empty if there is none.
        params: with which it has the library's convention.
        arguments: of the library's method, if its defaults are not taken.
        cause: why the maps are known to differ; empty if the library's known fault says it, or they are to agree.
        formula: the library's formula as the cause has it, from a network that may be spoiled, a place, images and
            classes to maps (B, h, w): where it gives the library's maps, the cause is proven. None: not written out.
        bound: the largest difference of two maps in 0 .. 1 that counts as agreement.
        one_class: whether the library explains one class per call, so that images are given one at a time.
        note: a convention that the parameters stand for.
        apart: benchbench's method of the same name, if the two are not compared.
        stated: whether the table says of the method what it is compared with, be it nothing.
    """

    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    formula: Formula | None = None
    bound: float = 1e-4
    one_class: bool = False
    note: str = ""
    apart: str = ""
    stated: bool = True


SIGNED = {"sign": "signed"}
_EIGHT = {"n_steps": 8, "method": "riemann_middle"}
_SQUARES = {"grid": 4}  # a side: a pass for each square
_PATCHES = {"patch_size": 16, "patch_stride": 16, "occlusion_value": 0.0}


def _same(**ours: str) -> dict[str, Counterpart]:
    """Methods of a library that are those of benchbench, with every default."""
    return {name: Counterpart(method) for name, method in ours.items()}


def _none(*names: str) -> dict[str, Counterpart]:
    """Methods of a library that benchbench does not have."""
    return dict.fromkeys(names, Counterpart())


KNOWN: dict[str, dict[str, Counterpart]] = {
    "torchcam": {
        **_same(CAM="cam", FinerCAM="finercam", GradCAM="gradcam", LayerCAM="layercam", LeGrad="legrad"),
        **_same(XGradCAM="xgradcam"),
        "GradCAMpp": Counterpart(
            "gradcam++",
            cause="division missing: it edits a copy, so that the weights are the sum of g^2 ReLU(g)",
            formula=undivided_weights,
        ),
        "RefineCAM": Counterpart("refinecam", cause="its base method is GradCAMpp, whose division is missing"),
        "ScoreCAM": Counterpart(
            "scorecam",
            {"variant": "torchcam"},
            cause="masks are normalised before they are upsampled, not after",
            formula=masks_normalised_first,
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
        **_same(GradCAM="gradcam", GradCAMElementWise="gradcam-elementwise", HiResCAM="hirescam", KPCA_CAM="kpcacam"),
        **_same(LayerCAM="layercam", ShapleyCAM="shapleycam", XGradCAM="xgradcam"),
        **_none("SegEigenCAM"),
        "GradCAMPlusPlus": Counterpart(
            "gradcam++",
            cause="an epsilon of 1e-6 is added to the denominator, which may be smaller",
            formula=epsilon_in_the_denominator,
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
            formula=masks_with_aligned_corners,
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
        **_none("Deconvolution", "DeepLiftShap", "NoiseTunnel", "InternalInfluence", "LayerActivation"),
        **_none("LayerConductance", "LayerDeepLift", "LayerDeepLiftShap", "LayerFeatureAblation", "LayerGradientShap"),
        **_none("LayerIntegratedGradients", "LayerLRP"),
        "FeatureAblation": Counterpart(arguments=_SQUARES),
        "KernelShap": Counterpart(arguments=_SQUARES),
        "Lime": Counterpart(arguments=_SQUARES),
        "ShapleyValueSampling": Counterpart(arguments={**_SQUARES, "n_samples": 2}),
    },
    "zennit": {
        **_none("DeconvNet", "EpsilonAlpha2Beta1", "EpsilonAlpha2Beta1Flat", "EpsilonPlus", "EpsilonPlusFlat"),
        **_none("ExcitationBackprop"),
        "EpsilonGammaBox": Counterpart(arguments={"low": -3.0, "high": 3.0}),
        "GuidedBackprop": Counterpart("guidedbackprop", note="the largest magnitude among channels"),
    },
    "xplique-torch": {
        "Saliency": Counterpart("saliency", note="the largest magnitude among channels"),
        "Occlusion": Counterpart("occlusion", {**SIGNED, "window": 16, "stride": 16}, _PATCHES),
    },
}


def counterpart_of(prefix: str, name: str) -> Counterpart:
    """The counterpart that the table states; no method is compared with another because of its name.

    Args:
        prefix: of the library's methods.
        name: of the method, as the library spells it.
    """
    ours = METHODS.load()
    alike = next((method for method in ours if folded(method) == folded(name)), "")
    known = KNOWN.get(prefix, {}).get(name)
    if known is None:
        return Counterpart(apart=alike, stated=False)
    if known.method not in ours:
        return replace(known, method="", apart=alike)
    return known
