"""Removal and insertion pixel by pixel: deletion, insertion, the two together, and pixel flipping.

Deletion and insertion: Petsiuk et al. 2018 (RISE), arXiv:1806.07421, section 4.3.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..types.probes import FillName, Probe, Remove
from ._removal_protocols import EVERY_FILL, Answer, Source, area, in_other_fills, inserted, read, removed, shares

Steps = Annotated[int, Field(ge=2, le=100_000)]  # of one step every map has the same pictures
PEERS: dict[str, dict[str, object]] = {
    "torchcam-20": {"source": "torchcam", "steps": 20, "fill": "zero", "answer": "logit"},
    "latec-50": {"source": "latec", "steps": 1003},
    "xplique-10": {"source": "xplique", "steps": 10, "fill": "zero", "answer": "logit"},
    "idl-20": {"source": "interpretdl", "steps": 20, "fill": "grey"},
    "pnpxai-10": {"source": "pnpxai", "steps": 10, "fill": "zero"},
    "mindspore-224": {"source": "mindspore", "steps": 224, "fill": "zero"},
}
RISE: dict[str, dict[str, object]] = {"rise-28": {}, "rise-224": {"steps": 224}}
DELETION = RISE | in_other_fills("rise-28", "zero") | PEERS
INSERTION = RISE | in_other_fills("rise-28", "blur") | PEERS
INSERTION = {name: params for name, params in INSERTION.items() if name != "pnpxai-10"}  # it has a deletion alone
INSERTION["latec-50"] = {"source": "latec", "steps": 1003, "fill": "gaussian-15"}


def _deleted(steps: int, fill: FillName, answer: Answer, source: Source) -> list[Probe]:
    return removed(source, steps, fill)


def _inserted(steps: int, fill: FillName, answer: Answer, source: Source) -> list[Probe]:
    return inserted(source, steps, fill)


def _read_deletion(steps: int, fill: FillName, answer: Answer, source: Source) -> dict[str, Any]:
    return read(source, answer)


def _read_insertion(steps: int, fill: FillName, answer: Answer, source: Source) -> dict[str, Any]:
    return read(source, answer, insert=True)


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
    reading=_read_deletion,
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

    ``source``: whose points and whose area; see metrics/_removal_protocols.py.
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
    reading=_read_insertion,
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

    ``source``: whose points and whose area; see metrics/_removal_protocols.py.
    """
    return _area(seen, steps, answer, source, insert=True)


def _both(steps: int, fill: FillName | None) -> list[Probe]:
    return inserted("rise", steps, fill or "blur") + removed("rise", steps, fill or "zero")


@metric(
    "insertion_deletion",
    title="insertion - deletion",
    higher_is_better=True,
    needs="probes",
    probes=_both,
    protocols=RISE | {f"rise-28-{fill}": {"fill": fill} for fill in EVERY_FILL},
    unit="probability",
    paper="arXiv:1806.07421",
    family="faithfulness",
    range=(-1, 1),
    equation="insertion AUC - deletion AUC",
    ranks_only=True,
)
def insertion_deletion(seen: Seen, *, steps: Steps = 28, fill: FillName | None = None) -> Scored:
    """Insertion AUC less deletion AUC; their probes are shared with the two alone.

    ``fill``: of both; None for RISE's own, zero for deletion and the blur for insertion.
    """
    y = seen.probability.double()
    x = torch.arange(steps + 1, dtype=torch.float64, device=y.device) / steps
    insertion_area, deletion_area = (torch.trapezoid(half, x, dim=1) for half in (y[:, : steps + 1], y[:, steps + 1 :]))
    return Scored(insertion_area - deletion_area)


def _flipped(steps: int, fill: FillName) -> list[Probe]:
    return [Remove(i / steps, fill, "most") for i in range(1, steps + 1)]


@metric(
    "pixel_flipping",
    title="pixel flipping AOPC",
    higher_is_better=True,
    needs="probes",
    probes=_flipped,
    protocols={f"{fill}-28": {"fill": fill} for fill in EVERY_FILL},
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
