"""Display names for the sentences of suites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Titles:
    """The display names of a run.

    Attributes:
        methods, models, datasets: by the name in the run's tables, the name in reports.
    """

    methods: Mapping[str, str]
    models: Mapping[str, str]
    datasets: Mapping[str, str]


def titles_of(info: Mapping[str, Any]) -> Titles:
    """The display names of a run's methods, networks and data; a name that has none stays.

    Args:
        info: run.json.

    Example:
        >>> from benchbench.suites.titles import titles_of
        >>> info = {"methods": [{"name": "gradcam", "title": "Grad-CAM"}], "models": [{"name": "net"}], "datasets": []}
        >>> titles_of(info).methods["gradcam"], titles_of(info).models["net"]
        ('Grad-CAM', 'net')
    """
    methods, models, datasets = (
        {str(entry["name"]): str(entry.get("title") or entry["name"]) for entry in info[kind]}
        for kind in ("methods", "models", "datasets")
    )
    return Titles(methods, models, datasets)
