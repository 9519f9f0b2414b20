"""A method of a study that another library implements: its parameters, what is known of it, and how it is run."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from benchbench.containment.returned_maps import checked_maps
from benchbench.plugin_guard import seeded
from benchbench.registry import MethodPlugin, Parameter
from benchbench.registry.library import Library
from benchbench.types import INPUT, Layer, LibraryCall

Run: TypeAlias = Callable[[LibraryCall, Mapping[str, Any]], Tensor]
_ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})")
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class LibraryMethod(MethodPlugin):
    """A method as another library implements it.

    Attributes:
        library: the library.
        implementation: its class.
        options: its parameters, by name.
        run: from a call on n images and the parameters to maps (n, h, w), as the library returns them. A study calls
            it with one image at a time.
    """

    library: Library = field(kw_only=True)
    implementation: type = field(kw_only=True)
    options: Mapping[str, Parameter] = field(kw_only=True)
    run: Run = field(kw_only=True)

    @property
    def library_version(self) -> str:
        return f"{self.library.title} {self.library.version}"

    @property
    def parameters(self) -> dict[str, Parameter]:
        return dict(self.options)

    @property
    def summary(self) -> str:
        source = f"{self.implementation.__name__} of {self.library_version}, as it returns the map"
        convention = f"Convention: {self.convention}" if self.convention else ""
        return ". ".join(filter(None, [source, f"Known: {self.note}" if self.note else "", convention]))

    @property
    def origin(self) -> str:
        """``file:line`` of the library's class."""
        return f"{inspect.getsourcefile(self.implementation)}:{inspect.getsourcelines(self.implementation)[1]}"

    @cached_property
    def source_digest(self) -> str:
        """Of the adapters, the helpers of methods that they import, and the library's version.

        An upgrade, or a change of a helper through which maps pass, computes the maps anew.
        """
        state = hashlib.sha256(f"{self.name} {self.library.version}".encode())
        for path in adapter_files():
            state.update(path.read_bytes())
        return state.hexdigest()[:16]


def library_method(
    name: str,
    library: Library,
    implementation: type,
    options: Mapping[str, Parameter],
    run: Run,
    *,
    pixels: bool = False,
    control: bool = False,
    note: str = "",
    convention: str = "",
    parts: str = "",
) -> LibraryMethod:
    """The plugin ``prefix:NAME``.

    Args:
        name: of the method in its library.
        pixels: whether it explains the input and not a layer.
        control: whether it is no explanation, but a control such as a random map.
        note: its known fault, in a sentence.
        convention: where it follows another convention than the definition, in a sentence.
        parts: what its values belong to, where that is neither pixels of the input nor cells of a layer.
    """

    def one_by_one(layer: Layer, **params: Any) -> Tensor:
        maps = []
        for i, seed in enumerate(layer.seeds):
            with layer.borrow(i) as call, seeded(seed), torch.enable_grad():
                maps.append(_maps_of(call, run(call, params)))
        return torch.cat(maps)

    return LibraryMethod(
        f"{library.prefix}:{name}",
        one_by_one,
        paper_of(implementation),
        f"{library.title} {name}",
        frozenset({"original", "input"} if pixels else {"original"}),
        control,
        fails=note,
        note=note,
        convention=convention,
        parts=parts,
        library=library,
        implementation=implementation,
        options=options,
        run=run,
    )


def _maps_of(call: LibraryCall, returned: Any) -> Tensor:
    """What the library returned for the call, as maps (n, h, w)."""
    where = "the input" if call.layer == INPUT else f"layer {call.layer!r}"
    return checked_maps(returned, len(call.images), f"the library at {where}").to(call.images.device)


def paper_of(implementation: type) -> str:
    """The first arXiv number in the class's documentation, or in a module that is about this class alone; or ""."""
    module = sys.modules[implementation.__module__]
    classes = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    texts = [implementation.__doc__ or "", inspect.getsource(module) if len(classes) == 1 else ""]
    matches = [match for text in texts if (match := _ARXIV.search(text))]
    return f"arXiv:{matches[0][1]}" if matches else ""


@cache
def adapter_files(folder: Path = _FOLDER) -> tuple[Path, ...]:
    """The files of a folder of adapters, and those beside and below its parent that they import, and that these import.

    What is imported from elsewhere is in the engine's digest.
    """
    files = set(folder.glob("*.py"))
    unread = list(files)
    while unread:
        path = unread.pop()
        more = {each for each in _imported(path) if folder.parent in each.parents and each.is_file()} - files
        files |= more
        unread += more
    return tuple(sorted(files))


def _imported(path: Path) -> Iterator[Path]:
    """Files that the relative imports of a file may name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            module = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            yield module.with_name(f"{module.name}.py")
            yield from (module / f"{alias.name}.py" for alias in node.names)
