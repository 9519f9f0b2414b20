"""The commands and the Python lines that repeat a question: on its picture, and on a data set."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..digests import digest
from ..errors import BenchError, nearest
from ..looking.looked import SCORES
from ..registry import DATASETS
from ..study.item_text import parse_item
from ..study.spec import Target, read_method

FIRST_DATA = "photos"
ROOT = "root"  # the parameter of data sets that lie in a folder
SAMPLES = 64
_SPECIAL = frozenset(",:\"'\\")


@dataclass(frozen=True)
class RepeatedQuestion:
    """What is repeated.

    Attributes:
        methods: as the command line spells them.
        model: as the command line spells the network; ``model_item``: as a study takes it.
        classes: the visitor's words; ``targets``: those of a study.
    """

    model: str
    model_item: Any
    methods: Sequence[str]
    layers: str | Sequence[str]
    classes: Sequence[str]
    targets: Sequence[Target]
    scores: bool = True

    def explain_command(self, picture: str) -> str:
        """``benchbench explain`` of the picture."""
        file = f"./{picture}" if picture.startswith("-") else picture
        words = ["benchbench", "explain", file, "--model", self.model, "--methods", ",".join(self.methods)]
        words += ["--layers", self._layers, "--classes", ",".join(self.classes)]
        return shlex.join([*words, *(["--scores"] if self.scores else [])])

    def run_command(self, data: str, path: str = "") -> str:
        """``benchbench run`` on a data set.

        Args:
            data: a registered name; path: of its folder, for data that lie in one.
        """
        words = ["benchbench", "run", "--models", self.model, "--datasets", data_text(data, path)]
        words += ["--layers", self._layers, "--methods", ",".join(self.methods), "--metrics", ",".join(SCORES)]
        words += ["--target", ",".join(map(str, self.targets)), "--samples", str(SAMPLES), "--seed", "0"]
        return shlex.join([*words, "--out", self._out(data, path)])

    def python_lines(self, data: str, path: str = "") -> str:
        """The same study in Python."""
        item = {"name": data, ROOT: path} if path else data
        targets = list(self.targets) if len(self.targets) > 1 else self.targets[0]
        keys = {
            "models": [self.model_item],
            "datasets": [item],
            "layers": self.layers if isinstance(self.layers, str) else list(self.layers),
            "methods": list(map(_plain_method, self.methods)),
            "metrics": list(SCORES),
            "target": targets,
            "samples": SAMPLES,
            "seed": 0,
        }
        lines = [f"    {key}={value!r}," for key, value in keys.items()]
        study = ["study = bb.Study(", *lines, ")"]
        end = [f"run = study.run({self._out(data, path)!r})", "print(run)"]
        return "\n".join(["import benchbench as bb", "", *study, *end])

    @property
    def _layers(self) -> str:
        return self.layers if isinstance(self.layers, str) else ",".join(self.layers)

    def _out(self, data: str, path: str) -> str:
        """A folder for each study: a folder holds one study's results."""
        asked = (self.model, data, path, *self.methods, self._layers, *map(str, self.targets))
        return f"runs/app-{digest(*asked)[:8]}"


def _plain_method(text: str) -> Any:
    """A method as a study in Python takes it; a parameter's value is of its type, not text."""
    item = parse_item(text)
    if isinstance(item, str):
        return item
    bound = read_method(item).params
    values = {key: value for key, value in item.items() if key == "name"}
    return {**values, **{key: _plain(bound.get(key, value)) for key, value in item.items() if key != "name"}}


def _plain(value: Any) -> Any:
    """A value whose ``repr`` is Python that makes it."""
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def data_choices() -> list[str]:
    """Registered data sets that need nothing else, or a folder alone; photographs and your folder first."""
    names = [name for name, plugin in DATASETS.load().items() if plugin.required <= {ROOT}]
    return [FIRST_DATA, "folder", *(name for name in names if name not in (FIRST_DATA, "folder"))]


def checked_data(data: Any, path: Any) -> tuple[str, str]:
    """A data set as a browser names it, and its folder; an empty one for data that lie in none.

    Raises:
        BenchError: there is no such data set.
    """
    name, text = str(data), str(path or "").strip()
    if name not in data_choices():
        raise BenchError(f"no data set {name!r}", where="data", hint=nearest(name, data_choices()))
    return name, (text or "path/to/images") if ROOT in DATASETS[name].required else ""


def data_text(data: str, path: str) -> str:
    """``photos``, or ``folder:root=PATH``, in quotes where the command line would read a part of the path otherwise."""
    return f"{data}:{ROOT}={quoted(path)}" if path else data


def quoted(value: str) -> str:
    """A value as ``benchbench.study.item_text.parse_item`` reads it back.

    Raises:
        BenchError: it has both kinds of quotes, and a backslash before one of them.
    """
    if not _SPECIAL & set(value) and value == value.strip():
        return value
    for quote in "\"'":
        if quote not in value:
            return f"{quote}{value}{quote}"
    if "\\" in value:
        raise BenchError("a path with both kinds of quotes and a backslash", where="folder", hint="Rename the folder")
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in value)
