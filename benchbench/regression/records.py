"""What a baseline is made of: what the numbers depend on, and the numbers by place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .map_sketch import Sketch


@dataclass(frozen=True)
class ModelRecord:
    """A model as run.json has it; ``state`` is the digest of its parameters and buffers, the same on every machine."""

    name: str
    state: str
    preprocess: dict[str, Any]
    classes: int
    precision: str


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset; ``samples``: by image, the fingerprint of its content."""

    name: str
    samples: dict[str, str]


@dataclass(frozen=True)
class MethodRecord:
    """A method with its parameters; ``code``: the digest of its file."""

    name: str
    plugin: str
    parameters: dict[str, Any]
    control: bool
    code: str


@dataclass(frozen=True)
class MetricRecord:
    """A metric under a protocol; a side of ``range`` is None where it has no bound; ``code``: its file's digest."""

    name: str
    protocol: str
    parameters: dict[str, Any]
    higher_is_better: bool
    unit: str
    family: str
    range: tuple[float | None, float | None]
    code: str

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.protocol


@dataclass(frozen=True)
class Images:
    """A dataset's images as one model has them, in the order of the cells' values, with the classes explained."""

    model: str
    dataset: str
    samples: tuple[str, ...]
    targets: tuple[int | None, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset


@dataclass(frozen=True)
class ScoreRecord:
    """One method's scores at one place under one metric and protocol: a value per image, or why there is none."""

    model: str
    dataset: str
    layer: str
    method: str
    metric: str
    protocol: str
    values: tuple[float | None, ...]
    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)  # by image: the status, not ok, and its reason

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method, self.metric, self.protocol


@dataclass(frozen=True)
class MapRecord:
    """One method's maps at one place; an image without a map is absent."""

    model: str
    dataset: str
    layer: str
    method: str
    sketches: dict[str, Sketch]

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method


@dataclass(frozen=True)
class CostRecord:
    """One measurement of one method at one place, alone and on one image.

    Attributes:
        unit: as its metric says; what is in ``ms`` was timed.
        low, high: its quartiles, of what was timed.
        reference: milliseconds of the reference kernel in the same process, of what was timed.
    """

    model: str
    dataset: str
    layer: str
    method: str
    metric: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    reference: float | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method, self.metric

    @property
    def timed(self) -> bool:
        return self.unit == "ms"


class BaselineRecords(Protocol):
    """What a baseline holds: see ``Baseline``."""

    @property
    def models(self) -> tuple[ModelRecord, ...]: ...
    @property
    def datasets(self) -> tuple[DatasetRecord, ...]: ...
    @property
    def methods(self) -> tuple[MethodRecord, ...]: ...
    @property
    def metrics(self) -> tuple[MetricRecord, ...]: ...
    @property
    def images(self) -> tuple[Images, ...]: ...
    @property
    def scores(self) -> tuple[ScoreRecord, ...]: ...
    @property
    def maps(self) -> tuple[MapRecord, ...]: ...
    @property
    def costs(self) -> tuple[CostRecord, ...]: ...
    @property
    def samples(self) -> Mapping[tuple[str, ...], tuple[str, ...]]: ...
    def text(self) -> str: ...
