"""Studies run once in a session of tests, whichever process asks first."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from ..api.run import Run
from ..api.study import Study
from ..datasets import as_dataset
from ..digests import digest
from ..engine.device import device_of
from ..engine.study_sources import example_of, ready_dataset, ready_spec, returning_logits
from ..errors import BenchError
from ..files import write
from ..models.load import fingerprint
from ..network.capture import capture, eval_frozen
from ..study.identity import identity
from ..study.spec import DatasetChoice, MethodChoice, MetricChoice, ModelChoice

DONE, FAILED = "done", "failed.json"


@dataclass
class SessionRuns:
    """Runs in a folder that all processes of a session share; a study is known by its content.

    Content: what a study file says, the weights and answers of the networks and the images that were given as objects,
    and the code of methods and metrics.
    """

    folder: Path
    _known: dict[str, Run | str] = field(default_factory=dict)

    def run(self, study: Study) -> Run:
        """The study's finished run; who comes second waits for the first.

        Raises:
            BenchError: it failed, here or in another process; the same reason every time.
        """
        name = content(study)
        if name not in self._known:
            self._known[name] = self._first(study, self.folder / name)
        result = self._known[name]
        if isinstance(result, str):
            raise BenchError(result)
        return result

    def _first(self, study: Study, folder: Path) -> Run | str:
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):  # a process that dies lets go of it
            if (folder / FAILED).is_file():
                return str(json.loads((folder / FAILED).read_text(encoding="utf-8")))
            if (folder / DONE).is_file():
                return Run.load(folder)
            try:
                run = study.run(folder, report=False)
            except Exception as error:
                return self._failed(folder, error)
            write(folder / DONE, lambda file: file.write(b""))
            return run

    def _failed(self, folder: Path, error: Exception) -> str:
        known = isinstance(error, BenchError)
        reason = str(error) if known else "".join(traceback.format_exception(error)).rstrip()
        write(folder / FAILED, lambda file: file.write(json.dumps(reason).encode()))
        return reason


def read_study(study: str | Path | Study | None, keys: Mapping[str, Any]) -> Study:
    """A study from a file, whose keys ``keys`` override, or from keys alone.

    Raises:
        BenchError: it is none.
    """
    if isinstance(study, Study):
        if keys:
            raise BenchError("a Study has its keys already", where="benchbench_run", hint="Give one or the other")
        return study
    return Study(**keys) if study is None else Study.from_yaml(study, **keys)


def content(study: Study) -> str:
    """A digest that tells studies apart by what their numbers come from."""
    judged: list[MethodChoice | MetricChoice] = [*study.methods, *study.metrics]
    code = [(choice.label, *identity(choice.plugin, choice.params)) for choice in judged]
    loaded: list[ModelChoice | DatasetChoice] = [*study.models, *study.datasets]
    builders = [choice.plugin.source_digest for choice in loaded if choice.plugin]
    return digest(study.plain(), code, builders, list(_object_contents(study)))


def _object_contents(study: Study) -> Iterator[Any]:
    """What the study's names do not say: of each network and dataset that is an object, its content."""
    for model in study.models:
        if model.plugin is None:
            yield model.label, *_answers(model, study)
    for data in study.datasets:
        if data.plugin is None:
            dataset = as_dataset(data.label, data.value)
            yield data.label, list(dataset.ids), [dataset.fingerprint(i) for i in range(len(dataset.ids))]


def _answers(model: ModelChoice, study: Study) -> tuple[str, dict[str, Any]]:
    """Weights, code and what the network answers to an example, with how it is fed."""
    device = device_of(study)
    spec = ready_spec(model, device)
    example = example_of(ready_dataset(study.datasets[0], spec, study.probability), spec, device)
    spec = returning_logits(spec, example, study.probability)
    with eval_frozen(spec.network), torch.no_grad():
        logits = capture(spec.network, example, [], lambda z: z.argmax(1), gradient=False).logits
    return fingerprint(spec.network, logits), vars(spec.preprocess)
