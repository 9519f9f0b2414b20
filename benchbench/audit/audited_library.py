"""A library whose methods are audited: those of its family among the methods, and some that only an audit can call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor, nn

from ..errors import BenchError, folded, nearest
from ..methods.implementations.implementation import LibraryMethod
from ..methods.implementations.known_faults import version_looked_at
from ..registry import METHODS
from ..registry.library import Library
from ..types import INPUT, LibraryCall
from ..types.token_grid import Layout
from .audit_place import AuditPlace
from .counterparts import Counterpart, counterpart_of
from .own_calls import OWN_CALLS, OwnCall

LibraryRun: TypeAlias = Callable[[nn.Module, AuditPlace, Tensor, Tensor], Tensor]
_RAW = ("torchcam",)  # its maps are taken before it normalises them


@dataclass(frozen=True)
class AuditedMethod:
    """A method of a library.

    Attributes:
        name: the library's.
        run: from a network that may be spoiled, a place, images (B, C, H, W) and their classes (B,) to the library's
            maps (B, h, w). None if the audit cannot call it.
        counterpart: what it is compared with.
        fault: what is known to be wrong with it, or the convention that it follows, in a sentence.
        looked_at: the version of the library in which causes and faults were looked for, and whether it is another one.
    """

    name: str
    run: LibraryRun | None
    counterpart: Counterpart
    fault: str = ""
    looked_at: str = ""

    @property
    def label(self) -> str:
        """The name, with the arguments that are not the library's defaults."""
        shown = {key: value for key, value in self.counterpart.arguments.items() if key != "sign"}
        arguments = ", ".join(f"{key}={value}" for key, value in shown.items())
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True)
class AuditedLibrary:
    """An installed library.

    Attributes:
        title: its name in reports.
        version: the installed one.
        methods: all of its methods.
    """

    title: str
    version: str
    methods: tuple[AuditedMethod, ...]


def audited_library(name: str) -> AuditedLibrary:
    """The library of a name: its prefix among the methods, its own, or that of its package.

    Raises:
        BenchError: an unknown library; it is not installed, or fails to import.
    """
    families = {prefix: each for prefix, each in METHODS.open_families().items() if each.names is not None}
    prefix = next((prefix for prefix in families if folded(name) in _spellings(prefix)), "")
    if not prefix:
        raise BenchError(f"cannot audit {name!r}", where="audit", hint=nearest(name, families))
    list_names = families[prefix].names
    assert list_names is not None, "such families are left out"
    plugins = {each: METHODS[f"{prefix}:{each}"] for each in list_names()}
    first = next(iter(plugins.values()))
    assert isinstance(first, LibraryMethod), "a family that lists its methods is a library's"
    library = first.library
    added_calls = OWN_CALLS.get(prefix, {})
    methods = [_method(prefix, each, plugin) for each, plugin in plugins.items() if each not in added_calls]
    methods += [_added_method(prefix, each, call, library) for each, call in added_calls.items()]
    looked_at = version_looked_at(library)
    known = (replace(each, looked_at=looked_at) for each in methods)
    return AuditedLibrary(library.title, library.version, tuple(sorted(known, key=lambda each: each.name)))


def _spellings(prefix: str) -> set[str]:
    others = {"torchcam": ("torch-cam",), "pytorch-grad-cam": ("grad-cam",)}
    return {folded(each) for each in (prefix, *others.get(prefix, ()))}


def _method(prefix: str, name: str, plugin: Any) -> AuditedMethod:
    counterpart = counterpart_of(prefix, name)
    raw = {"raw": True} if prefix in _RAW and "raw" in plugin.parameters else {}
    known = plugin.note or plugin.convention
    if plugin.required - counterpart.arguments.keys():
        return AuditedMethod(name, None, counterpart, known)
    try:
        bound = plugin.bind({**counterpart.arguments, **raw})
    except BenchError as error:  # another version, which takes other arguments
        return AuditedMethod(name, None, counterpart, str(error))
    run = partial(_run, plugin.run, bound, pixels="input" in plugin.needs)
    return AuditedMethod(name, run, counterpart, known)


def _run(
    run: Any, params: dict[str, Any], network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor, *,
    pixels: bool,
) -> Tensor:  # fmt: skip
    layer, layout = (INPUT, _whole(images)) if pixels else (place.layer, place.layout)
    maps: Tensor = run(LibraryCall(network, layer, layout, images, classes), params)
    return maps


def _whole(images: Tensor) -> Layout:
    return Layout("first", images.shape[2], images.shape[3])


def _added_method(prefix: str, name: str, call: OwnCall, library: Library) -> AuditedMethod:
    counterpart, kind = counterpart_of(prefix, name), getattr(library.load(), name, None)
    if kind is None:
        return AuditedMethod(name, None, counterpart, f"{library.title} {library.version} has no {name}")

    def run(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
        asked = LibraryCall(network, place.layer, place.layout, images, classes)
        return call(kind, asked, place.stages, dict(counterpart.arguments))

    return AuditedMethod(name, run, counterpart)
