"""Cells read for the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..results.store import Store
from ..study.plan import Task


class CellReader:
    """Reads cells from the store.

    The cells of metrics that are made over all images are kept: their values are chosen or pooled first, and their rows
    are written afterwards. Every other cell is read when its rows are made, and forgotten.
    """

    def __init__(self, tasks: Sequence[Task], store: Store) -> None:
        plugins = [(cell.name, cell.metric.plugin) for task in tasks for cell in task.metrics]
        self._kept = {name for name, plugin in plugins if plugin.held_out is not None or plugin.pooled is not None}
        self._pages: dict[str, dict[str, Any]] = {}
        self._store = store

    def __call__(self, name: str) -> dict[str, Any]:
        """The cell.

        Raises:
            Damaged: it is not what was written.
            OSError: it is absent.
        """
        page = self._pages.get(name)
        if page is None:
            page = self._store.read_cell(name)
            if name in self._kept:
                self._pages[name] = page
        return page
