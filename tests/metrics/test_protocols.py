"""Every named protocol of deletion, insertion and ROAD against its source's rule, re-stated at 224 x 224 pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchcam.metrics import DeletionInsertionMetric
from torchvision.transforms import GaussianBlur

from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import saliency
from benchbench.metrics._removal_protocols import area, shares
from benchbench.network.reference_batch import pixels_of
from benchbench.network.scorer import Scorer, TargetScores
from benchbench.perturbation.apply_probe import above
from benchbench.perturbation.fills import FILLS
from benchbench.registry import METRICS
from benchbench.study.spec import read_metric
from benchbench.types import Pixels, Preprocess, Seen
from benchbench.types.batch import ImageBatch
from benchbench.types.probes import Above, Whole, canonical

from ..perturbation.test_imputation import solved
from .plain import blurred

SIDE = 224
N = SIDE * SIDE
Array = np.ndarray
Scene = tuple[nn.Module, Pixels, Tensor, Tensor]


class Glance(nn.Module):
    """Cheap, and not linear: means over coarse cells, then a small head."""

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.pool, self.body, self.head = nn.AvgPool2d(side // 16), nn.Linear(3 * 256, 16), nn.Linear(16, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(2 * self.body(self.pool(images).flatten(1))))
        return 3 * logits


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(SIDE)


def scene_of(side: int) -> Scene:
    """A network, two images, their maps of 14 x 14 cells, and targets."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = Glance(side).eval()
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn(2, 3, 16, 16, generator=generator)
    images = nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    maps = torch.rand(2, 14, 14, generator=generator)
    chunk = ImageBatch(("a", "b"), images, (None, None), None, ("", ""))
    with torch.no_grad():
        targets = network(images).argmax(1)
    return network, pixels_of(chunk, 0, Preprocess()), maps, targets


def engine(label: str, network: nn.Module, pixels: Pixels, maps: Tensor, targets: Tensor) -> list[float]:
    choice = read_metric(label)
    assert choice.plugin.probes is not None
    probes = list(choice.plugin.probes(**choice.params))
    scores_by_probe = score_probes(Scorer(network, 64), pixels, targets, [maps], [Whole(), *probes])
    stacked = TargetScores.stack([scores_by_probe[canonical(p)][0] for p in probes])
    whole = scores_by_probe[Whole()][0]
    answers = (
        stacked.probability,
        stacked.logit,
        stacked.correct,
        whole.probability,
        whole.logit,
        saliency(maps, pixels.size),
    )
    seen = Seen(*answers, None, maps, pixels)
    return [float(v) for v in torch.as_tensor(choice.plugin.function(seen, **choice.params).value)]


class Plain:
    """One image under one map: pictures by masks, scores by the network, all in numpy."""

    def __init__(self, network: nn.Module, pixels: Pixels, maps: Tensor, targets: Tensor, i: int) -> None:
        self.network, self.pixels, self.i, self.target = network, pixels, i, int(targets[i])
        self.image = pixels.images[i].double().numpy()
        self.map = saliency(maps, pixels.size)[i].double().numpy()
        self.order = np.argsort(-self.map.ravel(), kind="stable")

    def score(self, picture: Array, logit: bool = False) -> float:
        with torch.no_grad():
            z = self.network(torch.from_numpy(picture)[None].float())[0].double()
        return float(z[self.target] if logit else z.softmax(0)[self.target])

    def mask(self, count: int) -> Array:
        chosen = np.zeros(N, bool)
        chosen[self.order[:count]] = True
        return chosen.reshape(SIDE, SIDE)

    def scores(self, masks: Iterator[Array], fill: Array, logit: bool = False) -> list[float]:
        return [self.score(np.where(mask, fill, self.image), logit) for mask in masks]


def both(plain: Plain, counts: list[int], fill: Array, insert: bool, logit: bool = False) -> list[float]:
    return plain.scores((~plain.mask(c) if insert else plain.mask(c) for c in counts), fill, logit)


def trapezoid(y: list[float], x: list[float]) -> float:
    return sum((x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2 for i in range(len(y) - 1))


def rise(steps: int) -> Callable[[Plain, bool], float]:
    def rule(plain: Plain, insert: bool) -> float:
        counts = [k * N // steps for k in range(steps + 1)]
        y = both(plain, counts, blurred(plain.image) if insert else 0 * plain.image, insert)
        return (sum(y) - y[0] / 2 - y[-1] / 2) / steps

    return rule


def torchcam(plain: Plain, insert: bool) -> float:
    counts = [*range(0, N, 2509), N]
    y = both(plain, counts, 0 * plain.image, insert, logit=True)
    return trapezoid(y, [c / N for c in counts])


def latec(plain: Plain, insert: bool) -> float:
    counts = list(range(50, N - 1, 50))
    assert len(counts) == 1003
    blur = GaussianBlur(15, 5.0)(torch.from_numpy(plain.image)).numpy()
    y = both(plain, counts, blur if insert else 0 * plain.image, insert)
    return trapezoid(y, [k / 1003 for k in range(1003)])


def xplique(plain: Plain, insert: bool) -> float:
    counts = [int(c) for c in np.linspace(0, N, 11).astype(np.int32)]
    y = both(plain, counts, 0 * plain.image, insert, logit=True)
    return float(np.mean([(a + b) / 2 for a, b in zip(y[1:], y[:-1], strict=True)]))


def interpretdl(plain: Plain, insert: bool) -> float:
    pixels = plain.pixels
    grey = ((127 / 255 - pixels.mean) / pixels.std).double().numpy()[:, None, None] + 0 * plain.image
    levels = [np.percentile(plain.map, p) for p in range(95, -1, -5)]
    y = plain.scores((~(plain.map > t) if insert else plain.map > t for t in levels), grey)
    return float(np.mean([*y, plain.score(plain.image)]))


def pnpxai(plain: Plain, insert: bool) -> float:
    assert not insert
    counts = [k * (N // 10) for k in range(9)] + [N]
    return float(np.mean(both(plain, counts, 0 * plain.image, insert)))


def mindspore(plain: Plain, insert: bool) -> float:
    counts = [112 * k for k in range(1, 225)]
    y = np.array(both(plain, counts, 0 * plain.image, insert))
    change = y - plain.score(0 * plain.image) if insert else plain.score(plain.image) - y
    middle = (change.sum() - change[0] - change[-1]) / len(change)
    return float((1 + middle) / 2 if insert else (1 + (1 - middle)) / 2)


RULES = {
    "rise-28": rise(28),
    "rise-224": rise(224),
    "torchcam-20": torchcam,
    "latec-50": latec,
    "xplique-10": xplique,
    "idl-20": interpretdl,
    "pnpxai-10": pnpxai,
    "mindspore-224": mindspore,
}
CASES = [
    (kind, name) for kind in ("deletion", "insertion") for name in RULES if (kind, name) != ("insertion", "pnpxai-10")
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_protocol_is_its_source_s_rule(kind: str, name: str, scene: Scene) -> None:
    values = engine(f"{kind}@{name}", *scene)
    for i in range(2):
        expected = RULES[name](Plain(*scene, i), kind == "insertion")
        assert values[i] == pytest.approx(expected, abs=2e-5)


def test_every_named_source_has_a_rule_here() -> None:
    for kind in ("deletion", "insertion"):
        named = {name for name in METRICS[kind].protocols if not name.startswith("rise-28-")}
        assert named == {name for k, name in CASES if k == kind}


def test_the_same_curve_is_another_number_under_each_rule(scene: Scene) -> None:
    """What a number means without its protocol: one falling curve, at each source's own points."""

    def of(source: str, steps: int) -> float:
        x = torch.tensor(shares(source, steps), dtype=torch.float64)  # type: ignore[arg-type]
        return float(area(source, x, (-9 * x).exp()[None]))  # type: ignore[arg-type]

    areas = {
        name: of(*name) for name in [("rise", 224), ("rise", 10), ("latec", 1003), ("interpretdl", 20), ("pnpxai", 10)]
    }
    assert areas["rise", 224] == pytest.approx((1 - np.exp(-9)) / 9, abs=1e-4)
    assert (
        areas["latec", 1003] < areas["rise", 224] < areas["rise", 10] < areas["interpretdl", 20] < areas["pnpxai", 10]
    )
    assert areas["pnpxai", 10] > 1.4 * areas["rise", 224]


@pytest.mark.parametrize("name", ["pgc", "pgc-9"])
def test_road_as_pytorch_grad_cam_has_it(name: str) -> None:
    """The noise of the engine's seeds; its thresholds, by numpy's percentiles. Of 112 x 112 pixels, as each picture is
    a sparse system solved directly.
    """
    scene = scene_of(112)
    scores, percents = engine(f"road@{name}", *scene), (20, 40, 60, 80) if name == "pgc" else range(10, 100, 10)
    for i in range(2):
        plain = Plain(*scene, i)
        noise = FILLS["noisy-linear-normalised"](scene[1])[i].double().numpy()

        def left(values: Array, percent: int, plain: Plain = plain, noise: Array = noise) -> float:
            hidden = ~(values < np.percentile(values, percent))
            return plain.score(np.where(hidden, solved(plain.image, hidden) + noise, plain.image))

        gap = np.mean([left(1 - plain.map, p) - left(plain.map, p) for p in percents])
        assert scores[i] == pytest.approx(gap / 2, abs=1e-3)
    assert np.ptp(scores) > 1e-3


def test_percentiles_and_ties() -> None:
    maps = torch.tensor([[[0.0, 0.5], [0.5, 1.0]]])
    assert above(Above(50), maps)[0].tolist() == [[False, False], [False, True]], "strict: ties stay"
    assert above(Above(50, strict=False), maps)[0].tolist() == [[False, True], [True, True]]
    assert above(Above(50, keep=True), maps)[0].tolist() == [[True, True], [True, False]]
    assert above(Above(50, order="least"), maps)[0].tolist() == [[True, False], [False, False]]
    constant = torch.zeros(1, 2, 2)
    assert not above(Above(5), constant).any(), "a constant map has nothing above any percentile"
    assert above(Above(5, strict=False), constant).all()


class FixedMaps:
    """What torch-cam's metric asks of an extractor, with maps that are there already."""

    def __init__(self, network: nn.Module, maps: Tensor) -> None:
        self.model, self.maps = network, maps
        self._hooks_enabled = True

    def __call__(self, *_: object, **__: object) -> list[Tensor]:
        return [self.maps]

    def fuse_cams(self, maps: list[Tensor]) -> Tensor:
        return maps[0]

    def _hooks_off(self) -> torch.no_grad:
        return torch.no_grad()


def test_torchcam_itself(scene: Scene) -> None:
    """Its own metric on the same maps, whose ties it orders as we do."""
    network, pixels, maps, targets = scene
    peer = DeletionInsertionMetric(FixedMaps(network, maps), None, steps=20)
    with torch.inference_mode():
        peer.update(pixels.images, targets.tolist())
    summary = peer.summary()
    assert np.mean(engine("deletion@torchcam-20", *scene)) == pytest.approx(summary["deletion_auc"], abs=1e-3)
    assert np.mean(engine("insertion@torchcam-20", *scene)) == pytest.approx(summary["insertion_auc"], abs=1e-3)
