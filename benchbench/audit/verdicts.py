"""What is said of a method, from what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..formatting import join_words
from ..results.audit_rows import AuditedPlace, AuditFinding
from .audited_library import AuditedMethod
from .behaviour import ROUNDING, Behaviour


@dataclass(frozen=True)
class Measured:
    """What was found out about one method.

    Attributes:
        compared: a comparison at each place where both gave maps.
        refused: by place, why the library's method fails, though benchbench's applies.
        either_sign: the largest difference if our maps may change their sign.
        live: whether a map that was compared is not constant.
        behaviour: at the deepest layer of each network.
        left: what it leaves changed.
    """

    compared: tuple[AuditedPlace, ...] = ()
    refused: tuple[AuditedPlace, ...] = ()
    either_sign: float = 0.0
    live: bool = True
    behaviour: tuple[Behaviour, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def difference(self) -> float | None:
        return max((each.difference for each in self.compared if each.difference is not None), default=None)

    @property
    def correlation(self) -> float | None:
        return min((each.correlation for each in self.compared if each.correlation is not None), default=None)

    @property
    def noise(self) -> float:
        """The largest difference of two calls of a method that draws at random; 0 of others."""
        return max((each.repeated for each in self.behaviour if each.random), default=0.0)

    @property
    def ran(self) -> bool:
        """Whether it gave maps anywhere."""
        return bool(self.compared or self.behaviour)


def findings_of(measured: Measured, method: AuditedMethod) -> tuple[AuditFinding, ...]:
    """What is wrong with the method, the gravest first."""
    return tuple(_findings(measured, method))


def _findings(measured: Measured, method: AuditedMethod) -> Iterator[AuditFinding]:
    if measured.refused:
        first = measured.refused[0]
        where = "" if not measured.ran else f" on {first.network}, {first.layer}"
        yield AuditFinding("fails", f"fails{where}: {first.reason}")
    if formula := _formula(measured, method):
        yield AuditFinding("formula", formula)
    dependent = [each for each in measured.behaviour if each.depends_on_batch]
    if dependent:
        size = max(max(each.alone, each.permuted) for each in dependent)
        yield AuditFinding("batch", f"depends on {_batch(dependent)} (by {size:.2g})")
    if measured.left:
        yield AuditFinding("state", _joined(measured.left))
    random = [each for each in measured.behaviour if each.random]
    if random:
        repeats = all(each.seeded <= each.repeated / 100 for each in random)
        how = "repeats under a seed of the global generators" if repeats else "a seed does not repeat it"
        yield AuditFinding("random", f"two calls differ (by {max(each.repeated for each in random):.2g}; {how})")


def _batch(dependent: Sequence[Behaviour]) -> str:
    if any(each.alone > ROUNDING for each in dependent):
        return "the other images of the batch"
    return "the order of the batch"


def _formula(measured: Measured, method: AuditedMethod) -> str:
    """Why its maps are others than ours, or an empty text."""
    apart, counterpart = measured.difference, method.counterpart
    if apart is None or apart <= max(counterpart.bound, measured.noise):
        return ""
    if measured.either_sign <= counterpart.bound:
        return f"leaves the sign of the map open: {agreement(measured.either_sign)} with one of the two"
    correlation = "" if measured.correlation is None else f", rank correlation {measured.correlation:.3f}"
    size = f"differs by {apart:.2g}{correlation}"
    cause = counterpart.cause or method.fault
    return f"another formula: {cause} ({size})" if cause else f"another formula ({size})"


def agreement(apart: float) -> str:
    """``agrees to 1e-6``: the power of ten above the difference."""
    if apart == 0:
        return "agrees exactly"
    return f"agrees to 1e{max(-7, math.ceil(math.log10(apart)))}"


def _joined(left: Sequence[str]) -> str:
    """``leaves .grad and the training mode changed, moves the global random state``: what changed stands together."""
    changed = [each for each in left if each.startswith("leaves ") and each.endswith(" changed")]
    names = join_words(each.removeprefix("leaves ").removesuffix(" changed") for each in changed)
    first = [f"leaves {names} changed"] if changed else []
    return ", ".join([*first, *(each for each in left if each not in changed)])


def verdict_of(measured: Measured, findings: Sequence[AuditFinding], method: AuditedMethod) -> str:
    """One line: agreement first, then what is wrong."""
    texts = [finding.text for finding in findings]
    if not method.counterpart.method:
        return "; ".join([not_compared(method), *texts])
    kinds = {finding.kind for finding in findings}
    apart = measured.difference
    if "formula" in kinds or (apart is None and "fails" in kinds):
        return "; ".join(texts)
    if apart is None:
        return "; ".join(["not applicable on these networks", *texts])
    if not measured.live:
        return "; ".join(["nothing to compare: every map is constant", *texts])
    if not agrees(measured, method):
        return "; ".join(["hidden by its noise: two of its own calls differ as much", *texts])
    return "; ".join([agreement(apart), *texts])


def not_compared(method: AuditedMethod) -> str:
    """Why a method without a counterpart has none."""
    apart = method.counterpart.apart
    return f"not compared: benchbench's {apart} takes other arguments" if apart else "not in benchbench"


def agrees(measured: Measured, method: AuditedMethod) -> bool:
    """Whether the maps were compared, are not constant, and agree within the bound."""
    apart = measured.difference
    return apart is not None and measured.live and apart <= method.counterpart.bound
