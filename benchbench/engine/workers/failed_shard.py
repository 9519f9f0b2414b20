"""The rows of a shard on which no worker lasts."""

from __future__ import annotations

from typing import Any

from ...results.store import Store
from ...study.plan import Task
from ..missing_cells import missing_cells, stored_predictions

_MAP = {"file": "", "row": 0, "note": "", "health": {}}
_SCORE = {"value": None}
_ANSWER = {"label": None, "target": None, "photo": ""}


def write_failures(task: Task, store: Store, reason: str) -> int:
    """Write failed entries into every cell that a task lacks; how many cells that are.

    Where the network's answers are not known, the images themselves fail, as images do that cannot be read.
    """
    lacking = missing_cells(task, store)
    known = stored_predictions(task, store) is not None
    with store.pack(task.predictions) as pack:
        for cells, entry in ((lacking.maps, _MAP), (lacking.metrics, _SCORE)):
            failed: dict[str, Any] = {"status": "failed", "reason": reason, **entry}
            for cell in cells:
                pack.write_cell(cell.name, {"samples": dict.fromkeys(task.shard.ids, failed) if known else {}})
        if not known:
            image: dict[str, Any] = {"reason": reason, **_ANSWER}
            pack.write_cell(task.predictions, {"samples": dict.fromkeys(task.shard.ids, image)})
    return len(lacking.maps) + len(lacking.metrics)
