"""Removal and insertion pixel by pixel: deletion, insertion, LeRF - MoRF, pixel flipping and the correlations.

Deletion and insertion: Petsiuk et al. 2018 (RISE), arXiv:1806.07421, section 4.3.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.fills import FillName
from benchbench.perturb import Probe, Remove, ranks
from benchbench.registry import metric
from benchbench.similarity import reasons
from benchbench.types import Scored, Seen

from .protocols import Answer, Source, area, inserted, removed, shares
from .relation import pearson, varies

Steps = Annotated[int, Field(ge=1, le=100_000)]
FLAT = "the network's answer does not change on any step"
FILLED: dict[str, dict[str, object]] = {
    f"rise-28-{fill}": {"fill": fill} for fill in ("zero", "mean", "blur", "noise", "noisy-linear")
}
PEERS: dict[str, dict[str, object]] = {
    "torchcam-20": {"source": "torchcam", "steps": 20, "fill": "zero", "answer": "logit"},
    "latec-50": {"source": "latec", "steps": 1003},
    "xplique-10": {"source": "xplique", "steps": 10, "fill": "zero", "answer": "logit"},
    "idl-20": {"source": "interpretdl", "steps": 20, "fill": "grey"},
    "pnpxai-10": {"source": "pnpxai", "steps": 10, "fill": "zero"},
    "mindspore-224": {"source": "mindspore", "steps": 224, "fill": "zero"},
}
RISE: dict[str, dict[str, object]] = {"rise-28": {}, "rise-224": {"steps": 224}}
DELETION = RISE | {name: params for name, params in FILLED.items() if name != "rise-28-zero"} | PEERS
INSERTION = RISE | {name: params for name, params in FILLED.items() if name != "rise-28-blur"} | PEERS
INSERTION = {name: params for name, params in INSERTION.items() if name != "pnpxai-10"}  # it has a deletion alone
INSERTION["latec-50"] = {"source": "latec", "steps": 1003, "fill": "gaussian-15"}


def _deleted(steps: int, fill: FillName, answer: Answer, source: Source) -> list[Probe]:
    return removed(source, steps, fill)


def _inserted(steps: int, fill: FillName, answer: Answer, source: Source) -> list[Probe]:
    return inserted(source, steps, fill)


def answers(seen: Seen, answer: Answer) -> Tensor:
    """(B, P): the network's answers to the metric's probes."""
    return (seen.logit if answer == "logit" else seen.probability).double()


def _area(seen: Seen, steps: int, answer: Answer, source: Source, *, insert: bool = False) -> Scored:
    y = answers(seen, answer)
    x = torch.tensor(shares(source, steps), dtype=torch.float64, device=y.device)
    return Scored(area(source, x, y, insert=insert), curve=(x, y))


@metric(
    "deletion",
    title="deletion AUC",
    higher_is_better=False,
    needs="probes",
    probes=_deleted,
    protocols=DELETION,
    unit="probability",
    paper="arXiv:1806.07421",
    family="faithfulness",
    range=(0, 1),
    equation="area under p(share of pixels removed, the most salient first)",
    ranks_only=True,
)
def deletion(
    seen: Seen,
    *,
    steps: Steps = 28,
    fill: FillName = "zero",
    answer: Answer = "probability",
    source: Source = "rise",
) -> Scored:
    """Area under the target's probability as the most salient pixels are removed first.

    ``source``: whose points and whose area; see metrics/protocols.py.
    """
    return _area(seen, steps, answer, source)


@metric(
    "insertion",
    title="insertion AUC",
    higher_is_better=True,
    needs="probes",
    probes=_inserted,
    protocols=INSERTION,
    unit="probability",
    paper="arXiv:1806.07421",
    family="faithfulness",
    range=(0, 1),
    equation="area under p(share of pixels put back, the most salient first)",
    ranks_only=True,
)
def insertion(
    seen: Seen,
    *,
    steps: Steps = 28,
    fill: FillName = "blur",
    answer: Answer = "probability",
    source: Source = "rise",
) -> Scored:
    """Area under the target's probability as the most salient pixels are put first onto the image's blur.

    ``source``: whose points and whose area; see metrics/protocols.py.
    """
    return _area(seen, steps, answer, source, insert=True)


def _both(steps: int) -> list[Probe]:
    return inserted("rise", steps, "blur") + removed("rise", steps, "zero")


@metric(
    "insertion_deletion",
    title="insertion - deletion",
    higher_is_better=True,
    needs="probes",
    probes=_both,
    protocols=RISE,
    unit="probability",
    paper="arXiv:1806.07421",
    family="faithfulness",
    range=(-1, 1),
    equation="insertion AUC - deletion AUC",
    ranks_only=True,
)
def insertion_deletion(seen: Seen, *, steps: Steps = 28) -> Scored:
    """Insertion AUC less deletion AUC, both with RISE's fills; their probes are shared with the two alone."""
    y = seen.probability.double()
    x = torch.arange(steps + 1, dtype=torch.float64, device=y.device) / steps
    put, taken = (torch.trapezoid(half, x, dim=1) for half in (y[:, : steps + 1], y[:, steps + 1 :]))
    return Scored(put - taken)


def _flipped(steps: int, fill: FillName) -> list[Probe]:
    return [Remove(i / steps, fill, "most") for i in range(1, steps + 1)]


@metric(
    "pixel_flipping",
    title="pixel flipping AOPC",
    higher_is_better=True,
    needs="probes",
    probes=_flipped,
    protocols={"zero-28": {}, "noise-28": {"fill": "noise"}},
    unit="probability",
    paper="doi:10.1371/journal.pone.0130140",
    family="faithfulness",
    range=(-1, 1),
    equation="1/(L+1) sum_{k=0..L} (p(x) - p(x without the k/L most salient pixels))",
    ranks_only=True,
)
def pixel_flipping(seen: Seen, *, steps: Steps = 28, fill: FillName = "zero") -> Scored:
    """Mean fall of the target's probability over the steps of removing the most salient pixels first.

    Bach et al. 2015; the area over the curve (AOPC) is that of Samek et al. 2017, arXiv:1509.06321, equation 12, which
    counts the step zero, where nothing is removed yet.
    """
    return Scored(aopc(seen, steps))


def aopc(seen: Seen, steps: int) -> Tensor:
    """(B,): the mean fall of the target's probability over the steps, the step of nothing removed counted too."""
    falls = seen.whole_probability.double()[:, None] - seen.probability.double()
    return falls.sum(1) / (steps + 1)


def _pieces(seen: Seen, steps: int) -> Tensor:
    """(B, steps): the mean saliency of the pixels that each step takes."""
    flat = seen.map.double().flatten(1)
    edges = torch.round(torch.arange(steps + 1, device=flat.device).double() / steps * flat.shape[1]).long()
    place = ranks(seen.map).flatten(1)
    step = torch.bucketize(place, edges[1:], right=True)
    sums = flat.new_zeros(len(flat), steps).scatter_add(1, step, flat)
    return sums / (edges[1:] - edges[:-1]).clamp_min(1)


def _correlated(seen: Seen, changes: Tensor, steps: int) -> Scored:
    """Pearson's correlation of the changes (B, steps) and what the steps take, by the rules of the two metrics."""
    live = varies(seen.probability.double())
    return Scored(pearson(_pieces(seen, steps), changes), inapplicable=reasons((~live, FLAT)))


@metric(
    "deletion_correlation",
    higher_is_better=True,
    needs="probes",
    probes=lambda steps: removed("rise", steps, "zero"),
    protocols={"zero-28": {"steps": 28}, "zero-224": {"steps": 224}},
    unit="correlation",
    paper="arXiv:2201.13291",
    family="faithfulness",
    range=(-1, 1),
    equation="Pearson over steps of (p before - p after; mean saliency of what the step removes)",
)
def deletion_correlation(seen: Seen, *, steps: Steps = 28) -> Scored:
    """Whether what a step of deletion removes costs as much probability as its saliency says.

    Gomez et al. 2022: the map's values matter, and not only their order. A constant map correlates with nothing: 0.
    Where the network's answer never changes, the metric does not apply. Steps go down the map, and a probability falls
    most in the first of them whatever they take, so that a random map correlates too: compare with that control.
    """
    y = seen.probability.double()
    return _correlated(seen, y[:, :-1] - y[:, 1:], steps)


@metric(
    "insertion_correlation",
    higher_is_better=True,
    needs="probes",
    probes=lambda steps: inserted("rise", steps, "blur"),
    protocols={"blur-28": {"steps": 28}, "blur-224": {"steps": 224}},
    unit="correlation",
    paper="arXiv:2201.13291",
    family="faithfulness",
    range=(-1, 1),
    equation="Pearson over steps of (p after - p before; mean saliency of what the step puts back)",
)
def insertion_correlation(seen: Seen, *, steps: Steps = 28) -> Scored:
    """Whether what a step of insertion puts back wins as much probability as its saliency says; see deletion."""
    y = seen.probability.double()
    return _correlated(seen, y[:, 1:] - y[:, :-1], steps)
