"""The tensors of a checkpoint beside those of a network: which prefix to remove, and what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..errors import BenchError
from ..formatting import join_words, plural
from .renamed_weights import current_names

# what DataParallel, torch.compile, Lightning modules and training code put in front of a network's names
WRAPPERS = ("module", "model", "net", "network", "backbone", "_orig_mod")
_COMPILED = "_orig_mod."
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")  # heads of GoogLeNet and Inception v3


@dataclass(frozen=True, eq=False)
class WeightsFit:
    """A checkpoint's tensors by a network's names.

    Attributes:
        weights: the tensors behind the prefix, by the network's names where it has them, also under names of old.
        prefix: what was removed in front of the names; empty where nothing was.
        outside: names without the prefix, which belong to other parts of what was saved.
        lacks, spare, wrong: the network's names that the checkpoint lacks, names that the network does not have, and
            names whose tensors have another shape.
        classes: how many classes the checkpoint has, and how many the network, where that alone differs.
    """

    weights: Mapping[str, Tensor]
    prefix: str
    outside: tuple[str, ...]
    lacks: tuple[str, ...]
    spare: tuple[str, ...]
    wrong: tuple[str, ...]
    classes: tuple[int, int] | None

    @property
    def fits(self) -> bool:
        return not (self.lacks or self.spare or self.wrong)

    @property
    def share(self) -> float:
        """The share of all names, the checkpoint's and the network's, whose tensors fit."""
        names = len({*self.weights, *self.lacks})
        return (names - len(self.lacks) - len(self.spare) - len(self.wrong)) / max(names, 1)


def fit_weights(weights: Mapping[str, Tensor], network: nn.Module) -> WeightsFit:
    """How tensors fit a network, under the prefix that lets most of its names be found.

    Raises:
        BenchError: the tensors are of two networks that fit alike, such as a student and a teacher.
    """
    wanted = network.state_dict()
    compiled = any(_COMPILED in name for name in wanted)
    named = weights if compiled else {name.replace(_COMPILED, ""): tensor for name, tensor in weights.items()}
    prefix = _prefix(named, wanted)
    behind = {name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)}
    inside = current_names(behind, wanted)
    wrong = tuple(name for name in wanted if name in inside and inside[name].shape != wanted[name].shape)
    unused = _auxiliary(network, wanted, inside)
    lacks = tuple(name for name in wanted if name not in inside and not _dispensable(name) and name not in unused)
    spare = tuple(name for name in inside if name not in wanted and not _dispensable(name))
    sizes = {(len(inside[name]), len(wanted[name])) for name in wrong if _rows_alone(inside[name], wanted[name])}
    rows = bool(wrong) and all(_rows_alone(inside[name], wanted[name]) for name in wrong)
    classes = sizes.pop() if rows and len(sizes) == 1 and not lacks and not spare else None
    outside = tuple(name for name in named if not name.startswith(prefix))
    removed = (_COMPILED if set(named) != set(weights) and not prefix else "") or prefix
    return WeightsFit(inside, removed, outside, lacks, spare, wrong, classes)


def unwrapped(weights: Mapping[str, Tensor], wrappers: Iterable[str] = WRAPPERS) -> dict[str, Tensor]:
    """The tensors that stand behind the wrappers that most names begin with, by the names behind these."""
    named = {name.replace(_COMPILED, ""): tensor for name, tensor in weights.items()}
    prefix = _common_wrappers(named, tuple(wrappers))
    return {name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)}


def _common_wrappers(names: Iterable[str], wrappers: tuple[str, ...] = WRAPPERS) -> str:
    """The wrappers that more than half of the names begin with, as ``module.model.``; empty where none."""
    prefix, listed = "", list(names)
    while True:
        inner = [f"{prefix}{word}." for word in wrappers]
        longer = [each for each in inner if 2 * sum(name.startswith(each) for name in listed) > len(listed)]
        if not longer:
            return prefix
        prefix = longer[0]


def _prefix(names: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What stands in front of most of the wanted names; known wrappers and short prefixes win among equals."""
    counts: Counter[str] = Counter()
    for name in names:
        parts = name.split(".")
        for i in range(len(parts)):
            if ".".join(parts[i:]) in wanted:
                counts[".".join([*parts[:i], ""]) if i else ""] += 1
    if not counts:
        return _common_wrappers(names)
    most = max(counts.values())
    best = [prefix for prefix, count in counts.items() if count == most]
    known = [prefix for prefix in best if set(prefix.split(".")) <= {*WRAPPERS, ""}]
    if not known and len(best) > 1 and 2 * most > len(wanted):
        listed = join_words(repr(prefix) for prefix in sorted(best))
        hint = "Save the state_dict() of the one you mean"
        raise BenchError(f"the checkpoint holds several such networks: {listed}", where="weights", hint=hint)
    return min(known or best, key=lambda prefix: (prefix.count("."), prefix))


def _rows_alone(tensor: Tensor, wanted: Tensor) -> bool:
    """Whether the first dimension alone differs, as the number of classes has it in a head."""
    return tensor.ndim > 0 and tensor.shape[1:] == wanted.shape[1:] and len(tensor) != len(wanted)


def _auxiliary(network: nn.Module, wanted: Iterable[str], inside: Iterable[str]) -> set[str]:
    """The names of torchvision's auxiliary heads, which run in training alone, where the weights have none of them."""
    if not type(network).__module__.startswith("torchvision.models."):
        return set()
    names = {name for name in wanted if name.startswith(AUXILIARY)}
    return set() if names & set(inside) else names


def _dispensable(name: str) -> bool:
    """A counter of batches is not used."""
    return name.endswith("num_batches_tracked")


def mismatch(fit: WeightsFit, network: nn.Module) -> str:
    """What does not fit, in words."""
    wanted = network.state_dict()
    spare = [*fit.spare, *fit.outside] if fit.lacks else fit.spare
    parts = [
        _listed("the file lacks", fit.lacks),
        _listed("the file has", spare, ", which the network lacks"),
        _shapes(fit.wrong, fit.weights, wanted),
    ]
    return "; ".join(filter(None, parts))


def _listed(what: str, names: tuple[str, ...] | list[str], end: str = "") -> str:
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{what} {', '.join(names[:2])}{more}{end}"


def _shapes(names: tuple[str, ...], weights: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    if not names:
        return ""
    first = names[0]
    others = len(names) - 1
    more = f", and {plural(others, 'more shape')} differ{'s' * (others == 1)}" if others else ""
    return f"{first} is {tuple(weights[first].shape)} in the file and {tuple(wanted[first].shape)} in the network{more}"
