"""What a study asks for: networks, data, methods and metrics, each with its parameters and its name in reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..registry import DatasetPlugin, MethodPlugin, MetricPlugin, ModelPlugin, SuitePlugin
from ..vocabulary import LOGIT, PIXELS
from .subset import Subset


@dataclass(frozen=True, eq=False)
class ModelChoice:
    """A network asked for: a registered one, or a value (an nn.Module, a ModelSpec or a function that returns one)."""

    label: str
    params: Mapping[str, Any] = field(default_factory=dict)
    plugin: ModelPlugin | None = None
    value: Any = None

    @property
    def title(self) -> str:
        """The name in reports: the user's, or the network's display name."""
        return _title(self)


@dataclass(frozen=True, eq=False)
class DatasetChoice:
    """Data asked for: a registered dataset, or a value (a Dataset, tensors, a list of photographs), or a part of it."""

    label: str
    params: Mapping[str, Any] = field(default_factory=dict)
    plugin: DatasetPlugin | None = None
    value: Any = None
    subset: Subset | None = None

    @property
    def own_label(self) -> str:
        """The label of data that the user has not named: parameters and subset that are not the defaults."""
        label = self.label if self.plugin is None else self.plugin.label(self.params)
        return f"{label} [{self.subset.words}]" if self.subset and self.plugin else label

    @property
    def title(self) -> str:
        """The name in reports: the user's, or the data's display name."""
        if self.plugin is None or self.label != self.own_label:
            return self.label
        part = f" ({self.subset.words})" if self.subset else ""
        return self.plugin.display_name(self.params) + part


@dataclass(frozen=True, eq=False)
class MethodChoice:
    """A method with its parameters."""

    label: str
    params: Mapping[str, Any]
    plugin: MethodPlugin

    @property
    def renamed(self) -> bool:
        """Whether the label is the user's, and not made of the method's name and parameters."""
        return self.label != self.plugin.label(self.params)

    @property
    def title(self) -> str:
        """The name in reports: the user's, or the method's display name."""
        return _title(self)

    @property
    def needs(self) -> frozenset[str]:
        return self.plugin.needs_of(self.params)

    @property
    def explains(self) -> str:
        """The score whose gradient the method is lent, a word of SCORES."""
        return self.plugin.explains(self.params)

    @property
    def other_score(self) -> str:
        """Why its maps do not explain the target's logit, or "" where they do."""
        score = self.params.get("score", LOGIT)
        return "" if score == LOGIT else f"it compares with the target's logit, and the method explains its {score}"

    @property
    def parts(self) -> str:
        """What the map's values belong to: pixels, the parts that the method names, or the cells of a layer."""
        return self.plugin.parts or (PIXELS if "input" in self.needs else "the cells of a layer")

    @property
    def unsigned(self) -> str:
        """Why its maps are no attributions to pixels with their sign, or "" where they are."""
        if "sign" not in self.params:
            return "needs attributions to pixels with a sign, and the method has no parameter sign"
        if (parts := self.parts) != PIXELS:
            return f"needs attributions to pixels, and the method's values belong to {parts}"
        if self.params["sign"] != "signed":
            return f"needs the attributions' sign; the method keeps the {self.params['sign']} part: say sign: signed"
        return ""


@dataclass(frozen=True, eq=False)
class MetricChoice:
    """A metric under a protocol.

    Attributes:
        protocol: "custom(...)" for parameters that no named protocol has.
        user_title: the user's name for it in reports, or "".
    """

    name: str
    protocol: str
    params: Mapping[str, Any]
    plugin: MetricPlugin
    user_title: str = ""

    @property
    def title(self) -> str:
        """The name in reports."""
        return self.user_title or self.plugin.title

    @property
    def label(self) -> str:
        return f"{self.name}@{self.protocol}"


@dataclass(frozen=True, eq=False)
class SuiteChoice:
    """A suite with its parameters."""

    label: str
    params: Mapping[str, Any]
    plugin: SuitePlugin

    @property
    def title(self) -> str:
        """The name in reports."""
        return self.plugin.display_name(self.params)

    @property
    def plain(self) -> str | dict[str, Any]:
        """The suite as a study file would say it: its name, and the parameters that are not the defaults."""
        known = self.plugin.parameters
        differing = {key: value for key, value in self.params.items() if value != known[key].default}
        shown = {k: str(v) if isinstance(v, Path) else getattr(v, "plain", v) for k, v in differing.items()}
        return {"name": self.plugin.name, **shown} if shown else self.plugin.name


def _title(choice: ModelChoice | MethodChoice) -> str:
    if choice.plugin is None or choice.label != choice.plugin.label(choice.params):
        return choice.label
    return choice.plugin.display_name(choice.params)
