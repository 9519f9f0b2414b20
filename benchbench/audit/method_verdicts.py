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
        inapplicable: by place, why benchbench's method does not apply, though the library's runs.
        broken: by place, why benchbench's method fails.
        proofs: by place where the maps differ, how far the library's known formula is from its maps; infinite where
            the formula fails. Empty if it is not written out.
        either_sign: the largest difference if our maps may change their sign.
        live: whether a map that was compared is not constant.
        behaviour: at the deepest layer of each network.
        left: what it leaves changed.
    """

    compared: tuple[AuditedPlace, ...] = ()
    refused: tuple[AuditedPlace, ...] = ()
    inapplicable: tuple[AuditedPlace, ...] = ()
    broken: tuple[AuditedPlace, ...] = ()
    proofs: tuple[float, ...] = ()
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
        places = dict.fromkeys(f"{each.network}, {each.layer}" for each in measured.refused)
        yield AuditFinding("fails", f"fails{where}: {first.reason}", tuple(places))
    yield from _formula(measured, method)
    dependent = [each for each in measured.behaviour if each.depends_on_batch]
    if dependent:
        size = max(max(each.alone, each.permuted) for each in dependent)
        parts = _batch(dependent)
        yield AuditFinding("batch", f"depends on {parts[0]} (by {size:.2g})", parts, size)
    if measured.left:
        yield AuditFinding("state", _joined(measured.left), tuple(each.partition(" (")[0] for each in measured.left))
    random = [each for each in measured.behaviour if each.random]
    if random:
        repeats = all(each.seeded <= each.repeated / 100 for each in random)
        how = "repeats under a seed of the global generators" if repeats else "a seed does not repeat it"
        parts = () if repeats else ("a seed does not repeat it",)
        yield AuditFinding("random", f"two calls differ (by {max(each.repeated for each in random):.2g}; {how})", parts)


def _batch(dependent: Sequence[Behaviour]) -> tuple[str, ...]:
    """What of the batch a map depends on."""
    parts = []
    if any(each.alone > ROUNDING for each in dependent):
        parts.append("the other images of the batch")
    if any(each.permuted > ROUNDING for each in dependent):
        parts.append("the order of the batch")
    return tuple(parts)


def _formula(measured: Measured, method: AuditedMethod) -> Iterator[AuditFinding]:
    """That its maps are others than ours, and why."""
    apart, counterpart = measured.difference, method.counterpart
    if apart is None or apart <= max(counterpart.bound, measured.noise):
        return
    if measured.either_sign <= counterpart.bound:
        text = f"leaves the sign of the map open: {agreement(measured.either_sign)} with one of the two"
        yield AuditFinding("formula", text, ("the sign",))
        return
    correlation = "" if measured.correlation is None else f", rank correlation {measured.correlation:.3f}"
    size = f"differs by {apart:.2g}{correlation}"
    parts = ("another formula", "which is not the known one") if _refuted(measured, method) else ("another formula",)
    yield AuditFinding("formula", f"another formula{_cause(measured, method, size)}", parts, apart)


def _cause(measured: Measured, method: AuditedMethod, size: str) -> str:
    """Why the maps differ: proven if the library's formula is written out and gives its maps; else what is known."""
    cause = method.counterpart.cause
    version = f" in {method.looked_at}" if method.looked_at else ""
    if cause and measured.proofs and max(measured.proofs) <= method.counterpart.bound:
        return f": {cause} (confirmed: that formula {agreement(max(measured.proofs))}; {size})"
    if _refuted(measured, method):
        return f" (not the known one{version}, which is off by {max(measured.proofs):.2g}: {cause}; {size})"
    if cause:
        return f" (known cause{version}: {cause}; not confirmed here; {size})"
    return f" (known: {method.fault}; not confirmed here; {size})" if method.fault else f" ({size})"


def _refuted(measured: Measured, method: AuditedMethod) -> bool:
    """Whether the known formula was run, and does not give the library's maps."""
    return bool(measured.proofs) and method.counterpart.bound < max(measured.proofs) < math.inf


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
    """One line: agreement first, then what is wrong; what is wrong with benchbench's method last."""
    texts = [finding.text for finding in findings]
    if not method.counterpart.method:
        return "; ".join([not_compared(method), *texts])
    kinds = {finding.kind for finding in findings}
    apart = measured.difference
    if apart is None:
        ours = _ours(measured)
        return "; ".join([*ours, *texts] if ours or "fails" in kinds else ["not applicable on these networks", *texts])
    texts += _ours(measured)
    if "formula" in kinds:
        return "; ".join(texts)
    if not measured.live:
        return "; ".join(["nothing to compare: every map is constant", *texts])
    if not agrees(measured, method):
        return "; ".join(["hidden by its noise: two of its own calls differ as much", *texts])
    return "; ".join([agreement(apart), *texts])


def _ours(measured: Measured) -> list[str]:
    """What keeps benchbench's method from being compared: a crash anywhere, or a reason that holds everywhere."""
    first = measured.broken[:1]
    if first:
        where = f" on {first[0].network}, {first[0].layer}" if measured.compared else ""
        return [f"benchbench's method fails{where}: {first[0].reason}"]
    if measured.compared or not measured.inapplicable:
        return []
    return [f"benchbench's method does not apply: {measured.inapplicable[0].reason}"]


def not_compared(method: AuditedMethod) -> str:
    """Why a method without a counterpart has none."""
    counterpart = method.counterpart
    if not counterpart.stated:
        same = f" (benchbench's {counterpart.apart} has the same name; nobody compared the two)"
        return f"no counterpart stated{same if counterpart.apart else ''}"
    apart = counterpart.apart
    return f"not compared: benchbench's {apart} takes other arguments" if apart else "not in benchbench"


def agrees(measured: Measured, method: AuditedMethod) -> bool:
    """Whether the maps were compared, are not constant, and agree within the bound."""
    apart = measured.difference
    return apart is not None and measured.live and apart <= method.counterpart.bound
