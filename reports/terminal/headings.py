"""Short names of metrics for the columns of a terminal."""

from __future__ import annotations

from ..escape import one_line
from ..leaderboard.board import Metric

SHORT = {
    "insertion_deletion": "ins - del",
    "mas_insertion_deletion": "MAS ins - del",
    "mas_deletion": "MAS del",
    "mas_insertion": "MAS ins",
    "f_fidelity_plus": "F-fid +",
    "f_fidelity_minus": "F-fid -",
    "deletion_correlation": "del corr",
    "insertion_correlation": "ins corr",
    "pixel_flipping": "pixel flips",
    "region_flipping": "region flips",
    "drop_in_deletion": "drop in del",
    "faithfulness_correlation": "faith corr",
    "single_deletion": "single del",
    "deletion": "del",
    "insertion": "ins",
    "comprehensiveness": "compreh",
    "sufficiency": "suffic",
    "average_drop": "avg drop",
    "average_gain": "avg gain",
    "increase": "increase",
    "peak_memory": "memory",
}


def heading(metric: Metric) -> str:
    """``del ↓``, ``runtime ms ↓``: the short name of a known metric, else its title, with its direction.

    A name of the user's stays as it is.
    """
    unit = f" {metric.unit}" if metric.is_cost and len(metric.unit) < 4 else ""
    name = metric.title if metric.renamed else SHORT.get(metric.name, metric.title)
    return one_line(f"{name}{unit} {metric.arrow}")
