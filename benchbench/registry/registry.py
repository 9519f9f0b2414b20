"""Registries of methods, metrics, models, datasets and suites: one decorator each, and nothing else to edit.

A plugin is a function. Its keyword-only arguments are its parameters: name, type and default are read from the
signature. Third parties register through the entry-point groups ``benchbench.methods``, ``.metrics``, ``.models``,
``.datasets`` and ``.suites``; ``benchbench run --plugin FILE.py`` imports a file that uses the decorators.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import BenchError, meant, nearest_by_family, raised
from ..vocabulary import FAMILIES as FAMILIES
from ..vocabulary import METRIC_NEEDS as METRIC_NEEDS
from ..vocabulary import NEEDS as NEEDS
from .importing import load_file as load_file
from .metadata import check_name
from .plugin import DatasetPlugin as DatasetPlugin
from .plugin import MethodPlugin as MethodPlugin
from .plugin import MetricPlugin as MetricPlugin
from .plugin import MetricReading as MetricReading
from .plugin import ModelPlugin as ModelPlugin
from .plugin import Parameter as Parameter
from .plugin import Plugin as Plugin
from .plugin import SuitePlugin as SuitePlugin

P = TypeVar("P", bound="Plugin")


@dataclass(frozen=True)
class Group:
    """A name that stands for several plugins.

    Attributes:
        list_members: their names; asked for when the group is, as plugins of a package come one after the other.
    """

    name: str
    list_members: Callable[[], Sequence[str]]
    summary: str

    @property
    def members(self) -> tuple[str, ...]:
        """The plugins' names."""
        return tuple(self.list_members())


@dataclass(frozen=True)
class OpenFamily(Generic[P]):
    """Plugins named ``prefix:NAME``, which are made when they are asked for.

    Attributes:
        make: from NAME to the plugin; raises BenchError for an unknown NAME.
        names: every NAME, for listings; raises BenchError where their library is not installed. None: not listed.
        summary: what the family is, for listings.
    """

    prefix: str
    make: Callable[[str], P]
    names: Callable[[], Sequence[str]] | None = None
    summary: str = ""


class Registry(Generic[P]):
    """Names to plugins of one kind. Built-in and entry-point plugins are imported at the first look."""

    def __init__(self, kind: str, builtin: str) -> None:
        self.kind, self.builtin = kind, builtin
        self._plugins: dict[str, P] = {}
        self._families: dict[str, OpenFamily[P]] = {}
        self._groups: dict[str, Group] = {}
        self._loaded = False

    def add(self, plugin: P) -> None:
        """Register a plugin.

        Raises:
            BenchError: the name is taken; both places are named.
        """
        check_name(self.kind, plugin.name)
        old = self._plugins.get(plugin.name)
        if old is not None:
            raise BenchError(
                f"{self.kind} {plugin.name!r} is registered twice: {old.origin} and {plugin.origin}",
                hint="Rename one of them",
            )
        _ = plugin.source_digest  # of the code as it is now
        self._plugins[plugin.name] = plugin

    def add_family(
        self,
        prefix: str,
        make: Callable[[str], P],
        *,
        names: Callable[[], Sequence[str]] | None = None,
        summary: str = "",
    ) -> None:
        """Plugins named ``prefix:NAME``, made when asked for: see ``OpenFamily``."""
        self._families[prefix] = OpenFamily(prefix, make, names, summary)

    def open_families(self) -> Mapping[str, OpenFamily[P]]:
        """By prefix, the families whose plugins are made when they are asked for."""
        self.load()
        return self._families

    def add_group(self, name: str, members: Sequence[str] | Callable[[], Sequence[str]], summary: str) -> None:
        """A name that stands for several plugins in a study's list; it is no plugin itself.

        Args:
            members: the plugins' names, or what lists them when it is asked.
        """
        self._groups[name] = Group(name, _lister(members), summary)

    def groups(self) -> Mapping[str, Group]:
        """By name, each name that stands for several plugins."""
        self.load()
        return self._groups

    def members(self, item: Any) -> tuple[Any, ...]:
        """What an item of a study's list stands for: the members of the group that it names, or the item itself."""
        if not isinstance(item, str) or item in self:
            return (item,)
        return next((self._groups[name].members for name in meant(item, self._groups)), (item,))

    def remove(self, name: str) -> None:
        """Forget a plugin (for tests, and for a notebook that edits a method)."""
        self._plugins.pop(name, None)

    def __getitem__(self, name: str) -> P:
        """The plugin of a name, or of another spelling of it: GradCAM, Grad-CAM and grad_cam are ``gradcam``.

        Raises:
            BenchError: no plugin has the name, or two have it in other spellings.
        """
        plugins = self.load()
        prefix, colon, rest = name.partition(":")
        family = meant(prefix, self._families) if colon else []
        if len(family) == 1:
            return self._families[family[0]].make(rest)
        spelled = meant(name, plugins)
        if len(spelled) > 1:
            listed = " or ".join(repr(each) for each in spelled)
            raise BenchError(f"{self.kind} {name!r} can be {listed}", hint="Write the name as it is registered")
        if not spelled and meant(name, self._groups):
            members = ", ".join(self._groups[meant(name, self._groups)[0]].members)
            raise BenchError(f"{name!r} stands for several {self.kind}s", hint=f"Name one of them: {members}")
        if not spelled:
            raise BenchError(f"unknown {self.kind} {name!r}", hint=self._hint(name))
        return plugins[spelled[0]]

    def _hint(self, name: str) -> str:
        file, colon, bare_name = name.rpartition(":")
        if self.kind in ("method", "metric") and colon and file.endswith(".py"):
            options = f"{bare_name}, and --plugin {file}"
            return f"A {self.kind} of a file is named alone, and the file is given besides: {options}"
        more = f". A {self.kind} of your own: --plugin FILE.py" if self.kind in ("method", "metric") else ""
        more += ". timm's networks: timm:NAME" if self.kind == "model" else ""
        return nearest_by_family(name, self.families()) + more

    def families(self) -> dict[str, list[str]]:
        """Every registered name by family: a metric's own, a method by what it needs, a model by its name's stem."""
        by_family: dict[str, list[str]] = {}
        for plugin in self.load().values():
            by_family.setdefault(_family(plugin), []).append(plugin.name)
        return {family: sorted(by_family[family]) for family in sorted(by_family)}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(meant(name, self.load()))

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
MODELS: Registry[ModelPlugin] = Registry("model", "benchbench.models.builtin")
DATASETS: Registry[DatasetPlugin] = Registry("dataset", "benchbench.datasets")
SUITES: Registry[SuitePlugin] = Registry("suite", "benchbench.suites.builtin_suites")


def _lister(names: Sequence[str] | Callable[[], Sequence[str]]) -> Callable[[], Sequence[str]]:
    if callable(names):
        return names
    listed = tuple(names)
    return lambda: listed


def _family(plugin: Plugin) -> str:
    if isinstance(plugin, MetricPlugin):
        return plugin.family
    if isinstance(plugin, ModelPlugin):
        stem = re.match(r"(wide_)?[a-z]+", plugin.name.lower())
        return stem[0] if stem else plugin.name
    if not isinstance(plugin, MethodPlugin):
        return ""
    if plugin.control:
        return "controls"
    if any(p.type_name == "Method" for p in plugin.parameters.values()):
        return "of another method"
    return next((family for need, family in _FAMILIES.items() if need in plugin.needs), "from activations")


_FAMILIES = {
    "attention": "from attention",
    "input": "in pixels",
    "modules": "in pixels",
    "scores": "from forward passes",
    "rest": "from forward passes",
    "gradient": "from gradients",
    "look": "from gradients",
}


def _load_entry(entry: importlib.metadata.EntryPoint, kind: str) -> None:
    try:
        entry.load()
    except (BenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit too
        owner = entry.dist.name if entry.dist else "an installed package"
        raise BenchError(
            f"the {kind} plugin {entry.name!r} of {owner} ({entry.value}) fails to import: {raised(error)}",
            hint=f"Fix it, or remove it with: pip uninstall {owner}",
        ) from error
