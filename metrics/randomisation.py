"""Does the map change when the network's weights or the class do? A map that stays explains neither.

Adebayo et al. 2018, arXiv:1810.03292; Sixt et al. 2020, arXiv:1912.09818; Hedstroem et al. 2024, arXiv:2401.06465.
How weights are drawn is in benchbench/network/randomise.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Reexplained, Scored, Seen

from ..maps.normalise import saliency
from ..maps.similarity import constant, histogram_entropy, reasons, spearman, ssim
from ..types.views import Averaged, DrawKind, Noisy, OtherClass, OtherTarget, RandomWeights

Stages = Annotated[int, Field(ge=1, le=1000)]
Samples = Annotated[int, Field(ge=1, le=1000)]
Bins = Annotated[int, Field(ge=2, le=100_000)]
Similarity: TypeAlias = Literal["spearman", "ssim"]
CONSTANT = "the map is constant: nothing is like it or unlike it"


def _raw(seen: Seen) -> Tensor:
    assert seen.raw is not None, "the engine gives it"
    return seen.raw


def _unit(similarity: str) -> dict[str, Any]:
    return {"unit": "SSIM" if similarity == "ssim" else "rank correlation"}


def _size(seen: Seen) -> tuple[int, int]:
    return seen.map.shape[1], seen.map.shape[2]


def _similar(first: Tensor, second: Tensor, similarity: Similarity, size: tuple[int, int]) -> Tensor:
    """(B,): Spearman at the layer's own size, 0 where the second map is constant; SSIM at the image's size."""
    if similarity == "spearman":
        return spearman(first, second).nan_to_num(0)
    return ssim(saliency(first, size), saliency(second, size))


def _stages(kind: DrawKind, stages: int, similarity: str) -> list[RandomWeights]:
    return [RandomWeights(kind, i, stages) for i in range(1, stages + 1)]


@metric(
    "mprt",
    title="parameter randomisation test",
    higher_is_better=False,
    needs={"reexplain", "map"},
    views=_stages,
    protocols={
        "cascade-8-spearman": {"kind": "cascade", "stages": 8, "similarity": "spearman"},
        "cascade-8-ssim": {"kind": "cascade", "stages": 8, "similarity": "ssim"},
        "independent-8-spearman": {"kind": "independent", "stages": 8, "similarity": "spearman"},
        "independent-8-ssim": {"kind": "independent", "stages": 8, "similarity": "ssim"},
    },
    unit="similarity",
    paper="arXiv:1810.03292",
    family="randomisation",
    range=(-1, 1),
    equation="mean over stages s of similarity(M(x; w), M(x; w_s))",
    reading=lambda kind, stages, similarity: _unit(similarity),
)
def mprt(seen: Seen, *, kind: DrawKind = "cascade", stages: Stages = 8, similarity: Similarity = "spearman") -> Scored:
    """How alike the map stays as weights become random, from the logits down to the input, averaged over stages.

    The layers are ``stages`` blocks: random up to a block (cascade), or the block alone (independent). ``last`` is
    the last stage, of the cascade a network that is random throughout; the curve has every stage.
    """
    raw, size = _raw(seen), _size(seen)
    y = torch.stack([_similar(raw, view.map, similarity, size) for view in seen.reexplained.values()], 1)
    x = torch.arange(1, stages + 1, dtype=torch.float64, device=y.device) / stages
    return Scored(y.mean(1), {"last": y[:, -1]}, (x, y), inapplicable=reasons((constant(raw), CONSTANT)))


def _smooth(stages: int, samples: int, radius: float, similarity: str) -> list[Averaged]:
    noises = [Noisy(i, radius, "normal") for i in range(samples)]
    stage = [Averaged(tuple(RandomWeights("cascade", i, stages, n) for n in noises)) for i in range(1, stages + 1)]
    return [Averaged(tuple(noises)), *stage]


@metric(
    "smooth_mprt",
    title="smooth parameter randomisation test",
    higher_is_better=False,
    needs={"reexplain", "map"},
    views=_smooth,
    protocols={
        "cascade-4-n10": {"stages": 4, "samples": 10, "radius": 0.1, "similarity": "spearman"},
        "cascade-8-n50": {"stages": 8, "samples": 50, "radius": 0.1, "similarity": "spearman"},
    },
    unit="similarity",
    paper="arXiv:2401.06465",
    family="randomisation",
    range=(-1, 1),
    equation="mean over stages s of similarity(mean_n M(x + n; w), mean_n M(x + n; w_s))",
    reading=lambda stages, samples, radius, similarity: _unit(similarity),
)
def smooth_mprt(
    seen: Seen,
    *,
    stages: Stages = 4,
    samples: Samples = 10,
    radius: Annotated[float, Field(gt=0)] = 0.1,
    similarity: Similarity = "spearman",
) -> Scored:
    """As mprt, cascading, of maps averaged over noisy images first: what is left of a map's own noise is not its merit.

    ``radius``: the noise's standard deviation in pixels of [0, 1]; the same noise before every network.
    """
    means = [view.map.double() for view in seen.reexplained.values()]
    size = _size(seen)
    y = torch.stack([_similar(means[0], other, similarity, size) for other in means[1:]], 1)
    x = torch.arange(1, stages + 1, dtype=torch.float64, device=y.device) / stages
    return Scored(y.mean(1), {"last": y[:, -1]}, (x, y), inapplicable=reasons((constant(means[0]), CONSTANT)))


def _fully_random(bins: int) -> list[RandomWeights]:
    return [RandomWeights("cascade", 1, 1)]


@metric(
    "efficient_mprt",
    title="efficient parameter randomisation test",
    higher_is_better=True,
    needs={"reexplain", "map"},
    views=_fully_random,
    protocols={"bins-100": {"bins": 100}},
    unit="share of the entropy",
    paper="arXiv:2401.06465",
    family="randomisation",
    range=(-1, float("inf")),
    equation="(H(M(x; random)) - H(M(x; w))) / H(M(x; w)), H the entropy of the histogram",
)
def efficient_mprt(seen: Seen, *, bins: Bins = 100) -> Scored:
    """The rise of the map's complexity once every weight is random, relative to the complexity before.

    Complexity: the entropy of the histogram of the map at the image's size, in ``bins`` equal bins over its range.
    """
    (shown,) = seen.reexplained.values()
    before = histogram_entropy(seen.map, bins)
    after = histogram_entropy(saliency(shown.map, _size(seen)), bins)
    value = (after - before) / before
    return Scored(value, {"before": before, "after": after}, inapplicable=reasons((constant(_raw(seen)), CONSTANT)))


def _other(which: OtherClass, similarity: str) -> list[OtherTarget]:
    return [OtherTarget(which)]


def _only(seen: Seen) -> Reexplained:
    (shown,) = seen.reexplained.values()
    return shown


@metric(
    "random_logit",
    title="random logit test",
    higher_is_better=False,
    needs={"reexplain", "map"},
    views=_other,
    protocols={
        "random-ssim": {"which": "random", "similarity": "ssim"},
        "random-spearman": {"which": "random", "similarity": "spearman"},
        "runner-up-ssim": {"which": "runner-up", "similarity": "ssim"},
    },
    unit="similarity",
    paper="arXiv:1912.09818",
    family="randomisation",
    range=(-1, 1),
    equation="similarity(M(x, c), M(x, d)), d another class",
    reading=lambda which, similarity: _unit(similarity),
)
def random_logit(seen: Seen, *, which: OtherClass = "random", similarity: Similarity = "ssim") -> Scored:
    """How alike the map is to the same method's map for another class, drawn from the image's seed or the runner-up."""
    value = _similar(_raw(seen), _only(seen).map, similarity, _size(seen))
    return Scored(value, inapplicable=reasons((constant(_raw(seen)), CONSTANT)))


@metric(
    "class_contrast",
    title="class contrast",
    higher_is_better=True,
    needs={"reexplain", "map"},
    views=lambda: [OtherTarget("runner-up")],
    protocols={"runner-up": {}},
    unit="share of the map's mass",
    family="randomisation",
    range=(0, 1),
    equation="1/2 sum |M_c / sum M_c - M_d / sum M_d|, d the runner-up, M min-max normalised",
)
def class_contrast(seen: Seen) -> Scored:
    """The share of the map's mass that lies elsewhere in the map for the runner-up: 0 the same map, 1 disjoint ones.

    Both maps at the image's size, min-max normalised, each with a mass of one.
    """
    target_map, other_map = seen.map.double(), saliency(_only(seen).map, _size(seen)).double()
    mass, other_mass = target_map.sum((1, 2), keepdim=True), other_map.sum((1, 2), keepdim=True)
    value = (target_map / mass - other_map / other_mass).abs().sum((1, 2)) / 2
    flat = (constant(_raw(seen)) | constant(_only(seen).map)) | (mass * other_mass == 0)[:, 0, 0]
    return Scored(value.clamp(0, 1), inapplicable=reasons((flat, "one of the two maps is constant: it has no mass")))
