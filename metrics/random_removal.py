"""R-Fidelity and the untuned F-Fidelity: a random part of what the map points at is removed, or of what it does not.

Zheng et al. 2025, "F-Fidelity: A Robust Framework for Faithfulness Evaluation of Explainable AI" (ICLR),
arXiv:2410.02970; rules read in the authors' repository, AslanDing/Finetune-Fidelity, code/evaluation_model.py. Their
F-Fidelity asks a network that was fine-tuned on images with a random share of their pixels removed, the share that is
the ``cap`` here; this asks the network itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Len
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..types.probes import FillName, Order, Probe, Thinned, Whole
from ._removal_protocols import in_other_fills

Share = Annotated[float, Field(gt=0, lt=1)]
Shares = Annotated[tuple[Share, ...], Len(1)]
Draws = Annotated[int, Field(ge=1, le=1000)]
Chance = Annotated[float, Field(gt=0, le=1)]
Answer: TypeAlias = Literal["probability", "correct"]
EVERY = tuple(percent / 100 for percent in range(5, 100, 5))
PROTOCOLS: dict[str, dict[str, object]] = {
    "zero-5x2": {},
    "r-fidelity-5x2": {"cap": 1.0},
    "authors-19x50": {"shares": EVERY, "draws": 50, "answer": "correct"},
}


def chance_of(share: float, chance: float, cap: float) -> float:
    """With what probability each of a share of the pixels goes, so that no more than ``cap`` of all are expected to."""
    return min(chance, cap / share)


def _thinned(order: Order) -> Callable[..., list[Probe]]:
    def probes(shares: Shares, draws: int, chance: float, cap: float, fill: FillName, answer: Answer) -> list[Probe]:
        each = [(share, chance_of(share, chance, cap)) for share in shares]
        thinned = [Thinned(k, share, probability, fill, order) for share, probability in each for k in range(draws)]
        return [Whole(), *thinned]

    return probes


def _read(shares: Shares, draws: int, chance: float, cap: float, fill: FillName, answer: Answer) -> dict[str, Any]:
    return {"unit": "share of correct answers"} if answer == "correct" else {}


def _fall(seen: Seen, answer: Answer) -> Tensor:
    """(B,): what the answer to the image loses on the probes behind it, on average."""
    y = (seen.correct if answer == "correct" else seen.probability).double()
    return y[:, 0] - y[:, 1:].mean(1)


@metric(
    "f_fidelity_plus",
    title="F-Fidelity+ (untuned)",
    higher_is_better=True,
    needs="probes",
    probes=_thinned("most"),
    protocols=PROTOCOLS | in_other_fills("zero-5x2", "zero"),
    unit="probability",
    paper="arXiv:2410.02970",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over shares s and draws of p(x) - p(x without each of the most salient s with probability a)",
    ranks_only=True,
    reading=_read,
)
def f_fidelity_plus(
    seen: Seen,
    *,
    shares: Shares = (0.1, 0.3, 0.5, 0.7, 0.9),
    draws: Draws = 2,
    chance: Chance = 0.5,
    cap: Chance = 0.1,
    fill: FillName = "zero",
    answer: Answer = "probability",
) -> Scored:
    """What p loses when a random part of the most salient pixels is removed; the network is not fine-tuned.

    Zheng et al. 2025, equation 5, on the network itself. Each of the most salient share s of the pixels goes with the
    probability a: ``chance``, or as much less as keeps the expected share of all pixels that go at ``cap``, for which
    the authors fine-tune. With a cap of 1 it is the R-Fidelity of Zheng et al. 2024 (``r-fidelity-5x2``), with chance
    and cap 1 the fall of deletion at these shares. Which pixels go is drawn from the image's seed, the same for every
    method. The authors take every 5 % of the pixels, 50 draws, and whether the target is the most likely class
    (``authors-19x50``). By default 5 shares, 2 draws and p, since each draw costs a forward, and two draws of thousands
    of pixels hardly differ in p.
    """
    return Scored(_fall(seen, answer))


@metric(
    "f_fidelity_minus",
    title="F-Fidelity- (untuned)",
    higher_is_better=False,
    needs="probes",
    probes=_thinned("least"),
    protocols=PROTOCOLS | in_other_fills("zero-5x2", "zero"),
    unit="probability",
    paper="arXiv:2410.02970",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over shares s and draws of p(x) - p(x without each of the least salient s with probability a)",
    ranks_only=True,
    reading=_read,
)
def f_fidelity_minus(
    seen: Seen,
    *,
    shares: Shares = (0.1, 0.3, 0.5, 0.7, 0.9),
    draws: Draws = 2,
    chance: Chance = 0.5,
    cap: Chance = 0.1,
    fill: FillName = "zero",
    answer: Answer = "probability",
) -> Scored:
    """What p loses when a random part of the least salient pixels is removed: little, on a faithful map.

    See ``f_fidelity_plus``. The share is that of the least salient pixels, of which some are removed.
    """
    return Scored(_fall(seen, answer))
