"""How many workers the machines of a cluster hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping


def fitting(machine: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """How many workers a machine holds. A worker has a part of one GPU, or whole GPUs, and never parts of two.

    Args:
        machine: its resources, as Ray has them: ``CPU``, ``GPU``. needs: of a worker: ``num_cpus``, ``num_gpus``.

    Example:
        >>> from benchbench.engine.workers.cluster_room import fitting
        >>> fitting({"CPU": 8.0, "GPU": 2.0}, {"num_cpus": 1, "num_gpus": 0.4})
        4
    """
    cpus, gpus = needs["num_cpus"], needs["num_gpus"]
    counts = [_times(machine.get("CPU", 0), cpus)] if cpus else []
    if gpus >= 1:
        counts.append(_times(machine.get("GPU", 0), gpus))
    elif gpus:
        counts.append(int(machine.get("GPU", 0)) * _times(1, gpus))
    return min(counts)


def _times(amount: float, need: float) -> int:
    """How often it is in there; 1.2 holds 0.4 three times, which floating point would not say."""
    return math.floor(amount / need + 1e-6)


def listed(machines: Iterable[Mapping[str, float]]) -> str:
    """What machines have, in words.

    Args:
        machines: the resources of each.

    Example:
        >>> from benchbench.engine.workers.cluster_room import listed
        >>> listed([{"CPU": 4.0, "GPU": 1.0}, {"CPU": 8.0, "memory": 1e9}])
        'CPU 4, GPU 1; CPU 8'
    """
    kinds = ("CPU", "GPU")
    each = (", ".join(f"{kind} {machine[kind]:g}" for kind in kinds if kind in machine) for machine in machines)
    return "; ".join(dict.fromkeys(text or "CPU 0" for text in each))
