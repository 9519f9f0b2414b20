"""What a worker has to find as the command did: the device, the code, the network and the data.

The cells that a worker fills have the command's names. A name is a digest of everything that the numbers depend on, so
a worker names its cells itself, with the code that it has imported, and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from ...digests import digest, users_modules
from ...errors import BenchError
from ...formatting import join_words
from ...registry import METHODS, METRICS, Registry
from ...registry.method_parameter import Method
from ...registry.registry import P
from ...study.identity import engine_digest
from ...study.plan import Task
from ...study.spec import StudySpec

_SAME = "Workers need the same {} as the command that starts them"
_NO_GPU = "Set num_gpus: 1, or a part of a GPU such as 0.5; or compute everything on processors: device: cpu"
_NO_GPU_HERE = "Set device: cpu, or start the command on a machine with a GPU"


@dataclass(frozen=True)
class CommandPlan:
    """What the command has found.

    Attributes:
        device: the type of its device.
        engine: the digest of benchbench's own code and its libraries.
        predictions: of every shard, the name of its pack: it depends on the engine, the network and the images.
        cells: of every shard, a digest of the names of its cells: they depend on the plugins too.
        first: the names of the first shard's cells, which tell whose code is another.
        modules: the digests of the users' modules that methods and metrics name.
    """

    device: str
    engine: str
    predictions: tuple[str, ...]
    cells: tuple[str, ...]
    first: tuple[str, ...]
    modules: frozenset[str]

    @classmethod
    def of(cls, study: StudySpec, tasks: Sequence[Task]) -> CommandPlan:
        """Of a network's shards in this process; there is at least one."""
        names = [[name for _, name in _cells(task)] for task in tasks]
        return cls(
            tasks[0].shard.model.settings["device"],
            engine_digest(),
            tuple(task.predictions for task in tasks),
            tuple(digest(each) for each in names),
            tuple(names[0]),
            frozenset[str]().union(*(_contents(function) for function in _functions(study))),
        )

    def device_here(self, choose: Callable[[], torch.device]) -> torch.device:
        """The device that ``choose`` returns.

        Raises:
            BenchError: it is of another type than the command's, which moves the last digits of the numbers.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise BenchError("the command computes on a GPU, and a worker has none", where="device", hint=_NO_GPU)
        device = choose()
        if device.type != self.device:
            message = f"the command computes on {self.device}, and a worker on {device.type}"
            raise BenchError(message, where="device", hint=_NO_GPU_HERE)
        return device

    def with_code_here(self, study: StudySpec) -> StudySpec:
        """The study with the methods and metrics that this process has imported; their digests are of that code.

        Methods and metrics of a script or notebook were sent as code, and stay as they are.

        Raises:
            BenchError: this process has another engine, or other versions of the modules which such code names.
        """
        if engine_digest() != self.engine:
            hint = _SAME.format("versions of benchbench and of the libraries that make numbers, such as torch")
            raise BenchError("a worker has another version of benchbench or its libraries", where="engine", hint=hint)
        methods = [
            replace(each, plugin=self._here(METHODS, each.plugin), params=self._params_here(each.params))
            for each in study.methods
        ]
        metrics = [replace(each, plugin=self._here(METRICS, each.plugin)) for each in study.metrics]
        return study.model_copy(update={"methods": tuple(methods), "metrics": tuple(metrics)})

    def _here(self, registry: Registry[P], sent: P) -> P:
        here = _registered(registry, sent)
        if here is not None:
            return here
        for path in users_modules(sent.function):
            if hashlib.sha256(path.read_bytes()).hexdigest() not in self.modules:
                message = f"{registry.kind} {sent.name} uses {path.name}, of which a worker has another version"
                raise BenchError(message, where=str(path), hint=_SAME.format("modules"))
        return sent

    def _params_here(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._method_here(each) if isinstance(each, Method) else each for key, each in params.items()}

    def _method_here(self, method: Method) -> Method:
        plugin = self._here(METHODS, method.plugin)
        return method if plugin is method.plugin else Method(method.name, self._params_here(method.arguments))

    def refuse_other(self, tasks: Sequence[Task], where: str) -> None:
        """Compare with the shards as this process names them.

        Raises:
            BenchError: the names are others; what they are of is named.
        """
        if tuple(task.predictions for task in tasks) != self.predictions:
            hint = _SAME.format("network and data")
            raise BenchError("a worker has another network or other data", where=where, hint=hint)
        if tuple(digest([name for _, name in _cells(task)]) for task in tasks) != self.cells:
            here = list(zip(_cells(tasks[0]), self.first, strict=False))
            others = list(dict.fromkeys(label for (label, name), sent in here if name != sent))
            methods = [label for label in others if label.startswith("method")]  # whose metrics have other names too
            shown = join_words((methods or others)[:3]) or "a method or a metric"
            hint = f"{_SAME.format('plugin files')}. If a file was edited during the run, start the run again"
            raise BenchError(f"a worker has other code or other files of {shown}", where=where, hint=hint)


def _cells(task: Task) -> Iterator[tuple[str, str]]:
    """Whose each cell of a shard is, and its name."""
    yield from ((f"method {cell.method.label}", cell.name) for cell in (*task.maps, *task.bases))
    yield from ((f"metric {cell.metric.label}", cell.name) for cell in task.metrics)


def _registered(registry: Registry[P], sent: P) -> P | None:
    """The plugin of the same name in this process; None for code that was sent."""
    try:
        here = registry[sent.name]
    except BenchError:
        return None
    return here if here.name == sent.name else None  # not one of a similar name


def _functions(study: StudySpec) -> Iterator[Callable[..., Any]]:
    """The methods and metrics, and the methods inside methods."""
    yield from (choice.plugin.function for choice in study.metrics)
    waiting: list[Any] = list(study.methods)
    while waiting:
        each = waiting.pop()
        yield each.plugin.function
        waiting += [value for value in each.params.values() if isinstance(value, Method)]


@cache  # as they were for the first network: an edited file is not the code that runs
def _contents(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in users_modules(function))
