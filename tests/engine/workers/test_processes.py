"""Real workers: processes of this machine, and a Ray cluster of two nodes; one of each is killed in the middle."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchbench.engine.runner import run
from benchbench.engine.workers.ray_pool import fitting
from benchbench.engine.workers.worker import worker_device
from benchbench.errors import BenchError
from benchbench.registry.importing import load_file
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec

IMAGES = 70  # three shards
PLUGIN = '''
"""A method whose first call does something to its process."""
from __future__ import annotations
import os
import signal
import time
from pathlib import Path
from torch import Tensor
from benchbench.registry import method
from benchbench.types import Layer

MARK = Path({mark!r})


@method({name!r}, needs="gradient")
def lethal(layer: Layer) -> Tensor:
    """The gradient."""
    if not MARK.exists():
        MARK.write_text(str(os.getpid()))
        {act}
    return layer.gradient.abs().sum(1)
'''
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def study(name: str, **keys: Any) -> StudySpec:
    keys = {"models": ["zoo_mobile"], "datasets": ["shapes"], "methods": ["gradcam", name], "samples": IMAGES, **keys}
    return StudySpec(metrics=["sparseness"], workers=0, **keys)


def plugin(folder: Path, name: str, act: str) -> Path:
    """The mark that the method leaves at its first call, which does ``act``."""
    mark = folder / f"{name}.mark"
    (folder / f"{name}.py").write_text(PLUGIN.format(mark=str(mark), name=name, act=act))
    load_file(folder / f"{name}.py")
    return mark


def rows(name: str, folder: Path, **keys: Any) -> pd.DataFrame:
    run(study(name, **keys), folder)
    return Record.load(folder).results


def test_a_killed_process_costs_nothing(tmp_path: Path) -> None:
    mark = plugin(tmp_path, "lethal_here", KILL)
    shared = rows("lethal_here", tmp_path / "shared", processes=2)
    assert int(mark.read_text()) != os.getpid()
    assert shared.equals(rows("lethal_here", tmp_path / "alone"))


@pytest.fixture
def cluster() -> Iterator[Any]:
    ray: Any = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_killed_node_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    node = cluster.add_node(num_cpus=1)
    mark = plugin(tmp_path, "lingers", "time.sleep(2)")

    def kill() -> None:
        while not mark.exists():
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    shared = rows("lingers", tmp_path / "shared", engine="ray", ray_address=cluster.address)
    killer.join(60)
    assert not killer.is_alive()
    assert shared.equals(rows("lingers", tmp_path / "alone"))


def test_a_cluster_without_room_is_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no worker fits into the Ray cluster, which has CPU 1\. Change num_cpus"):
        rows("gradcam++", tmp_path, engine="ray", ray_address=cluster.address, num_cpus=2)


def test_how_many_workers_fit() -> None:
    assert fitting({"CPU": 8.0, "GPU": 2.0}, {"num_cpus": 1, "num_gpus": 0.5}) == 4
    assert fitting({"CPU": 3.0}, {"num_cpus": 2, "num_gpus": 0}) == 1
    assert fitting({"CPU": 3.0}, {"num_cpus": 1, "num_gpus": 1}) == 0


def test_the_workers_of_a_machine_share_out_its_gpus() -> None:
    assert [str(worker_device(study("gradcam++"), slot, 2)) for slot in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert str(worker_device(study("gradcam++", device="cpu"), 1, 2)) == "cpu"
    assert str(worker_device(study("gradcam++"), 1, 0)) == "cpu"
