"""Abbreviations of the built-in metrics, for tables with more columns than their titles leave room for."""

from __future__ import annotations

from ..escape import one_line
from ..leaderboard.board import Metric

SHORT = {
    "deletion AUC": "Del.",
    "insertion AUC": "Ins.",
    "insertion - deletion": "Ins.-Del.",
    "average drop": "AD",
    "increase in confidence": "IC",
    "average gain": "AG",
    "average drop in deletion": "ADD",
    "coherency": "Coh.",
    "ADCC": "ADCC",
    "sparseness": "Spars.",
    "entropy": "Entr.",
    "effective complexity": "EC",
    "total variation": "TV",
    "map mean": "Mean",
    "runtime": "Time",
    "overhead": "Over.",
    "peak memory": "Mem.",
    "passes": "Passes",
    "runtime in the study": "S. time",
    "passes in the study": "S. pass.",
    "pixel flipping AOPC": "PF",
    "pointing game": "PG",
    "energy pointing game": "EPG",
    "relevance rank accuracy": "RRA",
    "top-k intersection": "Top-k",
    "attribution AUC": "A-AUC",
    "PxAP per image": "PxAP",
    "IoU at a held-out threshold": "IoU",
    "MaxBoxAcc": "MBA",
    "MaxBoxAccV2": "MBA2",
    "sensitivity-n": "Sens-n",
    "faithfulness correlation": "FCor.",
    "single deletion": "SD",
    "infidelity": "Infid.",
    "parameter randomisation test": "MPRT",
    "smooth parameter randomisation test": "sMPRT",
    "efficient parameter randomisation test": "eMPRT",
    "random logit test": "RLT",
    "class contrast": "CC",
    "region flipping AOPC": "RF",
    "IROF": "IROF",
    "deletion correlation": "DCor.",
    "insertion correlation": "ICor.",
    "ROAD MoRF": "MoRF",
    "ROAD LeRF": "LeRF",
    "ROAD": "ROAD",
    "LeRF - MoRF": "L-M",
    "max-sensitivity": "MaxS",
    "average sensitivity": "AvgS",
    "local Lipschitz estimate": "LLE",
    "stability under noise": "S-noise",
    "stability under JPEG": "S-JPEG",
    "stability under shifts": "S-shift",
    "spread over orders of ties": "Ties",
}


def short_title(metric: Metric) -> str:
    """The abbreviation of a metric; its title where it has none."""
    title = one_line(metric.title)
    return SHORT.get(title, title)
