"""Tables of docs/performance.md: deletion and insertion of given maps, and a whole study."""

from __future__ import annotations

from typing import Any

import benchbench

from . import judges, ours, peers
from .ours import FOUR, MAPS, STEPS, curves, maps_of, pictures, probes, study
from .scenes import BARE, BARE_GRADIENT, EAGER, ONCE, SIZE, Case, Row, Scene, forwards

BOTH = ("deletion", "insertion")
# RISE's 28 steps, in pixels; and Quantus's nearest, as it takes channel elements and only counts that divide the pixels
PROTOCOL_STEP, NEAREST_STEP = SIZE * SIZE // STEPS, SIZE * SIZE // 8
A_PICTURE = {"resnet18": 0.7, "resnet50": 0.85, "mobilenet_v2": 0.5}  # eager forwards: item 3
POINTS = 3 * SIZE * SIZE


def _curve(key: str, title: str, names: tuple[str, ...], distinct: int = MAPS, each: float | None = None) -> Row:
    def floor(scene: Scene, _result: Any) -> dict[str, float]:
        return forwards(scene, pictures(scene, probes(*names), distinct))

    return Row(
        key,
        title,
        "ours",
        lambda s: curves(s, probes(*names), distinct),
        floor=floor,
        points=MAPS * len(names) * (STEPS + 1),
        each=each,
        **ONCE,
    )


def deletion_case(network: str, *, beside_peers: bool = True) -> Case:
    base = (
        EAGER,
        BARE,
        _curve("ours", "benchbench, eight different maps", BOTH, each=A_PICTURE[network]),
        _curve("ours equal", "benchbench, four of the eight maps equal", BOTH, distinct=5),
        _curve("ours deletion", "benchbench, deletion alone", ("deletion",)),
    )
    rows = base + (_curve_peers() if beside_peers else ())
    text = (
        "Both curves of 28 steps for eight maps of each image; peers do not look for equal maps, so their rows serve "
        "for both cases of ours."
    )
    return Case(f"curves-{network}", "Deletion and insertion of eight maps", network, 2, (), rows, text)


def _curve_peers() -> tuple[Row, ...]:
    return (
        Row(
            "torch-cam",
            "torch-cam, DeletionInsertionMetric",
            "peer",
            judges.torch_cam_curves,
            beside="ours",
            goal=1.5,
            also=(("ours equal", None),),
            points=MAPS * 2 * (STEPS + 1),
            agree=judges.same_areas(1e-4, deletion_only=True),
            note="one update for each map; insertion starts from zeros, ours from RISE's blur; 28 steps in both.",
            **ONCE,
        ),
        Row(
            "rise",
            "RISE's loop, re-written plainly",
            "peer",
            judges.rise_loop,
            beside="ours",
            goal=5,
            also=(("ours equal", None),),
            points=MAPS * 2 * (STEPS + 1),
            agree=judges.same_areas(1e-2),
            note="one image and one map at a time, pixels exchanged in numpy, a forward of one image for each step.",
            **ONCE,
        ),
        *(_quantus(step) for step in (PROTOCOL_STEP, NEAREST_STEP)),
    )


def _quantus(step: int) -> Row:
    points = POINTS // step
    return Row(
        f"quantus {points}",
        f"Quantus, PixelFlipping, {step:,} features in a step",
        "peer",
        lambda s: judges.quantus_flipping(s, step, lambda: maps_of(s)),
        beside="ours deletion",
        goal=5,
        # of the protocol's steps the curve is what counts, however many points Quantus takes for it
        points=MAPS * (STEPS + 1 if step == PROTOCOL_STEP else points),
        **ONCE,
        agree=judges.same_flipping(0.1),
        note="deletion only, beside our deletion alone. It removes channel elements one by one, not pixels: "
        + (
            f"with the protocol's step of {step:,} a curve takes {points} forwards; compared curve by curve."
            if step == PROTOCOL_STEP
            else f"with {step:,} elements, the nearest to 28 steps that it accepts, a curve has {points} points; "
            "compared point by point."
        ),
    )


def _study_floor(scene: Scene, run: benchbench.Run) -> dict[str, float]:
    """The forwards that the run counted; the capture's are in the bare forward and backward."""
    counted = int(run.record.info["work"]["forwards"])
    return {**forwards(scene, counted - scene.case.images), "bare gradient": 1}


def study_case() -> Case:
    rows = (
        EAGER,
        BARE,
        BARE_GRADIENT,
        Row("ours", "benchbench, 4 gradient methods", "ours", lambda s: study(s, FOUR), floor=_study_floor, **ONCE),
        Row(
            "ours scorecam",
            "benchbench, the same and Score-CAM",
            "ours",
            lambda s: study(s, [*FOUR, "scorecam"]),
            floor=_study_floor,
            **ONCE,
        ),
        Row("report", "benchbench, the report page on top", "ours", ours.report, **ONCE),
        *_study_parts(),
        *_composed(),
    )
    return Case("study", "A whole study", "resnet18", 16, ("layer3", "layer4"), rows)


def _study_parts() -> tuple[Row, ...]:
    """The composed study's parts, which performance.py adds up."""
    share = 4  # two of the eight maps are scored, as the cost is linear in them

    def some(scene: Scene) -> Any:
        return lambda: maps_of(scene)[: MAPS // share]

    def part(key: str, make: Any, times: float = share) -> Row:
        return Row(key, key, "part", make, times=times, **ONCE)

    return (
        part("maps", lambda s: peers.pytorch_grad_cam(s, FOUR), 1),
        part("masked maps", lambda s: peers.pytorch_grad_cam(s, ["scorecam"], images=2), 8),
        part("insertion", lambda s: judges.batched_insertion(s, some(s))),
        part("drop", lambda s: judges.drop_and_increase(s, some(s))),
        part("deletion 84", lambda s: judges.quantus_flipping(s, PROTOCOL_STEP, some(s))),
        part("deletion 24", lambda s: judges.quantus_flipping(s, NEAREST_STEP, some(s))),
    )


def _composed() -> tuple[Row, ...]:
    """The study as pytorch-grad-cam and Quantus do it: the sum of the parts; with Score-CAM ten maps, not eight."""
    note = (
        "maps by pytorch-grad-cam; deletion by Quantus's PixelFlipping; average drop and increase by "
        "pytorch-grad-cam's metrics, each by itself, and average gain from its change of confidence; insertion "
        "by plain code that scores 16 images at a time, as neither has it. "
    )
    scaled = "Metrics were run on two of the maps and multiplied; Score-CAM's maps on 2 of the 16 images."
    rows = []
    for deletion, step in (("84", "the protocol's step"), ("24", "24 points, the nearest it accepts")):
        scored = ("insertion", "drop", f"deletion {deletion}")
        rows.append(
            Row(
                f"composed {deletion}",
                f"pytorch-grad-cam + Quantus ({step}), 4 gradient methods",
                "sum",
                beside="ours",
                goal=5,
                parts=(("maps", 1.0), *((name, 1.0) for name in scored)),
                note=note + scaled if deletion == "84" else "as above, with fewer points a curve than asked for.",
            )
        )
        rows.append(
            Row(
                f"composed {deletion} scorecam",
                f"pytorch-grad-cam + Quantus ({step}), the same and Score-CAM",
                "sum",
                beside="ours scorecam",
                goal=1.8,
                parts=(("maps", 1.0), ("masked maps", 1.0), *((name, 1.25) for name in scored)),
                note="as above, with two more maps for each image.",
            )
        )
    return tuple(rows)
