"""YAML or Python to a frozen, validated Study. Every name and parameter is checked here, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import BenchError, meant, nearest, safe
from ..paths import expanded
from ..registry import (
    DATASETS,
    METHODS,
    METRICS,
    MODELS,
    SUITES,
    Registry,
)
from ..registry.importing import load_file
from ..registry.registry import P
from ..vocabulary import LOGIT
from .choices import DatasetChoice as DatasetChoice
from .choices import MethodChoice as MethodChoice
from .choices import MetricChoice as MetricChoice
from .choices import ModelChoice as ModelChoice
from .choices import SuiteChoice as SuiteChoice
from .method_lists import with_added
from .scores import with_scores
from .study_file import file_and_function, is_named, name_and_params, read_each, scalar_of, user_name
from .study_file import read_yaml as read_yaml
from .subset import Subset, subset_in

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_PLAIN = (
    *("target", "score", "probability", "samples", "seed", "device", "engine", "batch", "precision", "compile"),
    "workers",
)
_WORKERS = ("processes", "num_cpus", "num_gpus", "ray_address")  # in run.json where they are not the defaults
_Rule: TypeAlias = Annotated[str, Field(pattern=r"^(top-[1-9]\d*|\d+-\d+)$")]
Target: TypeAlias = Literal["predicted", "label"] | Annotated[int, Field(ge=0, strict=True)] | _Rule


class StudySpec(BaseModel):
    """What to compare: models x datasets x layers x methods x metrics.

    The keys are those of a study file. Each of ``models``, ``datasets``, ``methods`` and ``metrics`` is a list, or a
    mapping of the user's names to what they stand for; in a list ``as`` gives the name. In Python models and datasets
    may also be networks, and images or ``(images, labels)``. ``suite`` names a suite, whose keys stand where none are
    given.

    Raises:
        BenchError: an unknown name, a wrong type, a missing file; it names the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    models: tuple[ModelChoice, ...]
    datasets: tuple[DatasetChoice, ...]
    layers: str | tuple[str, ...] | dict[str, str | tuple[str, ...]] = "last"
    methods: tuple[MethodChoice, ...]
    metrics: tuple[MetricChoice, ...]
    target: Target | Annotated[tuple[Target, ...], Field(min_length=1)] = "predicted"
    samples: Annotated[int, Field(gt=0, strict=True)] = 64
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 0
    device: str = "auto"
    engine: Literal["local", "ray"] = "local"
    processes: Annotated[int, Field(gt=0, strict=True)] | None = None
    num_cpus: Annotated[float, Field(gt=0)] = 1
    num_gpus: Annotated[float, Field(ge=0)] = 0
    ray_address: str | None = None
    batch: Literal["auto"] | Annotated[int, Field(gt=0, strict=True)] = "auto"
    score: str | tuple[str, ...] = LOGIT
    probability: Literal["softmax", "sigmoid"] = "softmax"
    precision: Literal["float32", "bf16"] = "float32"
    compile: Annotated[bool, Field(strict=True)] = False
    workers: Annotated[int, Field(ge=0, le=64, strict=True)] = 2
    time_limit: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)] | None = None
    signed: Annotated[bool, Field(strict=True)] = False
    twins: tuple[str, ...] = ()
    suite: SuiteChoice | None = None

    def __init__(self, **keys: Any) -> None:
        try:
            super().__init__(**with_added(with_scores(_of_suite(keys), read_method), read_method))
        except ValidationError as error:
            raise _plainly(error, type(self).model_fields) from None
        except RecursionError:
            raise BenchError("it is nested too deeply", where="study", hint="A study has three levels") from None

    @classmethod
    def from_yaml(cls, path: str | Path, **overrides: Any) -> Self:
        """The study of a file, with keys overridden.

        Args:
            path: a study file in YAML.
            overrides: keys of the study, in place of those of the file.

        Returns:
            The study.

        Raises:
            BenchError: no such file, unreadable YAML, or a key that is wrong.
        """
        try:
            keys = read_yaml(expanded(path))
            return cls(**{**keys, **overrides})
        except BenchError as error:
            if error.where.startswith(str(path)):
                raise
            where = f"{path}: {error.where}" if error.where else str(path)
            raise BenchError(error.what, where=where, hint=error.hint) from None

    @field_validator("models", mode="before")
    @classmethod
    def _models(cls, models: Any) -> tuple[ModelChoice, ...]:
        return read_each("models", models, _model, _model_members)

    @field_validator("datasets", mode="before")
    @classmethod
    def _datasets(cls, datasets: Any) -> tuple[DatasetChoice, ...]:
        return read_each("datasets", datasets, _dataset)

    @field_validator("methods", mode="before")
    @classmethod
    def _methods(cls, methods: Any) -> tuple[MethodChoice, ...]:
        choices: tuple[MethodChoice, ...] = read_each("methods", methods, read_method, METHODS.members)
        for i, choice in enumerate(choices):
            for earlier in choices[:i]:
                if choice.plugin is earlier.plugin and choice.params == earlier.params:
                    message = f"{earlier.label!r} and {choice.label!r} are the same method with the same parameters"
                    raise BenchError(message, where=f"methods[{i}]", hint="Remove one of them")
        return choices

    @field_validator("metrics", mode="before")
    @classmethod
    def _metrics(cls, metrics: Any) -> tuple[MetricChoice, ...]:
        return read_each("metrics", metrics, read_metric)

    @field_validator("device", mode="before")
    @classmethod
    def _device(cls, device: Any) -> str:
        if device == "mps":
            message = "mps has no float64, in which maps are normalised and ranked"
            raise BenchError(message, where="device", hint="Use cpu")
        if not isinstance(device, str) or not _DEVICE.fullmatch(device):
            hint = "Use auto, cpu, cuda, or cuda:1 for the second GPU"
            raise BenchError(f"unknown device {device!r}", where="device", hint=hint)
        return device

    @field_validator("layers", mode="before")
    @classmethod
    def _layers(cls, layers: Any) -> Any:
        if isinstance(layers, Mapping):
            return {name: cls._layers(value) for name, value in layers.items()}
        listed = tuple(layers) if isinstance(layers, list) else layers
        if listed == ():
            raise BenchError("the list is empty", where="layers", hint="Name at least one, or say last, or stages")
        return listed

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(self.target)) if isinstance(self.target, tuple) else (self.target,)

    def layers_of(self, model: str) -> str | tuple[str, ...]:
        """The layers of a model, as the study asks for them; BenchError if a mapping does not name the model."""
        if not isinstance(self.layers, dict):
            return self.layers
        if model not in self.layers:
            raise BenchError(f"no layers for model {model!r}", where="layers", hint=nearest(model, self.layers))
        return self.layers[model]

    def plain(self) -> dict[str, Any]:
        """The study in the form of a study file, for run.json and the report."""
        return {
            "models": [_plain_item(c) for c in self.models],
            "datasets": [_plain_item(c) for c in self.datasets],
            "layers": self.layers if isinstance(self.layers, (str, dict)) else list(self.layers),
            "methods": [c.label for c in self.methods],
            "metrics": [c.label for c in self.metrics],
            **{key: getattr(self, key) for key in _PLAIN},
            **{key: value for key in _WORKERS if (value := getattr(self, key)) != type(self).model_fields[key].default},
            **({"time_limit": self.time_limit} if self.time_limit is not None else {}),
            **({"signed": True} if self.signed else {}),
            **({"twins": list(self.twins)} if self.twins else {}),
            **({"suite": self.suite.plain} if self.suite else {}),
        }


def _of_suite(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys, with those of their suite where they have none."""
    item = keys.get("suite")
    if not item:
        return {key: value for key, value in keys.items() if key != "suite"}
    try:
        choice = item if isinstance(item, SuiteChoice) else SuiteChoice(*_registered(SUITES, item))
        return {**choice.plugin.keys_of(choice.params), **keys, "suite": choice}
    except BenchError as error:
        raise error.at("suite") from None


def _registered(registry: Registry[P], item: Any) -> tuple[str, dict[str, Any], P]:
    """The label, the checked parameters and the plugin of an item that is registered."""
    name, params = name_and_params(item)
    plugin = registry[name]
    bound = plugin.bind(params)
    return plugin.label(bound), bound, plugin


def _model(item: Any) -> ModelChoice:
    if isinstance(item, ModelChoice):
        return item
    user, item = user_name(item)
    if user and not isinstance(item, (str, Mapping)):
        return ModelChoice(user, value=item)
    choice = _named_model(item)
    return replace(choice, label=user) if user else choice


def _model_members(item: Any) -> tuple[Any, ...]:
    """As ``MODELS.members``. FILE.py:function is no group, so that the registry, which takes seconds, is not loaded."""
    return (item,) if isinstance(item, str) and file_and_function(item) else MODELS.members(item)


def _named_model(item: Any) -> ModelChoice:
    name, params = name_and_params(item)
    if place := file_and_function(name):
        file, function = place
        builder = getattr(load_file(file), function, None)
        if not callable(builder):
            raise BenchError(f"{file} has no function {function!r}", hint="Give FILE.py:function")
        params = {key: scalar_of(value) for key, value in params.items()}
        arguments = safe(", ".join(f"{k}={v}" for k, v in sorted(params.items())))
        return ModelChoice(f"{function}({arguments})" if arguments else function, params, value=builder)
    return ModelChoice(*_registered(MODELS, item))


def _dataset(item: Any) -> DatasetChoice:
    if isinstance(item, DatasetChoice):
        return item
    user, item = user_name(item)
    if user and not is_named(item):
        part, item = _part_of_value(item)
        return DatasetChoice(user, value=item, subset=part)
    name, _ = name_and_params(item)
    part, item = subset_in(item, DATASETS[name].parameters)
    choice = DatasetChoice(*_registered(DATASETS, item), subset=part)
    return replace(choice, label=user or choice.own_label)


def _part_of_value(item: Any) -> tuple[Subset | None, Any]:
    """The subset of data from Python: of a mapping of images and labels, its key ``subset``."""
    if not isinstance(item, Mapping) or "subset" not in item:
        return None, item
    part, _ = subset_in({"subset": item["subset"]}, ())
    return part, {key: value for key, value in item.items() if key != "subset"}


def read_method(item: Any) -> MethodChoice:
    """From its name, {name: ..., parameter: ..., as: ...}, or a pair of the user's name and one of these."""
    if isinstance(item, MethodChoice):
        return item
    user, item = user_name(item)
    choice = MethodChoice(*_registered(METHODS, item))
    if user in METHODS and METHODS[user] is not choice.plugin:
        raise BenchError(f"{user!r} is the name of another method", hint="Give another name")
    return replace(choice, label=user) if user else choice


def read_metric(item: Any) -> MetricChoice:
    """From its name, name@protocol, or {name: ..., parameter: ..., as: ...}, or a pair of a user's name and one."""
    if isinstance(item, MetricChoice):
        return item
    user, item = user_name(item)
    choice = _metric_of(item)
    return replace(choice, user_title=user) if user else choice


def _metric_of(item: Any) -> MetricChoice:
    name, params = name_and_params(item)
    name, _, protocol = name.partition("@")
    plugin = METRICS[name]
    name = plugin.name
    if protocol:
        spelled = meant(protocol, plugin.protocols)
        if len(spelled) != 1:
            raise BenchError(f"{name} has no protocol {protocol!r}", hint=nearest(protocol, plugin.protocols))
        protocol = spelled[0]
    if protocol and params:
        raise BenchError(f"{name}@{protocol} fixes its parameters", hint=f"Leave out @{protocol}, or the parameters")
    default = next(iter(plugin.protocols))
    bound = plugin.bind(params or plugin.protocols[protocol or default])
    for known, fixed in plugin.protocols.items():
        if plugin.bind(fixed) == bound:
            return MetricChoice(name, known, bound, plugin)
    return MetricChoice(name, plugin.label(bound).replace(name, "custom", 1), bound, plugin)


def _plain_item(choice: ModelChoice | DatasetChoice) -> Any:
    parameters = {k: _plain_value(v) for k, v in choice.params.items() if v is not None}
    if isinstance(choice, DatasetChoice) and choice.subset:
        parameters["subset"] = choice.subset.chosen_keys
        if choice.plugin is not None and choice.label == choice.own_label:
            return {"name": choice.plugin.name, **parameters}
    if choice.plugin is not None and choice.label != choice.plugin.label(choice.params):
        return {"name": choice.plugin.name, **parameters, "as": choice.label}
    return {"name": choice.label, **parameters} if parameters else choice.label


def _plain_value(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else getattr(value, "plain", value)


def _plainly(error: ValidationError, known: Mapping[str, Any]) -> BenchError:
    """The first thing that pydantic found, in one line that names the key."""
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else "study"
    if first["type"] == "extra_forbidden":
        return BenchError(f"unknown key {key!r}", hint=nearest(key, known))
    if first["type"] == "missing":
        return BenchError("missing", where=key, hint=f"Add {key}: ...")
    if key == "target":
        hint = "Use predicted, label, a class, top-2, 281-285, or a list of them"
        return BenchError(f"cannot read {first['input']!r}", where=key, hint=hint)
    choices = [e["msg"] for e in error.errors() if e["loc"] and e["loc"][0] == key]
    return BenchError(f"{'; or '.join(dict.fromkeys(choices))} (got {first['input']!r})", where=key)
