"""The tables of docs/performance.md: their networks, rows and goals."""

from __future__ import annotations

from typing import Any

from . import ours, peers
from .evaluation import deletion_case, study_case
from .ours import FOUR, READY, gradient_maps, one_method
from .scenes import BARE, BARE_GRADIENT, EAGER, ONCE, Case, Row, Scene, forwards

STAGES = ("layer1", "layer2", "layer3", "layer4")


def _gradients() -> Case:
    def floor(_scene: Scene, _result: Any) -> dict[str, float]:
        return {"bare gradient": 1}

    scope = f"{len(READY)} methods x 4 layers"
    torchcam_note = "one extractor for each method, at all four layers together: a forward and a backward for each."
    rows = (
        EAGER,
        BARE_GRADIENT,
        Row("ours", f"benchbench, {scope}", "ours", lambda s: gradient_maps(s, READY), goal=3, floor=floor),
        Row(
            "ours upsampled",
            f"benchbench, {scope}, maps as large as the images",
            "ours",
            lambda s: gradient_maps(s, READY, upsampled=True),
            floor=floor,
        ),
        Row("ours four", "benchbench, torch-cam's 4 methods", "ours", lambda s: gradient_maps(s, FOUR), floor=floor),
        Row("ours one", "benchbench, Grad-CAM", "ours", lambda s: gradient_maps(s, FOUR[:1]), floor=floor),
        Row(
            "pytorch-grad-cam",
            f"pytorch-grad-cam, {scope}",
            "peer",
            lambda s: peers.pytorch_grad_cam(s, READY),
            beside="ours upsampled",
            goal=20,
            **ONCE,
            agree=peers.same_maps(["gradcam", "hirescam", "xgradcam", "layercam"], 1e-3),
            note="a forward and a backward for each method and layer, map arithmetic and the singular value "
            "decompositions in numpy; it always upsamples, so it stands beside our upsampled maps.",
        ),
        Row(
            "torch-cam",
            "torch-cam, its 4 methods",
            "peer",
            lambda s: peers.torch_cam(s, FOUR),
            beside="ours four",
            goal=4,
            agree=peers.same_maps(["gradcam", "xgradcam", "layercam"], 1e-4),
            note=torchcam_note + " Its Grad-CAM++ is another formula (see docs/definitions.md), at the same cost.",
        ),
        Row(
            "captum",
            "captum, LayerGradCam",
            "peer",
            peers.captum,
            beside="ours one",
            agree=peers.same_maps(["gradcam"], 1e-4),
            note="has Grad-CAM alone; a forward and a backward for each layer.",
        ),
    )
    return Case("gradient-methods", "Gradient methods at every stage", "resnet50", 8, STAGES, rows)


def _score_cam() -> Case:
    def floor(scene: Scene, _result: Any) -> dict[str, float]:
        return forwards(scene, ours.score_cam_forwards(scene))

    rows = (
        EAGER,
        BARE,
        Row(
            "ours",
            "benchbench",
            "ours",
            lambda s: one_method(s, "scorecam", variant="torchcam"),
            floor=floor,
            **ONCE,
        ),
        Row(
            "ours bf16",
            "benchbench, precision: bf16",
            "ours",
            lambda s: one_method(s, "scorecam", bf16=True, variant="torchcam"),
            **ONCE,
        ),
        Row(
            "pytorch-grad-cam",
            "pytorch-grad-cam",
            "peer",
            lambda s: peers.pytorch_grad_cam(s, ["scorecam"]),
            beside="ours",
            goal=1.5,
            also=(("ours bf16", 3.0),),
            agree=peers.alike_maps(0.95),
            note="all masked images of the batch are made at once; scores are read one by one.",
            **ONCE,
        ),
        Row(
            "torch-cam",
            "torch-cam",
            "peer",
            peers.torch_cam_scorecam,
            beside="ours",
            goal=1.5,
            also=(("ours bf16", 3.0),),
            agree=peers.alike_maps(0.95),
            note="masks are made batch by batch; dead channels are scored each.",
            **ONCE,
        ),
    )
    text = "Peers stand at about one eager forward for each channel and image, which no exact method can avoid."
    return Case("score-cam", "Score-CAM at the last stage", "resnet18", 2, STAGES[-1:], rows, text)


def _ablation(network: str) -> Case:
    images = 8
    rows = (
        EAGER,
        Row("bare head", "the network behind the layer on every channel", "floor", ours.bare_head),
        Row(
            "ours",
            "benchbench",
            "ours",
            lambda s: one_method(s, "ablationcam"),
            goal=5,
            floor=lambda _s, _f: {"bare head": 1},
        ),
        Row(
            "pytorch-grad-cam",
            f"pytorch-grad-cam, 1 image, times {images}",
            "peer",
            lambda s: peers.pytorch_grad_cam(s, ["ablationcam"], images=1),
            beside="ours",
            goal=100,
            **ONCE,
            times=images,
            agree=peers.same_maps(["ablationcam"], 1e-2),
            note="the whole network runs for each channel, up to the layer too; it goes image by image, so one image "
            f"was run and the time multiplied by {images}.",
        ),
    )
    return Case(f"ablation-cam-{network}", "Ablation-CAM at the last stage", network, images, STAGES[-1:], rows)


CASES = (
    _gradients(),
    _score_cam(),
    _ablation("resnet18"),
    _ablation("resnet50"),
    deletion_case("resnet18"),
    deletion_case("mobilenet_v2"),
    deletion_case("resnet50", beside_peers=False),
    study_case(),
)
