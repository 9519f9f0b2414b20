"""Comprehensiveness and sufficiency: what p loses without the most salient pixels, and with nothing else.

DeYoung et al. 2020 (ERASER), arXiv:1911.03429, section 5.2, where the parts are the tokens of a text; here they are an
image's pixels. Rules read in the authors' repository, jayded/eraserbenchmark.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Len
from pydantic import Field
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..types.probes import FillName, Keep, Probe, Remove
from ._removal_protocols import in_other_fills

Points = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Len(1)]
Of = Annotated[int, Field(ge=2, le=100_000)]
ERASER: dict[str, dict[str, object]] = {"rise-4": {}, "eraser-5": {"points": (1, 5, 10, 20, 50), "of": 100}}


def _shares(points: Points, of: int) -> list[float]:
    if max(points) > of:
        raise BenchError(f"{max(points)} / {of} is more than all pixels", where="points", hint=f"Give at most {of}")
    return [point / of for point in points]


def _removed(points: Points, of: int, fill: FillName) -> list[Probe]:
    return [Remove(share, fill, "most") for share in _shares(points, of)]


def _kept(points: Points, of: int, fill: FillName) -> list[Probe]:
    return [Keep(share, fill, "most") for share in _shares(points, of)]


def _loss(seen: Seen) -> Tensor:
    """(B,): what p loses, on average over the points."""
    return (seen.whole_probability.double()[:, None] - seen.probability.double()).mean(1)


@metric(
    "comprehensiveness",
    higher_is_better=True,
    needs="probes",
    probes=_removed,
    protocols=ERASER | in_other_fills("rise-4", "zero"),
    unit="probability",
    paper="arXiv:1911.03429",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over shares of p(x) - p(x without the most salient share)",
    ranks_only=True,
)
def comprehensiveness(seen: Seen, *, points: Points = (1, 3, 6, 14), of: Of = 28, fill: FillName = "zero") -> Scored:
    """How much of the target's probability goes with the most salient pixels, on average over a few shares of them.

    DeYoung et al. 2020, whose shares are 1, 5, 10, 20 and 50 % (``eraser-5``). The shares are ``points`` / ``of``; by
    default those of deletion's 28 steps that are nearest to them, whose pictures deletion has. The paper divides by one
    more than the number of shares, as if nothing removed were one of them; the authors' code, and this, do not. Over
    all 28 steps it is pixel flipping's AOPC times 29 / 28.
    """
    return Scored(_loss(seen))


@metric(
    "sufficiency",
    higher_is_better=False,
    needs="probes",
    probes=_kept,
    protocols=ERASER | in_other_fills("rise-4", "blur"),
    unit="probability",
    paper="arXiv:1911.03429",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over shares of p(x) - p(only the most salient share of x)",
    ranks_only=True,
)
def sufficiency(seen: Seen, *, points: Points = (1, 3, 6, 14), of: Of = 28, fill: FillName = "blur") -> Scored:
    """How much of the target's probability the most salient pixels do not bring back, on average over a few shares.

    See ``comprehensiveness``; the pictures are insertion's. Below 0 where those pixels alone are more of the class than
    the whole image is. Quantus has a metric of this name that is another: whether images of similar maps get the same
    class (Dasgupta et al. 2022).
    """
    return Scored(_loss(seen))
