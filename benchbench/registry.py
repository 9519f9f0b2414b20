"""Registries of methods, metrics, models and datasets: one decorator each, and nothing else to edit.

A plugin is a function. Its keyword-only arguments are its parameters: name, type and default are read from the
signature. Third parties register through the entry-point groups ``benchbench.methods``, ``.metrics``, ``.models``
and ``.datasets``; ``benchbench run --plugin FILE.py`` imports a file that uses the decorators.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import math
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from .errors import BenchError, nearest
from .sources import source_digest

NEEDS = {
    "activation": "the layer's output",
    "gradient": "one backward pass, shared with every other method",
    "input": "no layer: it explains the network as a whole, in pixels or patches",
    "stages": "the stages before the layer too",
    "head": "global average pooling and one linear layer behind the layer",
    "rest": "passes through the network behind the layer",
    "scores": "forward passes on other images",
    "look": "forward and backward passes on other images, or for other scores",
    "curvature": "second derivatives",
    "mask": "the dataset's masks",
    "modules": "the network traced by torch.fx, every module called once",
    "biases": "the gradients of all biases",
    "attention": "attention among the patches of the image",
    "block-logits": "a head that reads logits off every block of a vision transformer",
}
F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", bound="Plugin")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a plugin, as its signature says."""

    name: str
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def type_name(self) -> str:
        if hasattr(self.type, "__metadata__"):
            return str(self.type.__origin__.__name__)
        return self.type.__name__ if isinstance(self.type, type) else str(self.type).replace("typing.", "")

    def check(self, value: Any) -> Any:
        """The value as the parameter's type, or a BenchError that names the parameter."""
        try:
            checked = TypeAdapter(self.type).validate_python(value)
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            raise BenchError(f"{said} (got {value!r})", where=self.name) from None
        if isinstance(checked, float) and not math.isfinite(checked):
            raise BenchError(f"Input should be a finite number (got {value!r})", where=self.name)
        return checked


@dataclass(frozen=True)
class Plugin:
    """A registered function, with what a listing shows of it."""

    name: str
    function: Callable[..., Any]
    paper: str = ""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").split("\n")[0]

    @property
    def origin(self) -> str:
        """``file:line`` of the function."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"

    @property
    def parameters(self) -> dict[str, Parameter]:
        hints = typing.get_type_hints(self.function, include_extras=True)
        signature = inspect.signature(self.function)
        return {
            p.name: Parameter(p.name, hints.get(p.name, Any), p.default)
            for p in signature.parameters.values()
            if p.kind is p.KEYWORD_ONLY
        }

    @cached_property
    def source_digest(self) -> str:
        """Changes when the code behind the function does, so that no stale result is reused; see sources.py.

        Taken once, at registration: a file edited later is not the code that runs.
        """
        return source_digest(self.function)

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, checked: those given, the defaults for the others.

        Raises:
            BenchError: an unknown parameter, a wrong type, or a required one that is missing.
        """
        known = self.parameters
        for key in given:
            if key not in known:
                hint = nearest(key, known) if known else f"{self.name} has no parameters"
                raise BenchError(f"{self.name} has no parameter {key!r}", hint=hint)
        missing = [p.name for p in known.values() if p.required and p.name not in given]
        if missing:
            raise BenchError(
                f"{self.name} needs {' and '.join(missing)}", hint=f"Say {{name: {self.name}, {missing[0]}: ...}}"
            )
        return {k: p.check(given[k]) if k in given else p.default for k, p in known.items()}

    def label(self, params: Mapping[str, Any]) -> str:
        """The name, with the parameters that differ from their defaults: ``scorecam(variant=torchcam)``."""
        known = self.parameters
        said = [f"{k}={v}" for k, v in sorted(params.items()) if k in known and v != known[k].default]
        return f"{self.name}({', '.join(said)})" if said else self.name


@dataclass(frozen=True)
class MethodPlugin(Plugin):
    """``needs``: any of NEEDS. A control is shown apart from the methods."""

    needs: frozenset[str] = frozenset()
    control: bool = False

    def needs_of(self, params: Mapping[str, Any]) -> frozenset[str]:
        """What it needs with these parameters: a method among them adds its own needs."""
        return self.needs.union(*(getattr(value, "needs", ()) for value in params.values()))


@dataclass(frozen=True)
class MetricPlugin(Plugin):
    """What the engine must provide for a metric, and how to read its number.

    ``needs``: any of "probes", "map", "mask", "cost". ``probes`` takes the metric's parameters and returns the probes
    whose class scores it wants. ``protocols`` maps a protocol's name to parameters; the first one is the default.
    """

    needs: frozenset[str] = frozenset()
    higher_is_better: bool = True
    probes: Callable[..., Any] | None = None
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unit: str = ""
    title: str = ""


@dataclass(frozen=True)
class ModelPlugin(Plugin):
    """A function that returns a ModelSpec or an nn.Module."""


@dataclass(frozen=True)
class DatasetPlugin(Plugin):
    """A function that returns a Dataset; one that needs "model" is given the ModelSpec as its first argument."""

    needs: frozenset[str] = frozenset()


class Registry(Generic[P]):
    """Names to plugins of one kind. Built-in and entry-point plugins are imported at the first look."""

    def __init__(self, kind: str, builtin: str) -> None:
        self.kind, self.builtin = kind, builtin
        self._plugins: dict[str, P] = {}
        self._loaded = False

    def add(self, plugin: P) -> None:
        """Register a plugin.

        Raises:
            BenchError: the name is taken; both places are named.
        """
        old = self._plugins.get(plugin.name)
        if old is not None:
            raise BenchError(
                f"{self.kind} {plugin.name!r} is registered twice: {old.origin} and {plugin.origin}",
                hint="Rename one of them",
            )
        if set(plugin.name) & set(".@:,"):
            raise BenchError(f"{self.kind} {plugin.name!r} has one of . @ : , in its name", hint="Choose another name")
        _ = plugin.source_digest  # of the code as it is now
        self._plugins[plugin.name] = plugin

    def remove(self, name: str) -> None:
        """Forget a plugin (for tests, and for a notebook that edits a method)."""
        self._plugins.pop(name, None)

    def __getitem__(self, name: str) -> P:
        plugins = self.load()
        if name not in plugins:
            raise BenchError(f"unknown {self.kind} {name!r}", hint=nearest(name, plugins))
        return plugins[name]

    def __contains__(self, name: object) -> bool:
        return name in self.load()

    def names(self) -> list[str]:
        return list(self.load())

    def load(self) -> Mapping[str, P]:
        """Every plugin of this kind; an entry point that fails to import is an error that names it."""
        if not self._loaded:
            importlib.import_module(self.builtin)
            for entry in importlib.metadata.entry_points(group=f"benchbench.{self.kind}s"):
                _load_entry(entry, self.kind)
            self._loaded = True
        return self._plugins


METHODS: Registry[MethodPlugin] = Registry("method", "benchbench.methods")
METRICS: Registry[MetricPlugin] = Registry("metric", "benchbench.metrics")
MODELS: Registry[ModelPlugin] = Registry("model", "benchbench.models")
DATASETS: Registry[DatasetPlugin] = Registry("dataset", "benchbench.datasets")


def method(name: str, *, needs: str | Iterable[str], paper: str = "", control: bool = False) -> Callable[[F], F]:
    """Register a saliency method: a function of a Layer that returns a map (B, h, w), not normalised."""
    wanted = _set(needs)
    for need in wanted - set(NEEDS):
        raise BenchError(f"unknown need {need!r}", where=f"method {name}", hint=nearest(need, NEEDS))
    return _adder(METHODS, lambda f: MethodPlugin(name, f, paper, wanted, control))


def metric(
    name: str,
    *,
    higher_is_better: bool,
    needs: str | Iterable[str],
    protocols: Mapping[str, Mapping[str, Any]],
    probes: Callable[..., Any] | None = None,
    title: str = "",
    unit: str = "",
    paper: str = "",
) -> Callable[[F], F]:
    """Register a metric: a function of a Seen (or, where it needs "cost", of a Cost) that returns a Scored."""
    return _adder(
        METRICS,
        lambda f: MetricPlugin(
            name, f, paper, _set(needs), higher_is_better, probes, protocols, unit, title or name.replace("_", " ")
        ),
    )


def model(name: str, *, paper: str = "") -> Callable[[F], F]:
    """Register a model: a function that returns a ModelSpec or an nn.Module."""
    return _adder(MODELS, lambda f: ModelPlugin(name, f, paper))


def dataset(name: str, *, needs: str | Iterable[str] = (), paper: str = "") -> Callable[[F], F]:
    """Register a dataset: a function that returns a Dataset."""
    return _adder(DATASETS, lambda f: DatasetPlugin(name, f, paper, _set(needs)))


def load_file(path: str | Path) -> Any:
    """Import a user's FILE.py under a name of its own, once.

    Raises:
        BenchError: there is no such file, or it fails to import.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise BenchError(f"no file {str(path)!r}", hint="Give the path of a Python file")
    name = f"benchbench_user_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BenchError(f"{path} is not a Python file", hint="Give a path that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BenchError:
        del sys.modules[name]
        raise
    except BaseException as error:
        del sys.modules[name]
        raise BenchError(
            f"{path} fails to import: {type(error).__name__}: {error}", hint="Run it alone to see where"
        ) from error
    return module


def _adder(registry: Registry[Any], make: Callable[[Callable[..., Any]], Plugin]) -> Callable[[F], F]:
    def add(function: F) -> F:
        registry.add(make(function))
        return function

    return add


def _set(needs: str | Iterable[str]) -> frozenset[str]:
    return frozenset([needs] if isinstance(needs, str) else needs)


def _load_entry(entry: importlib.metadata.EntryPoint, kind: str) -> None:
    try:
        entry.load()
    except BenchError:
        raise
    except Exception as error:
        owner = entry.dist.name if entry.dist else "an installed package"
        raise BenchError(
            f"the {kind} plugin {entry.name!r} of {owner} ({entry.value}) fails to import: "
            f"{type(error).__name__}: {error}",
            hint=f"Mend it, or remove it with: pip uninstall {owner}",
        ) from error
