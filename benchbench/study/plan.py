"""A Study on real networks and data: the ordered shards of work, the digest of every cell, and the reasons to skip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from ..digests import digest, versions_of
from ..errors import BenchError, safe
from ..registry.method_parameter import Method
from ..types import INPUT, Dataset, Preprocess
from ..vocabulary import LOGIT
from .identity import engine_digest, identity
from .reference_draw import reference_candidates
from .spec import MethodChoice, MetricChoice, StudySpec, Target

NO_COST = "computed from stored maps; no network pass"
SHARD = 32  # samples; what is lost when a run is killed, and never a matter of the batch size
ReferenceMarks: TypeAlias = tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, eq=False)
class ReadyModel:
    """What the plan of a study knows of a network, without the network itself: a plan outlives it.

    Attributes:
        name: of the study's tables.
        preprocess: from photographs to the network's images.
        class_names: by class index; may be shorter than ``classes``.
        fingerprint: of the weights and the answers, in hex.
        layers: the study's layers on this network.
        channels: by layer, for estimates of work.
        classes: how many logits.
        skips: by (layer, need), why the network cannot serve the need there.
        settings: whatever of the run's settings the numbers depend on.
        proven: see network.scorer.Scorer.
        answers: some logits of an example.
    """

    name: str
    preprocess: Preprocess
    class_names: tuple[str, ...]
    fingerprint: str
    layers: tuple[str, ...]
    channels: Mapping[str, int]
    classes: int
    skips: Mapping[tuple[str, str], str]
    settings: Mapping[str, Any]
    proven: frozenset[str] | None = None
    answers: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Chosen:
    """A dataset's samples that a study takes, all shards together.

    What the dataset says of them is asked once, and what the study's methods and metrics depend on is read once.
    """

    dataset: Dataset
    indices: tuple[int, ...]
    drawn: dict[int, ReferenceMarks] = field(default_factory=dict)  # by seed
    identities: dict[MethodChoice | MetricChoice, tuple[Any, ...]] = field(default_factory=dict)

    @cached_property
    def ids(self) -> dict[int, str]:
        """By index."""
        known = self.dataset.ids
        return {i: safe(known[i]) for i in self.indices}

    @cached_property
    def groups(self) -> Mapping[int, str | None] | None:
        """By index; None where the dataset tells them with each sample alone."""
        known = getattr(self.dataset, "groups", None)
        return None if known is None else {i: known[i] for i in self.indices}

    @cached_property
    def content(self) -> str:
        """A digest of the id and fingerprint of every sample, and of the versions of what decodes them."""
        return digest([(self.ids[i], self.dataset.fingerprint(i)) for i in self.indices], *self.decoders)

    @cached_property
    def decoders(self) -> tuple[Mapping[str, str], ...]:
        """The versions of the libraries that the dataset names as ``decoded_by``; empty where it names none.

        A fingerprint is of what is decoded, and says nothing of the library that does it.
        """
        versions = versions_of(getattr(self.dataset, "decoded_by", ()))
        return (versions,) if versions else ()

    def references(self, seed: int) -> ReferenceMarks:
        """Of the candidates for reference images, in their order: index, id and fingerprint."""
        if seed not in self.drawn:
            names = self.dataset.ids
            candidates = reference_candidates(names, seed)
            self.drawn[seed] = tuple((i, safe(names[i]), self._fingerprint(i)) for i in candidates)
        return self.drawn[seed]

    def identity(self, choice: MethodChoice | MetricChoice) -> tuple[Any, ...]:
        """What the numbers of a method or metric depend on, the same for all shards."""
        if choice not in self.identities:
            self.identities[choice] = identity(choice.plugin, choice.params)
        return self.identities[choice]

    def _fingerprint(self, index: int) -> str:
        """Empty where the sample, which the study need not take, cannot be read."""
        try:
            return self.dataset.fingerprint(index)
        except BenchError:
            return ""


@dataclass(frozen=True, eq=False)
class Shard:
    """Some samples of one dataset, for one model."""

    model: ReadyModel
    dataset: Dataset
    dataset_name: str
    target: Target
    indices: tuple[int, ...]
    whole: Chosen  # the samples of all the dataset's shards

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.whole.ids[i] for i in self.indices)

    @cached_property
    def fingerprints(self) -> list[str]:
        return [self.dataset.fingerprint(i) for i in self.indices]

    @property
    def groups(self) -> dict[str, str | None] | None:
        """By id, its group; None where the dataset tells them with each sample alone."""
        known = self.whole.groups
        return None if known is None else {name: known[i] for name, i in zip(self.ids, self.indices, strict=True)}


@dataclass(frozen=True, eq=False)
class MapCell:
    """The maps of one method at one layer on a shard; ``skip`` is why it does not apply, or empty.

    ``base``: the cell that it is derived from, together with the other shards', where it is a whole dataset's.
    """

    name: str
    layer: str
    method: MethodChoice
    skip: str
    base: MapCell | None = None


@dataclass(frozen=True, eq=False)
class MetricCell:
    """One metric of one map cell's maps."""

    name: str
    maps: MapCell
    metric: MetricChoice


@dataclass(frozen=True, eq=False)
class Task:
    """A shard with every cell asked of it; ``predictions`` names the cell of its targets.

    ``bases``: cells that were not asked for, and that others are derived from.
    """

    shard: Shard
    predictions: str
    maps: tuple[MapCell, ...]
    metrics: tuple[MetricCell, ...]
    bases: tuple[MapCell, ...] = ()


@dataclass(frozen=True, eq=False)
class CostCell:
    """What a method costs alone, at one layer of a model, on a dataset's first readable image, ``images`` times it.

    ``timed``: with time and memory; without, passes are counted, by one call.
    """

    name: str
    shard: Shard
    layer: str
    method: MethodChoice
    skip: str
    images: int
    timed: bool


def choose_samples(available: int, wanted: int, seed: int) -> list[int]:
    """The first ``wanted`` of a seeded shuffle: a larger study on the same data extends a smaller one."""
    order = np.random.default_rng(seed).permutation(available)
    return [int(i) for i in order[:wanted]]


def named_targets(label: str, study: StudySpec) -> dict[str, Target]:
    """By the name that the tables use: a dataset's targets. With several, each is a block of its own."""
    if len(study.targets) == 1:
        return {label: study.targets[0]}
    return {f"{label}, target {target}": target for target in study.targets}


def shards(model: ReadyModel, dataset: Dataset, name: str, target: Target, study: StudySpec) -> Iterator[Shard]:
    """``dataset.chosen``, where it has that, are the indices that its subset leaves; else the study chooses."""
    subset: tuple[int, ...] | None = getattr(dataset, "chosen", None)
    indices = choose_samples(len(dataset.ids), study.samples, study.seed) if subset is None else subset
    chosen = Chosen(dataset, tuple(indices))
    for start in range(0, len(chosen.indices), SHARD):
        yield Shard(model, dataset, name, target, chosen.indices[start : start + SHARD], chosen)


def tasks(shard: Shard, study: StudySpec) -> Task:
    """Every cell of a shard, in the study's order."""
    base = [
        engine_digest(),
        shard.model.fingerprint,
        vars(shard.model.preprocess),
        shard.model.settings,
        shard.target,
    ]
    content = [shard.ids, shard.fingerprints, *shard.whole.decoders]
    bases: dict[tuple[str, str], MapCell] = {}

    def direct(layer: str, method: MethodChoice, parts: tuple[Any, ...]) -> MapCell:
        beside = [[mark[1:] for mark in shard.whole.references(study.seed)]] if "references" in method.needs else []
        name = digest("maps", base, content, study.seed, layer, *parts, *beside)
        return MapCell(name, layer, method, skip_reason(shard.model, layer, method))

    def cell(layer: str, method: MethodChoice) -> MapCell:
        direct_cell = direct(layer, method, shard.whole.identity(method))
        if "dataset" not in method.needs:
            return direct_cell
        of: Method = method.params["of"]
        params = {**of.params, **method.plugin.apart(method.params)[1]}
        of_label = of.plugin.label(params)
        if (layer, of_label) not in bases:
            base_method = MethodChoice(of_label, params, of.plugin)
            bases[layer, of_label] = direct(layer, base_method, identity(of.plugin, params))
        whole_name = digest("derived", direct_cell.name, shard.whole.content)
        return replace(direct_cell, name=whole_name, base=bases[layer, of_label])

    maps = tuple(cell(layer, method) for layer, method in _pairs(shard.model, study))
    map_names = {map_cell.name for map_cell in maps}
    metrics = tuple(
        MetricCell(digest("metric", m.name, *shard.whole.identity(metric)), m, metric)
        for m in maps
        for metric in study.metrics
        if metric.plugin.of_images
    )
    extra = tuple(map_cell for map_cell in bases.values() if map_cell.name not in map_names)
    return Task(shard, digest("predictions", base, content), maps, metrics, extra)


def cost_cells(shard: Shard, study: StudySpec, batch: int, machine: Mapping[str, Any]) -> list[CostCell]:
    """One per layer, method and number of images that a metric of cost asks for.

    Figures hold for a batch of the scorer and a machine.
    """
    timed: dict[int, bool] = {}
    for metric in study.metrics:
        if metric.plugin.alone:
            images = images_asked(metric, batch)
            timed[images] = timed.get(images, False) or "cost" in metric.plugin.needs
    base = [
        engine_digest(),
        shard.model.fingerprint,
        shard.model.settings,
        study.seed,
        batch,
        machine,
        shard.fingerprints,
    ]
    return [
        CostCell(
            digest("cost", base, layer, images, clock, *shard.whole.identity(method)),
            shard,
            layer,
            method,
            skip_reason(shard.model, layer, method) or ("dataset" in method.needs and NO_COST) or "",
            images,
            clock,
        )
        for images, clock in timed.items()
        for layer, method in _pairs(shard.model, study)
    ]


def images_asked(metric: MetricChoice, batch: int) -> int:
    """How many images a metric of cost is measured on: one, or the scorer's batch."""
    return batch if metric.params.get("images") == "largest" else 1


def _pairs(model: ReadyModel, study: StudySpec) -> Iterator[tuple[str, MethodChoice]]:
    """Every method at every layer; those that explain the network as a whole once, at the input image."""
    for layer in model.layers:
        yield from ((layer, method) for method in study.methods if "input" not in method.needs)
    yield from ((INPUT, method) for method in study.methods if "input" in method.needs)


def skip_reason(model: ReadyModel, layer: str, method: MethodChoice) -> str:
    """Why the method does not apply there; empty where it does."""
    reasons = [model.skips.get((layer, need), "") for need in ("any", *sorted(method.needs))]
    if method.explains != LOGIT and model.settings.get("scored"):
        reasons.append(f"the network is scored: its score is what is explained, and has no {method.explains}")
    return next((reason for reason in reasons if reason), "")
