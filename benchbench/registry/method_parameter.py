"""A method as the parameter of another: what fuses, smooths or inverts any method takes it as ``method``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, InstanceOf

from ..digests import contents_of
from ..errors import BenchError
from ..vocabulary import LOGIT
from . import METHODS, MethodPlugin


@dataclass(frozen=True, eq=False)
class Method:
    """A method by name, with the parameters given. Called with a Layer it returns maps (B, h, w)."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def plugin(self) -> MethodPlugin:
        return METHODS[self.name]

    @cached_property
    def params(self) -> dict[str, Any]:
        return self.plugin.bind(self.arguments)

    def __call__(self, layer: Any) -> Any:
        maps = self.plugin.call(layer.copied().lending(self.needs), self.params)
        if layer.verify is not None:
            layer.verify(self.plugin, layer, self.params, maps)
        return maps

    def __str__(self) -> str:
        return self.plugin.label(self.params)

    @property
    def display_name(self) -> str:
        """The name for reports."""
        return self.plugin.display_name(self.params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def needs(self) -> frozenset[str]:
        return self.plugin.needs_of(self.params)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What its numbers depend on."""
        return self.plugin.name, self.plugin.source_digest, contents_of(self.params)


def read_method(source: Any) -> Method:
    """A method from its name, from {name: ..., parameter: ...}, or from its label ``name(parameter=...)``.

    Raises:
        BenchError: it is neither, or an unknown name or parameter; or it has a score, which the method around it has.
    """
    if isinstance(source, Method):
        method = source
    elif isinstance(source, str):
        method = Method(*_spelled(source))
    elif isinstance(source, Mapping) and isinstance(source.get("name"), str):
        method = Method(source["name"], {str(key): value for key, value in source.items() if key != "name"})
    else:
        raise BenchError(f"cannot read {source!r} as a method", hint="Give a name, or {name: ..., parameter: ...}")
    if "dataset" in method.needs:  # its parameters are checked now
        raise BenchError(f"{method} needs the maps of a whole dataset", hint="Use it alone, not inside another method")
    if method.plugin.explains(method.params) != LOGIT:
        hint = "Give the score to the method around it: {name: ..., of: ..., score: ...}"
        raise BenchError(f"{method} is inside another method, which reads one score", where="score", hint=hint)
    return method


def inside(plugin: MethodPlugin, params: Mapping[str, Any]) -> dict[str, Any]:
    """A method as parameters of a method around it: ``of``, and the score, which the outer method has for both."""
    without_score, asked = plugin.apart(params)
    return {"of": Method(plugin.name, without_score), **asked}


def _spelled(text: str) -> tuple[str, dict[str, str]]:
    """The name and the parameters of a label, as run.json has it: ``smoothed(of=hirescam(rectified=False))``."""
    name, bracket, rest = text.partition("(")
    if not bracket or not text.endswith(")"):
        return text, {}
    parts, depth = [""], 0
    for letter in rest[:-1]:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    pairs = (part.partition("=") for part in parts)
    return name, {key.strip(): value.strip() for key, _, value in pairs}


AnyMethod: TypeAlias = Annotated[InstanceOf[Method], BeforeValidator(read_method)]
