"""The display names of a run's methods, networks and data, for the sentences of suites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..formatting import join_words


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
    controls: frozenset[str] = frozenset()

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


def shown_names(info: Mapping[str, Any]) -> ShownNames:
    """The names of everything in a run, whatever study extended it.

    Args:
        info: run.json.

    Example:
        >>> from benchbench.suites.shown_names import shown_names
        >>> methods = [{"name": "gradcam", "title": "Grad-CAM"}, {"name": "reciprocam", "title": "Recipro-CAM"}]
        >>> names = shown_names({"methods": methods, "models": [{"name": "net"}], "datasets": []})
        >>> names.listed(["gradcam", "reciprocam"]), names.models["net"]
        ('Grad-CAM and Recipro-CAM', 'net')
        >>> names.shortest(["gradcam", "reciprocam"], ["gradcam", "reciprocam"])
        'all'
    """
    methods, models, datasets = (
        {str(entry["name"]): str(entry.get("title") or entry["name"]) for entry in info[kind]}
        for kind in ("methods", "models", "datasets")
    )
    controls = frozenset(str(method["name"]) for method in info["methods"] if method.get("control"))
    return ShownNames(_unique(methods), _unique(models), _unique(datasets), controls)


def _unique(titles: Mapping[str, str]) -> dict[str, str]:
    times = Counter(titles.values()) + Counter(name for name, title in titles.items() if title != name)
    return {name: title if times[title] == 1 else name for name, title in titles.items()}
