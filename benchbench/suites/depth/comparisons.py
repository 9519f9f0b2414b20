"""The pairs of scores behind ``--suite depth``: best layer and control, best layer and last, fused and best layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...registry.method_parameter import Method
from ...stats.resampling import Array
from ...study.spec import MethodChoice
from .layer_choice import HeldOut, LayerScores, best_layer, held_out

CHANCE, OTHER, FUSED = "above chance", "another layer", "fusing"
NO_HALF = "one half of the images is empty: raise samples"


@dataclass(frozen=True, eq=False)
class Comparison:
    """One method's answer to one question on a network and data.

    Attributes:
        question: CHANCE, OTHER or FUSED.
        model, dataset, method: as the run's tables call them.
        against: what the method is compared with, in words: a control, its last layer, or the method that it fuses.
        layers: what is compared, by half of the images; one where both halves have the same.
        against_layers: the same of what it is compared with.
        left, right: (units,) each: the method's values, and those of what it is compared with.
        absent: why there is nothing to compare; else empty.
        status: of a row without a score: not_applicable, or failed.
    """

    question: str
    model: str
    dataset: str
    method: str
    against: str = ""
    layers: tuple[str, ...] = ()
    against_layers: tuple[str, ...] = ()
    left: Array = field(default_factory=lambda: np.empty(0))
    right: Array = field(default_factory=lambda: np.empty(0))
    absent: str = ""
    status: str = "not_applicable"

    @cached_property
    def differences(self) -> Array:
        return self.left - self.right

    @property
    def words(self) -> str:
        """Both means, and at which layers."""
        return (
            f"{self.left.mean():.2f} at {' or '.join(self.layers)}; "
            f"{self.against}: {self.right.mean():.2f} at {' or '.join(self.against_layers)}"
        )


def compare(
    scores: Sequence[LayerScores],
    methods: Sequence[MethodChoice],
    lacking: Mapping[tuple[str, str, str], tuple[str, str]],
) -> list[Comparison]:
    """Every question for every method, network and data.

    Args:
        scores: of a run.
        methods: of its study.
        lacking: by network, data and method without any value, its status and the reason.
    """
    places = list(dict.fromkeys((each.model, each.dataset) for each in scores))
    every: list[Comparison] = []
    for place in places:
        here = {each.method: each for each in scores if (each.model, each.dataset) == place}
        every += _Setting(here, methods).comparisons()
    for key, (status, reason) in lacking.items():
        fused = any(is_fused(choice) for choice in methods if choice.label == key[2])
        every += [Comparison(q, *key, absent=reason, status=status) for q in (CHANCE, FUSED if fused else OTHER)]
    return every


@dataclass(frozen=True, eq=False)
class _Setting:
    """The methods' scores on one network and data, by label."""

    scores: dict[str, LayerScores]
    methods: Sequence[MethodChoice]

    def comparisons(self) -> Iterator[Comparison]:
        for choice in self.methods:
            if choice.label in self.scores:
                each = self.scores[choice.label]
                fused = is_fused(choice)
                chosen = at_last(each) if fused else held_out(each)
                yield self._chance(each, chosen)
                yield _other(each, chosen, fused=fused)
                if fused:
                    yield self._fused(each, choice)

    def _chance(self, each: LayerScores, chosen: HeldOut | None) -> Comparison:
        place = (CHANCE, each.model, each.dataset, each.method)
        level = self._level
        if chosen is None:
            return Comparison(*place, absent=NO_HALF)
        if level is None:
            return Comparison(
                *place, absent="the study has no control to compare with: add random and center to the methods"
            )
        best = best_layer(level)
        right = HeldOut((level.layers[best],) * 2, level.values[best])
        title = self._titles[level.method]
        return _paired(place, each, right if each is level else chosen, level, right, against=title)

    @cached_property
    def _titles(self) -> dict[str, str]:
        return {choice.label: choice.title for choice in self.methods}

    @cached_property
    def _level(self) -> LayerScores | None:
        """The control with the highest mean at its best layer."""
        names = [choice.label for choice in self.methods if is_blind(choice)]
        known = [self.scores[name] for name in names if name in self.scores]
        return max(known, key=lambda each: each.values.mean(1).max(), default=None)

    def _fused(self, each: LayerScores, choice: MethodChoice) -> Comparison:
        place = (FUSED, each.model, each.dataset, each.method)
        inner = next((value for value in choice.params.values() if isinstance(value, Method)), None)
        if inner is None:
            return Comparison(*place, absent="it fuses no other method, so there is no single layer to beat")
        alike = {**inner.params, **choice.plugin.apart(choice.params)[1]}
        names = [m.label for m in self.methods if m.plugin is inner.plugin and m.params == alike]
        if not names or names[0] not in self.scores:
            return Comparison(
                *place, absent=f"the run has no values of {inner.display_name} at single layers: add it to the methods"
            )
        base = self.scores[names[0]]
        best = held_out(base)
        if best is None:
            return Comparison(*place, absent=NO_HALF)
        return _paired(place, each, at_last(each), base, best, against=self._titles[base.method])


def is_blind(choice: MethodChoice) -> bool:
    """Whether it is a control that knows neither the object nor another method's map of the image."""
    inner = any(isinstance(value, Method) for value in choice.params.values())
    return choice.plugin.control and "mask" not in choice.needs and ("dataset" in choice.needs or not inner)


def is_fused(choice: MethodChoice) -> bool:
    """Whether the method makes one map of several stages."""
    return "stages" in choice.needs


def at_last(scores: LayerScores) -> HeldOut:
    """The last layer, for both halves: where a fusion has all stages."""
    return HeldOut((scores.layers[-1],) * 2, scores.values[-1])


def _other(each: LayerScores, chosen: HeldOut | None, *, fused: bool) -> Comparison:
    place = (OTHER, each.model, each.dataset, each.method)
    if fused:
        return Comparison(*place, absent="a fusion is made of all stages and has no single layer")
    if len(each.layers) < 2:
        return Comparison(*place, absent=f"it has one layer: {each.layers[0]}")
    if chosen is None:
        return Comparison(*place, absent=NO_HALF)
    return _paired(place, each, chosen, each, at_last(each), against="its last layer")


def _paired(
    place: tuple[str, str, str, str],
    each: LayerScores,
    chosen: HeldOut,
    other: LayerScores,
    right: HeldOut,
    *,
    against: str,
) -> Comparison:
    values = dict(zip(other.units, right.values, strict=True))
    mine = dict(zip(each.units, chosen.values, strict=True))
    both = [unit for unit in each.units if unit in values]
    layers, others = (tuple(dict.fromkeys(held.layers)) for held in (chosen, right))
    if not both:
        return Comparison(*place, absent=f"no image has a value of both it and {against}")
    left = np.array([mine[unit] for unit in both])
    return Comparison(*place, against, layers, others, left, np.array([values[unit] for unit in both]))
