"""Pictures, a network, methods, layers, classes: their maps and scores, as a run of a study makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.device import device_of
from ..engine.progress import Progress
from ..engine.read_run import read_run
from ..engine.runner import run
from ..engine.study_sources import ready_spec
from ..errors import BenchError
from ..network.custom_score import is_scored
from ..network.targets import pair_of
from ..study.choices import ModelChoice
from ..study.plan import named_targets
from ..study.spec import StudySpec
from ..types import Dataset, ModelSpec
from .class_words import targets_of
from .looked import SCORES, TIME, Looked
from .named_pictures import DATA

_NO_SCORE = ("map_mean",)  # a study has a metric; of the map alone, it costs nothing


@dataclass(frozen=True, eq=False)
class LookRequest:
    """What is looked at.

    Attributes:
        model: as in a study: a name, ``FILE.py:function``, a mapping with parameters, or a network.
        data: the pictures.
        methods: as in a study.
        layers: ``last``, ``stages``, or paths of modules.
        classes: as ``targets_of`` reads them.
        scores: whether deletion and insertion of each picture are computed.
        labels: whether the data have labels, so that ``label`` is a class.
        times: whether the time of each map is read off the run: the metric ``study_runtime``, which costs no pass.
    """

    model: Any
    data: Dataset
    methods: Sequence[Any] = ("gradcam",)
    layers: str | Sequence[str] = "last"
    classes: Sequence[str | int] = ("predicted",)
    scores: bool = False
    seed: int = 0
    device: str = "auto"
    labels: bool = False
    times: bool = False

    def study(self) -> tuple[StudySpec, ModelSpec, str]:
        """The study of the pictures; its network, loaded for the names of its classes; and the network's display name.

        Raises:
            BenchError: an unknown model, method, layer or class.
        """
        draft = self._study(self.model, ("predicted",))
        choice = draft.models[0]
        spec = ready_spec(choice, device_of(draft))
        targets = targets_of(self.classes, spec.classes)
        if "label" in targets and not self.labels:
            raise BenchError("a photograph has no label", where="classes", hint="Give a class, or leave it out")
        return self._study(ModelChoice(choice.label, value=spec), targets), spec, choice.title

    def _study(self, model: Any, targets: Sequence[Any]) -> StudySpec:
        return StudySpec(
            models=[model],
            datasets={DATA: self.data},
            layers=self.layers if isinstance(self.layers, str) else list(self.layers),
            methods=list(self.methods),
            metrics=[*(SCORES if self.scores else _NO_SCORE), *([TIME] if self.times else [])],
            target=list(targets),
            samples=len(self.data.ids),
            seed=self.seed,
            device=self.device,
        )


def look(request: LookRequest, folder: Path, progress: Progress | None = None) -> Looked:
    """Compute the maps, and the scores where they are asked for, and read them back.

    Args:
        folder: of the run; what it holds of the same work is not computed again.

    Raises:
        BenchError: an unknown name, or a network that does not take the pictures.
    """
    study, spec, title = request.study()
    run(study, folder, progress)
    classes = not is_scored(spec.network) and not any(map(pair_of, study.targets))
    return Looked(read_run(folder), tuple(map(str, request.data.ids)), spec, title, named_targets(DATA, study), classes)
