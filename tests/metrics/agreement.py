"""Which metrics give another library's numbers, which do not, and why: docs/metrics-conformance.md.

Run as ``make conformance``; the page is tested to hold these rows, verdicts and differences.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from captum.metrics import sensitivity_max
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torchcam.metrics import DeletionInsertionMetric

from benchbench.maps.similarity import levels, pearson, spearman, ssim
from benchbench.metrics._quantus_support import REFUSED
from benchbench.metrics.object_boxes import _every, _largest
from benchbench.perturbation.corruptions import noisy
from benchbench.perturbation.fills import FILLS
from benchbench.perturbation.imputation import impute
from benchbench.registry import METRICS
from benchbench.types import Pixels, Reexplained, Seen
from benchbench.types.views import Noisy

from ..helpers import pixels
from ..perturbation.test_imputation import picture, solved
from . import plain
from .planted_maps import Array, arrays, random_maps, random_masks, values
from .test_boxes import authors_boxes
from .test_information_curves import beside, drawn, package
from .test_protocols import FixedMaps, Glance, engine

quantus: Any = importlib.import_module("quantus")
skimage: Any = importlib.import_module("skimage.metrics")
sklearn: Any = importlib.import_module("sklearn.metrics")
PAGE = Path(__file__).parent.parent.parent / "docs" / "metrics-conformance.md"
LIBRARIES = (
    *("torchcam", "captum", "opencv-python-headless", "scikit-learn", "scikit-image", "scipy"),
    *("quantus", "saliency"),
)
LEAST = 1e-3
TIED, DISTINCT = slice(0, None, 2), slice(1, None, 2)  # of random_maps


@dataclass(frozen=True)
class Row:
    """A metric, or a part of one, beside a peer's. ``differs``: why it does on purpose; empty where they agree.

    ``difference``: the largest one. ``bound``: what it may be where the two agree.
    """

    metric: str
    peer: str
    on: str
    difference: Callable[[], float]
    bound: float
    differs: str = ""

    @property
    def cells(self) -> list[str]:
        """A line of the page, without its number."""
        return [f"`{self.metric}`", self.peer, self.on, "differs" if self.differs else "agrees", self.differs]


def largest(our_values: Any, peer_values: Any) -> float:
    first, second = (np.asarray(x, dtype=np.float64) for x in (our_values, peer_values))
    assert first.shape == second.shape
    assert np.ptp(first) > 1e-6 or first.size == 1, "values that are all alike test nothing"
    return float(np.abs(first - second).max())


def scene() -> tuple[nn.Module, Pixels, Tensor, Tensor]:
    """A network, two images of 224 pixels, their maps of 14 x 14 cells, and the classes."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = Glance().eval()
    generator = torch.Generator().manual_seed(1)
    images = nn.functional.interpolate(torch.randn(2, 3, 16, 16, generator=generator), size=(224, 224), mode="bilinear")
    maps = torch.rand(2, 14, 14, generator=generator)
    with torch.no_grad():
        return network, pixels(images), maps, network(images).argmax(1)


def torch_cam(label: str, key: str) -> Callable[[], float]:
    def difference() -> float:
        network, shown, maps, targets = scene()
        metric = DeletionInsertionMetric(FixedMaps(network, maps), None, steps=20)
        with torch.inference_mode():
            metric.update(shown.images, targets.tolist())
        return largest([np.mean(engine(label, network, shown, maps, targets))], [metric.summary()[key]])

    return difference


def learn(label: str, peer: Callable[..., Any]) -> Callable[[], float]:
    def difference() -> float:
        raw, masks = random_maps(), random_masks()
        pairs = zip(arrays(raw), masks.numpy(), strict=True)
        return largest(values(label, raw, masks), [peer(m.ravel(), s.ravel()) for s, m in pairs])

    return difference


def of_quantus(label: str, kind: Any, which: slice, factor: float = 1.0) -> Callable[[], float]:
    """With Quantus' own normalisation off: it would mix the images of a batch."""

    def difference() -> float:
        masks = random_masks(6, 40, 50)[which]
        raw = random_maps(6, 40, 50)[which] + (masks.float() if which == DISTINCT else 0)
        arguments = {"x_batch": np.zeros((len(raw), 3, 40, 50)), "a_batch": np.stack(arrays(raw))[:, None]}
        judge = kind(abs=False, normalise=False, disable_warnings=True, display_progressbar=False)
        if METRICS[label.partition("@")[0]].family == "localisation":
            arguments["s_batch"] = masks.numpy()[:, None]
        peer_values = np.ravel(judge.evaluate_batch(**arguments)).astype(float) * factor
        return largest(values(label, raw, masks), peer_values)

    return difference


def max_sensitivity() -> float:
    """Ours, and captum's, of the same gradients on the same noisy images."""
    network, shown, _, targets = scene()

    def gradients(images: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            x = images.detach().requires_grad_()
            logits = network(x).gather(1, classes[:, None]).sum()
            return torch.autograd.grad(logits, x)[0].abs().amax(1).detach()

    raw, blank = gradients(shown.images, targets), torch.zeros(2, 1)
    views = [Noisy(i, 0.02) for i in range(10)]
    drawn = {view: noisy(shown, view) for view in views}
    yes, nothing = torch.ones(2, dtype=torch.bool), torch.ones(2)
    again: dict[Any, Reexplained] = {
        view: Reexplained(gradients(x, targets), nothing, nothing, yes, nothing, ("",) * 2, ("ok",) * 2)
        for view, x in drawn.items()
    }
    whole = Seen(blank, blank, blank > 0, blank[:, 0], blank[:, 0], raw, None, raw, shown, again)
    our_values = METRICS["max_sensitivity"].function(whole, radius=0.02, samples=10).value
    peer_values = []
    for i in range(2):
        order = iter([drawn[view][i : i + 1] for view in views])
        peer_values.append(
            sensitivity_max(
                lambda x, i=i: (gradients(x if isinstance(x, Tensor) else x[0], targets[i : i + 1]),),
                shown.images[i : i + 1],
                lambda *_, order=order: next(order),
                n_perturb_samples=10,
                max_examples_per_batch=1,
            ).item()
        )
    return largest(our_values, peer_values)


def boxes(every: bool) -> float:
    """In pixels, over thresholds and maps; the largest component where there is one largest."""
    differences, limit = [], np.array([32, 23])
    for seed in range(4):
        smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(24, 33)), 1.5)
        level = np.floor((smooth - smooth.min()) / np.ptp(smooth) * 255)
        for cut in range(0, 255, 7):
            try:
                peer_boxes = authors_boxes(level, cut, every=every)
            except pytest.skip.Exception:  # two components are the largest
                continue
            our_boxes = _every(level > cut) if every else _largest(level > cut)
            our_boxes[:, 2:] = np.minimum(our_boxes[:, 2:], limit)
            differences.append(largest(sorted(map(tuple, our_boxes.tolist())), peer_boxes))
    assert len(differences) > 50
    return max(differences)


def imputed() -> float:
    generator = torch.Generator().manual_seed(0)
    image = picture(40, 56)
    hidden = torch.rand(1, 40, 56, generator=generator) < 0.5
    return largest(impute(image, hidden)[0], solved(image[0].double().numpy(), hidden[0].numpy()))


def blur() -> float:
    shown = pixels(torch.randn(1, 3, 48, 64, generator=torch.Generator().manual_seed(2)))
    return largest(FILLS["blur"](shown)[0], plain.blurred(shown.images[0].double().numpy()))


def alike(similarity: Callable[[Tensor, Tensor], Tensor], peer: Callable[[Array, Array], float]) -> Callable[[], float]:
    def difference() -> float:
        first, second = torch.randn(2, 4, 12, 17, generator=torch.Generator().manual_seed(3)).unbind(0)
        pair = [levels(x).view_as(x) for x in (torch.relu(first + 0.4), torch.relu(first + second + 0.4))]
        return largest(similarity(*pair), [peer(a.numpy(), b.numpy()) for a, b in zip(*pair, strict=True)])

    return difference


def flat(measure: Callable[[Array, Array], Any]) -> Callable[[Array, Array], float]:
    return lambda first, second: float(measure(first.ravel(), second.ravel()).statistic)


def information_curve(name: str) -> Callable[[], float]:
    return lambda: largest(*beside(name, drawn(), package))


def structural(first: Array, second: Array) -> float:
    return float(skimage.structural_similarity(first, second, data_range=1.0))


FAULTS = {
    "pytorch-grad-cam ROAD": "its noise is unseeded; `road@pgc` is its rule, with noise of the image's seed, and is "
    "tested against the rule written out",
    "captum infidelity": "it perturbs by a function that the user gives; `captum:infidelity` runs it, tested by hand",
}
WITHOUT_PEER = (  # the metrics of a row, what they are tested against, and the file of those tests
    (("mas_deletion", "mas_insertion", "mas_insertion_deletion"), "plain numpy, the authors' loop, by hand", "field"),
    (("comprehensiveness", "sufficiency"), "plain numpy; with every step, pixel flipping", "field"),
    (("saco",), "plain numpy, the authors' loop over pairs, by hand", "field"),
    (
        ("contrastive_deletion", "contrastive_drop"),
        "closed forms on a linear-softmax network, the authors' rule written out",
        "contrastive_deletion",
    ),
    (("fast_gef",), "plain numpy, maps whose value is known, a run from end to end", "gef"),
    (
        ("f_fidelity_plus", "f_fidelity_minus"),
        "pictures by hand, deletion as its limit, the expectation on a network that adds up pixels",
        "random_removal",
    ),
    (
        ("completeness", "input_invariance", "symmetry"),
        "closed forms on a network that is linear in the pixels",
        "axioms",
    ),
)
OTHER = "another protocol: 20 steps, logits, an area of its own"
ORDER = "equal pixels go in another order: ours row by row"
MAPS, TIES = "3 maps without equal pixels", "3 maps with many equal pixels"
PAIRS, SCENE = "4 pairs of maps with ties", "2 images of 224 pixels, the mean"
BOXES = "4 maps of smooth noise, 37 thresholds; corners in pixels"
TORCHCAM, FILES, RRA = "torch-cam DeletionInsertionMetric", "OpenCV findContours", "RelevanceRankAccuracy"
K, FLAT = "topk_intersection@quantus-1000", "effective_complexity@quantus-1e-5"
PAIR, CURVES = "PAIR saliency compute_pic_metric", "3 maps of an image of 28 x 40"
TRIANGLES = "it rounds pictures to 8 bits, and cuts squares of known pixels into other triangles"


def _learn(label: str, kind: str) -> Row:
    peer = getattr(sklearn, kind)
    return Row(label, f"scikit-learn {kind}", "6 maps, half with ties", learn(label, peer), 1e-9)


def _quantus(label: str, kind: str, *, tied: bool = False, bound: float = 1e-8, factor: float = 1.0) -> Row:
    differs = ORDER if tied and factor == 1 else ""
    peer = f"Quantus {kind}" + (", over the pixels" if factor != 1 else "")
    difference = of_quantus(label, getattr(quantus, kind), TIED if tied else DISTINCT, factor)
    return Row(label, peer, TIES if tied else MAPS, difference, bound, differs)


ROWS = (
    Row("deletion@torchcam-20", TORCHCAM, SCENE, torch_cam("deletion@torchcam-20", "deletion_auc"), 1e-3),
    Row("insertion@torchcam-20", TORCHCAM, SCENE, torch_cam("insertion@torchcam-20", "insertion_auc"), 1e-3),
    Row("deletion@rise-28", TORCHCAM, SCENE, torch_cam("deletion@rise-28", "deletion_auc"), 0, OTHER),
    Row("max_sensitivity", "captum sensitivity_max", "2 gradients, the same noise", max_sensitivity, 1e-5),
    _learn("attribution_auc", "roc_auc_score"),
    _learn("pxap@exact", "average_precision_score"),
    Row("max_box_acc: all components", f"{FILES}, boundingRect", BOXES, lambda: boxes(True), 0),
    Row("max_box_acc: the largest", f"{FILES}, contourArea", BOXES, lambda: boxes(False), 0),
    _quantus("attribution_auc", "AUC"),
    _quantus("energy_pointing_game", "AttributionLocalisation"),
    _quantus("energy_pointing_game", "RelevanceMassAccuracy"),
    _quantus("relevance_rank_accuracy", RRA),
    _quantus("relevance_rank_accuracy", RRA, tied=True),
    _quantus(K, "TopKIntersection"),
    _quantus(K, "TopKIntersection", tied=True),
    _quantus("sparseness", "Sparseness", bound=1e-6),
    _quantus("entropy", "Complexity", bound=1e-6),
    _quantus(FLAT, "EffectiveComplexity", tied=True, factor=1 / 2000),
    Row("mprt: Spearman", "scipy spearmanr", PAIRS, alike(spearman, flat(scipy.stats.spearmanr)), 1e-5),
    Row("coherency: Pearson", "scipy pearsonr", PAIRS, alike(pearson, flat(scipy.stats.pearsonr)), 1e-5),
    Row("random_logit: SSIM", "scikit-image structural_similarity", PAIRS, alike(ssim, structural), 1e-9),
    Row("road: imputation", "scipy spsolve", "an image of 40 x 56, half of it hidden", imputed, 1e-3),
    Row("insertion: blur", "scipy gaussian_filter, convolve2d", "an image of 48 x 64", blur, 1e-5),
    Row("sic", PAIR, CURVES, information_curve("sic"), 0, TRIANGLES),
    Row("aic", PAIR, CURVES, information_curve("aic"), 0, TRIANGLES),
)


def unpaired() -> list[str]:
    """The lines of the metrics that are compared with no version of a library."""
    listed = [(file, ", ".join(f"`{name}`" for name in names), against) for names, against, file in WITHOUT_PEER]
    return [f"| test_{file}.py | {names} | {against} |" for file, names, against in listed]


def page() -> str:
    """The page's text."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    introduction = (
        "Which metrics, and parts of them, give another library's numbers on the same maps, which do not, and why: the "
        "largest difference of two values. Every metric is held to plain numpy besides, protocol by protocol. "
        f"Compared with {versions}; written by `make conformance`, and tested. "
        "For methods see [conformance](conformance.md)."
    )
    head = ["metric", "peer", "on", "verdict", "why", "largest difference"]
    lines = ["# Conformance of metrics", "", introduction, "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(row.cells)} | {row.difference():.1e} |" for row in ROWS]
    lines += ["", "## Metrics without a peer", "", "Metrics of later papers, compared with no library's version.", ""]
    lines += ["| tests in tests/metrics | metrics | tested against |", "|---|---|---|", *unpaired()]
    lines += ["", "## What cannot be compared", "", "Metrics of peers that give no number for an image and a map.", ""]
    lines += ["| peer | why |", "|---|---|", *(f"| Quantus {name} | {why} |" for name, why in REFUSED.items())]
    lines += [f"| {peer} | {why} |" for peer, why in FAULTS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
