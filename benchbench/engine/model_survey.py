"""Every network of a study, loaded once before anything runs: its plan, how long it takes to load, and its speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import torch

from ..results.store import Store
from ..study.plan import Shard
from ..study.scores import logit_alone
from ..study.spec import ModelChoice, StudySpec
from .data_checks import image_cautions, refuse_without_truth
from .device import deterministic_cudnn
from .planned_work import PlannedWork, planned_work
from .provenance import data_warnings, titles_of
from .setup import LoadedModel, ModelPlan, load
from .speed import forward_seconds, lacks_any

Loading: TypeAlias = Callable[[], LoadedModel]
Told: TypeAlias = Callable[[str, str, Loading], LoadedModel]


@dataclass(frozen=True, eq=False)
class ModelSurvey:
    """What is known of a study's networks before anything runs.

    Attributes:
        plans: of each, in the study's order.
        loads: by network, seconds that it took to load.
        speeds: by network, seconds of a forward of an image; empty where they were not compared.
    """

    plans: list[ModelPlan]
    loads: dict[str, float] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)

    @property
    def shards(self) -> list[Shard]:
        """Of the first network."""
        return [task.shard for task in self.plans[0].tasks]

    @property
    def unit(self) -> float | None:
        """1 where the weights of the planned work are in seconds."""
        return 1.0 if self.speeds else None

    def work(self, store: Store) -> PlannedWork:
        """What the store lacks. The first network stays loaded; the others are loaded again."""
        again = {plan.model.name: self.loads[plan.model.name] for plan in self.plans[1:]}
        return planned_work(self.plans, store, self.speeds, again)

    def cautions(self, study: StudySpec) -> list[str]:
        """What must be said loudly before anything runs.

        Raises:
            BenchError: the data have not the truth that a metric needs.
        """
        return [
            *refuse_without_truth(study, self.shards),
            *(caution for plan in self.plans for caution in plan.warnings),
            *data_warnings(titles_of(study)[1], *(plan.datasets for plan in self.plans)),
            *image_cautions(self.shards),
            *method_cautions(study),
        ]


def method_cautions(study: StudySpec) -> list[str]:
    """What is known to be wrong with the study's methods, and which of them do not follow its score."""
    notes = [f"{choice.title}: {choice.plugin.note}" for choice in study.methods if choice.plugin.note]
    return [*notes, *logit_alone(study.methods, study.score)]


def survey(
    study: StudySpec, store: Store, device: torch.device, told: Told = lambda _name, _title, loading: loading()
) -> tuple[ModelSurvey, LoadedModel | None]:
    """What is known of each network, and the first one, ready.

    Every network is loaded once before anything runs, so that what cannot be met is refused then. One network is in
    memory at a time: the first is loaded last, as it stays for its turn. The speeds of several networks are measured
    if any of their work is still to be done.

    Args:
        told: loads a network, and tells of it.

    Raises:
        BenchError: a network or its data do not load, or cannot do what the study asks.
    """
    known, loaded = ModelSurvey([]), None
    for choice in reversed(study.models):
        loaded = None
        start = time.perf_counter()
        loaded = told(choice.label, choice.title, partial(_loaded, choice, study, device))
        known.loads[choice.label] = time.perf_counter() - start
        known.plans.insert(0, loaded.plan)
        if len(study.models) > 1 and lacks_any(loaded.plan.tasks, store):
            seconds = forward_seconds(loaded, device)
            known.speeds.update({} if seconds is None else {choice.label: seconds})
    return (known if _is_whole(known.speeds, known) else ModelSurvey(known.plans, known.loads)), loaded


def _is_whole(speeds: Mapping[str, float], known: ModelSurvey) -> bool:
    return len(speeds) == len(known.plans)


def _loaded(choice: ModelChoice, study: StudySpec, device: torch.device) -> LoadedModel:
    with deterministic_cudnn():
        return load(choice, study, device)
