"""How many processors this process may use, and how threads wait for each other.

A container's quota (cgroups) and an affinity mask (taskset, Slurm, Kubernetes' static policy) leave a process fewer
processors than the machine has. Threads beyond them take each other's time.

Between two parallel loops the threads of OpenMP wait by turning in a loop, for some milliseconds. On a machine that has
other work to do, a thread that waits so takes the processor from the thread that it waits for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}  # of every OpenMP; of LLVM's and Intel's


def usable_processors(root: Path = Path("/")) -> int:
    """The processors that the machine, the affinity mask and the quotas of all control groups leave; at least 1.

    A quota of 2.5 processors is two: a third thread would be stopped again and again, and the others wait for it.

    Args:
        root: where the system's files are.

    Example:
        >>> from benchbench.processors import usable_processors
        >>> usable_processors() >= 1
        True
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([count, *(int(quota) for quota in _quotas(root))]))


def wait_asleep(environment: MutableMapping[str, str]) -> None:
    """Have OpenMP's threads sleep where they wait. It is read when torch is loaded, so this comes before.

    What the user has set stays as it is.

    Args:
        environment: of the process.

    Example:
        >>> from benchbench.processors import wait_asleep
        >>> environment = {"OMP_WAIT_POLICY": "ACTIVE"}
        >>> wait_asleep(environment)
        >>> environment
        {'OMP_WAIT_POLICY': 'ACTIVE'}
    """
    if not any(name in environment for name in (*WAITING, "GOMP_SPINCOUNT")):
        environment.update(WAITING)


def _quotas(root: Path) -> Iterator[float]:
    """In processors, of the process's control groups of version 2 and 1, and of those around them."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, place = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            home = root / "sys/fs/cgroup" / controllers
            parts = [part for part in place.split("/") if part not in ("", "..")]
            for depth in range(len(parts) + 1):  # a container sees its own group as the root
                yield from _quota_of(home.joinpath(*parts[:depth]))


def _quota_of(folder: Path) -> Iterator[float]:
    with suppress(OSError, ValueError):  # no such file, or "max": no quota
        quota, period = (folder / "cpu.max").read_text().split()
        yield float(quota) / float(period)
    with suppress(OSError, ValueError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if float(quota) > 0:  # -1: no quota
            yield float(quota) / float(period)
