"""A network or a data set as the parameter of another: what wraps any of them takes it as ``of``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, InstanceOf

from ..digests import contents_of
from ..errors import BenchError
from . import DATASETS, MODELS
from .plugin import Plugin


@dataclass(frozen=True, eq=False)
class NestedPlugin:
    """A registered network or data set by name, with the parameters given; nothing is loaded by it.

    Attributes:
        name: as it is registered.
        arguments: its parameters that are not the defaults.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def plugin(self) -> Plugin:
        raise NotImplementedError

    @cached_property
    def params(self) -> dict[str, Any]:
        """All parameters, checked."""
        return self.plugin.bind(self.arguments)

    def __str__(self) -> str:
        return self.plugin.label(self.params)

    @property
    def display_name(self) -> str:
        """The name for reports."""
        return self.plugin.display_name(self.params)

    @property
    def plain(self) -> dict[str, Any]:
        """As a study file spells it."""
        values = {key: value for key, value in self.params.items() if value is not None}
        return {
            "name": self.plugin.name,
            **{k: v if _plain(v) else getattr(v, "plain", str(v)) for k, v in values.items()},
        }

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def identity(self) -> tuple[Any, ...]:
        """What its numbers depend on."""
        return self.plugin.name, self.plugin.source_digest, contents_of(self.params)


class NestedModel(NestedPlugin):
    """A network by name, with the parameters given."""

    @cached_property
    def plugin(self) -> Plugin:
        return MODELS[self.name]


class NestedDataset(NestedPlugin):
    """A data set by name, with the parameters given."""

    @cached_property
    def plugin(self) -> Plugin:
        return DATASETS[self.name]


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str, list, tuple))


def _read(kind: type[NestedPlugin], source: Any) -> NestedPlugin:
    """From its name, or from {name: ..., parameter: ...}; its parameters are checked now.

    Raises:
        BenchError: it is neither, or an unknown name or parameter.
    """
    if isinstance(source, kind):
        nested = source
    elif isinstance(source, str):
        nested = kind(source)
    elif isinstance(source, Mapping) and isinstance(source.get("name"), str):
        nested = kind(source["name"], {str(key): value for key, value in source.items() if key != "name"})
    else:
        raise BenchError(f"cannot read {source!r}", where="of", hint="Give a name, or {name: ..., parameter: ...}")
    try:
        _ = nested.params
    except BenchError as error:
        raise error.at("of") from None
    return nested


AnyModel: TypeAlias = Annotated[InstanceOf[NestedModel], BeforeValidator(lambda source: _read(NestedModel, source))]
AnyDataset: TypeAlias = Annotated[
    InstanceOf[NestedDataset], BeforeValidator(lambda source: _read(NestedDataset, source))
]
