"""What agrees with other libraries, what differs on purpose, and by how much: docs/conformance.md.

Run as ``make conformance``; the page is tested to hold these rows and verdicts.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .peers import (
    Peer,
    authors_idg,
    captum_layer_gradcam,
    captum_pixels,
    grad_cam,
    grad_cam_sess,
    pair_saliency,
    pair_xrai,
    torch_cam,
)
from .test_oracles import NETWORKS, classes_of, examples, not_in_place, ours, ours_double

PAGE = Path(__file__).parent.parent.parent / "docs" / "conformance.md"
SIDE, LEAST = 96, 1e-3
LAYERS = tuple((network, layer) for network, layers in NETWORKS.items() for layer in layers)
PLAIN = (("vgg11_bn", "features.13"), ("vgg11_bn", "features.27"))
SOME = (("resnet18", "layer4"), ("mobilenet_v3_large", "features.12"), *PLAIN)
PIXELS = tuple((network, "input") for network in NETWORKS)
FEW = (("mobilenet_v3_large", "features.3"),)
SIGNED = {"sign": "signed"}
PGC, TORCHCAM = {"variant": "pytorch-grad-cam"}, {"variant": "torchcam"}
SHIFTED = "points that follow the slope and shift towards the baseline; ours are equidistant, with exact slopes"
MIDDLE = {"n_steps": 8, "method": "riemann_middle"}
PEERS = ("grad-cam", "torchcam", "captum", "saliency")
SQUARES, WINDOWS = {"window": 32, "stride": 32}, {"sliding_window_shapes": (3, 32, 32), "strides": (3, 32, 32)}


@dataclass(frozen=True)
class Row:
    """A method beside a peer's.

    Attributes:
        differs: why it does on purpose; empty where the two agree to ``bound``.
        double: the network and the images are float64 for both. A path that follows the smallest gradients takes
            another way after one bit: in float32 two machines, or two sizes of a batch, give two maps.
    """

    method: str
    peer: str
    compute: Peer
    places: tuple[tuple[str, str], ...] = LAYERS
    params: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""
    bound: float = 1e-4
    either_sign: bool = False
    double: bool = False

    @property
    def label(self) -> str:
        arguments = ", ".join(f"{name}={str(value).lower()}" for name, value in self.params.items())
        return f"{self.method}({arguments})" if arguments else self.method

    @property
    def verdict(self) -> str:
        return "differs" if self.differs else "agrees"


def _pgc(method: str, kind: str, **more: Any) -> Row:
    return Row(method, f"pytorch-grad-cam {kind}", grad_cam(kind), **more)


def _torchcam(method: str, kind: str, **more: Any) -> Row:
    return Row(method, f"torch-cam {kind}", torch_cam(kind), **more)


def _pair(method: str, kind: str, named: Mapping[str, Any], **params: Any) -> Row:
    compute = pair_saliency(kind, **named)
    return Row(method, f"saliency {kind}", compute, PIXELS[:2], {**SIGNED, **params}, double=True)


def _xrai(peer: str, *, attributed: bool, differs: str = "") -> Row:
    return Row("xrai", peer, pair_xrai(4, attributed=attributed), PIXELS[:2], {"steps": 4, "side": 64}, differs)


def _captum(method: str, kind: str, reduce: str = "sum", places: Any = PIXELS, named: Any = None, **more: Any) -> Row:
    return Row(method, f"captum {kind}", captum_pixels(kind, reduce, **(named or {})), places, **more)


ROWS = (
    _pgc("gradcam", "GradCAM"),
    _pgc("layercam", "LayerCAM"),
    _pgc("xgradcam", "XGradCAM"),
    _pgc("hirescam", "HiResCAM"),
    _pgc("gradcam-elementwise", "GradCAMElementWise"),
    _pgc("eigencam", "EigenCAM", params={"centered": True}, either_sign=True),
    _pgc("eigengradcam", "EigenGradCAM", params={"centered": True}, either_sign=True),
    _pgc("kpcacam", "KPCA_CAM", either_sign=True),
    _pgc("fem", "FEM", params={"variant": "pytorch-grad-cam"}),
    _pgc("fem", "FEM", differs="it sums activations; the paper sums binary maps weighted by the channels' means"),
    _pgc("shapleycam", "ShapleyCAM", places=(("resnet18", "layer4"), *PLAIN)),
    _pgc("gradcam++", "GradCAMPlusPlus", differs="an epsilon of 1e-6 in the denominator, which may exceed it"),
    _pgc("scorecam", "ScoreCAM", places=FEW, params=PGC, differs="masks upsampled with align_corners=True"),
    _pgc("fullgrad", "FullGrad", places=PIXELS[:2], differs="min-max by channel, in the original by layer"),
    _torchcam("gradcam", "GradCAM"),
    _torchcam("layercam", "LayerCAM"),
    _torchcam("xgradcam", "XGradCAM"),
    _torchcam("gradcam++", "GradCAMpp", differs="its division edits a copy: its weights are the sum of g^2 ReLU(g)"),
    _torchcam("scorecam", "ScoreCAM", places=FEW, params=TORCHCAM, differs="masks normalised, then upsampled"),
    _torchcam("iscam", "ISCAM", places=FEW, params={"score": "logit"}, differs="masks grow to 5.5 times"),
    _torchcam("smoothgradcam++", "SmoothGradCAMpp", places=SOME, differs="the last noisy sample's gradient; unseeded"),
    Row("gradcam", "captum LayerGradCam", captum_layer_gradcam),
    _captum("saliency", "Saliency", "largest"),
    _captum("inputxgradient", "InputXGradient", params=SIGNED),
    _captum("integratedgradients", "IntegratedGradients", params={**SIGNED, "steps": 8}, named=MIDDLE, bound=1e-2),
    _captum("guidedbackprop", "GuidedBackprop", "largest", places=PIXELS[1:2]),
    _captum("lrp", "LRP", places=PIXELS[1:2], params=SIGNED, named={"double": True}, bound=1e-3),
    Row("sess", "pytorch-grad-cam SESS", grad_cam_sess(2), PLAIN, {"scales": 2}),
    _pair("guidedig", "GuidedIG", {"x_steps": 8}, steps=8),
    _pair("blurig", "BlurIG", {"steps": 8}, steps=8),
    _xrai("saliency XRAI of captum's integrated gradients", attributed=True),
    _xrai("saliency XRAI", attributed=False, differs="its integrated gradients count both ends of the way"),
    Row("idg", "the authors' steps", authors_idg(16), PIXELS[:2], {**SIGNED, "steps": 16}, differs=SHIFTED),
    _captum("occlusion", "Occlusion", places=PIXELS[:2], params={**SIGNED, **SQUARES}, named=WINDOWS),
)

OTHERWISE = (  # methods of later papers without a row, what they are tested against, and the file of the tests
    (("winsorcam",), "loops over the convolutions; pytorch-grad-cam 1.5.7 has none", "enhanced"),
    (("lowpass",), "sums of the waves that are kept, one by one", "enhanced"),
    (("vargrad", "squaregrad"), "loops with the same noise", "paths"),
    (("expectedgradients",), "closed forms on linear and quadratic networks, a loop", "expected_gradients"),
    (("lime", "kernelshap"), "closed forms, all coalitions, captum beside them", "superpixels"),
    (("sobol", "hsic"), "closed forms, loops", "sensitivity"),
    (("attnlrp", "libragrad"), "relevance written out rule by rule, sums that are the logit", "attention_rules"),
    (("tis",), "the authors' steps written out", "tis"),
    (("vitcx",), "the authors' steps written out, clusters merged one pair at a time", "vitcx"),
)


def unit(maps: Tensor) -> Tensor:
    """(B, H, W) at the images' size, in 0 .. 1."""
    large = F.interpolate(maps.detach().double()[:, None], SIDE, mode="bilinear", align_corners=False)[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return (large - low) / torch.where(high > low, high - low, 1)


def difference(row: Row, network: str, layer: str) -> float:
    """The largest difference of the two maps, upsampled and min-max normalised per image.

    pytorch-grad-cam keeps the positive part of its maps and normalises them before it upsamples: so are ours beside it.
    """
    images = examples()
    classes, peer_network = classes_of(network, images), not_in_place(network)
    if row.double:
        images, peer_network = images.double(), peer_network.double()
        maps = ours_double(row.method, network, layer, images, **row.params)
    else:
        maps = ours(row.method, network, layer, images, **row.params)
    peer_maps = row.compute(peer_network, layer, images, classes)
    candidates = [maps, -maps] if row.either_sign else [maps]
    if row.peer.startswith("pytorch-grad-cam"):
        candidates = [each.clamp_min(0) for each in candidates]
    elif row.peer.startswith("torch-cam"):
        peer_maps = peer_maps.clamp_min(0)
    expected = unit(peer_maps)
    differences = torch.stack([(unit(each) - expected).abs().amax((1, 2)) for each in candidates])
    return float(differences.amin(0).max())


def cells(row: Row, network: str, layer: str) -> list[str]:
    """A line of the page, without its number."""
    return [f"`{row.label}`", row.peer, network, layer, row.verdict, row.differs]


def otherwise() -> list[str]:
    """The lines of the methods that are tested in another way."""
    listed = [(file, ", ".join(f"`{name}`" for name in names), against) for names, against, file in OTHERWISE]
    return [f"| test_{file}.py | {names} | {against} |" for file, names, against in listed]


def page() -> str:
    """The page's text."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PEERS)
    introduction = (
        "Which methods give another library's maps, and which do not, and why: the largest difference of two maps in "
        "0 .. 1, at the images' size, on two images and torchvision's networks made narrow (an eighth of the channels, "
        "few blocks), with random weights. "
        "For Eigen-CAM, Eigen-Grad-CAM and KPCA-CAM the map is compared under both signs, because the library leaves "
        'the sign open: "agrees" means equal up to the sign. '
        "Guided IG and Blur IG are compared in float64: in float32 one rounded bit sends Guided IG's path elsewhere. "
        f"Compared with {versions}; written by `make conformance`, and tested."
    )
    head = ["method", "peer", "network", "layer", "verdict", "why", "largest difference"]
    lines = ["# Conformance", "", introduction, "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in ROWS:
        for network, layer in row.places:
            lines.append(f"| {' | '.join(cells(row, network, layer))} | {difference(row, network, layer):.0e} |")
    lines += ["", "## Methods tested otherwise", "", "Methods of later papers that have no row above.", ""]
    lines += ["| tests in tests/methods | methods | tested against |", "|---|---|---|", *otherwise()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
