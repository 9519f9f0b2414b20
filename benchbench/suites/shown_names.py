"""The display names of a study's methods, networks and data, for the sentences of suites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.provenance import titles_of
from ..formatting import join_words
from ..study.spec import StudySpec


@dataclass(frozen=True)
class ShownNames:
    """Display names, by the names that the run's tables have.

    Attributes:
        methods, models, datasets: two that would share a display name keep their names of the tables, as in reports.
        controls: labels of the methods that are controls.
    """

    methods: Mapping[str, str]
    models: Mapping[str, str]
    datasets: Mapping[str, str]
    controls: frozenset[str]

    def judged(self, verdicts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The rows of verdicts with a score, of methods that are no controls."""
        return [row for row in verdicts if row["status"] == "ok" and row["method"] not in self.controls]

    def listed(self, labels: Sequence[str]) -> str:
        """Methods by label, in words: ``Grad-CAM, Occlusion and FullGrad``; ``none`` of none."""
        return join_words(self.methods[label] for label in labels) or "none"

    def shortest(self, labels: Collection[str], among: Sequence[str]) -> str:
        """Methods by label, in the fewest words: ``none``, ``all``, ``all but FullGrad``, or a list.

        Args:
            labels: some of ``among``.
            among: in the order of the study.
        """
        outside = [label for label in among if label not in labels]
        inside = [label for label in among if label in labels]
        if not outside and inside:
            return "all"
        return f"all but {self.listed(outside)}" if len(outside) < len(inside) / 2 else self.listed(inside)


def shown_names(study: StudySpec) -> ShownNames:
    """The names of everything in a study.

    Example:
        >>> study = StudySpec(models=["zoo_residual"], datasets=["shapes"], methods=["gradcam", "reciprocam"])
        >>> names = shown_names(study)
        >>> names.listed(["gradcam", "reciprocam"]), names.models["zoo_residual"]
        ('Grad-CAM and Recipro-CAM', 'Zoo ResNet')
        >>> names.shortest(["gradcam", "reciprocam"], ["gradcam", "reciprocam"])
        'all'
    """
    models, datasets = titles_of(study)
    methods = {method.label: method.title for method in study.methods}
    controls = frozenset(method.label for method in study.methods if method.plugin.control)
    return ShownNames(_unique(methods), _unique(models), _unique(datasets), controls)


def _unique(titles: Mapping[str, str]) -> dict[str, str]:
    times = Counter(titles.values()) + Counter(name for name, title in titles.items() if title != name)
    return {name: title if times[title] == 1 else name for name, title in titles.items()}
