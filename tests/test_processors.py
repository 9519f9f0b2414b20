"""How many processors a process may use, by its control groups; and how OpenMP's threads wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchbench.processors import WAITING, usable_processors, wait_asleep

V2, V1 = "0::{}\n", "4:memory:/elsewhere\n3:cpu,cpuacct:{}\n2:cpuset:/\n"


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{n}": t for n, t in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        (V2.format("/"), {"cpu.max": "max 100000\n"}, 8),
        (V2.format("/"), {"cpu.max": "200000 100000\n"}, 2),
        (V2.format("/"), {"cpu.max": "250000 100000\n"}, 2),
        (V2.format("/"), {"cpu.max": "50000 100000\n"}, 1),
        (V2.format("/"), {"cpu.max": "9900000 100000\n"}, 8),
        (V2.format("/a/b"), {"cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 1\n"}, 3),
        (V2.format("/../../x"), {"cpu.max": "400000 100000"}, 4),
        (V2.format("/"), {"cpu.max": "nonsense"}, 8),
        (V2.format("/"), {}, 8),
        (V1.format("/"), {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 8),
        (V1.format("/"), {"cpu,cpuacct/cpu.cfs_quota_us": "150000", "cpu,cpuacct/cpu.cfs_period_us": "50000"}, 3),
        (
            V1.format("/docker/1f"),  # as a container sees it, whose group is the root
            {"cpu,cpuacct/cpu.cfs_quota_us": "500000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            5,
        ),
        ("nonsense\n", {}, 8),
    ],
)
def test_quotas(
    groups: str, files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable_processors(system(tmp_path, groups, files)) == expected


def test_affinity_and_systems_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert usable_processors(tmp_path) == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_processors(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors(tmp_path) == 1


@pytest.mark.parametrize("name", [*WAITING, "GOMP_SPINCOUNT"])
def test_how_threads_wait_is_the_users_where_he_says_so(name: str) -> None:
    environment = {name: "1"}
    wait_asleep(environment)
    assert environment == {name: "1"}
    empty: dict[str, str] = {}
    wait_asleep(empty)
    assert empty == WAITING
