"""Real workers: processes of this machine, and a Ray cluster of two nodes; one of each is killed in the middle."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchbench.engine.runner import run
from benchbench.engine.workers import pools
from benchbench.engine.workers.local_pool import start_seconds
from benchbench.engine.workers.order import files_of, pickled
from benchbench.engine.workers.scratch_folder import remove_abandoned
from benchbench.engine.workers.worker import worker_device
from benchbench.errors import BenchError
from benchbench.registry import METHODS
from benchbench.registry.importing import load_file
from benchbench.results.record import Record
from benchbench.results.run_log import last_events
from benchbench.study.spec import StudySpec

IMAGES = 70  # three shards
NET = f"{Path(__file__).with_name('quick_network.py')}:net"
MANY = {"samples": 8 * 32 + 1, "processes": 5}  # nine shards, and room for two workers
PLUGIN = '''
"""A method whose first call does something to its process."""
from __future__ import annotations
import ctypes
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from torch import Tensor
from benchbench.registry import method
from benchbench.types import Layer

MARK = Path({mark!r})


def on_node(node: str) -> bool:
    """Whether this process is an actor on a node of a Ray cluster. An actor on another node waits for the mark."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return False
    here = ray.get_runtime_context().get_node_id() == node
    while not here and not MARK.exists():
        time.sleep(0.05)
    return here


@method({name!r}, needs="gradient")
def lethal(layer: Layer) -> Tensor:
    """The gradient."""
    if {when}:
        folders = list(Path(tempfile.gettempdir()).glob("benchbench-workers-*/files/worker*"))
        aside = MARK.with_suffix(".new")
        aside.write_text(f"{{os.getpid()}} {{len(folders)}}")
        aside.replace(MARK)
        {act}
    return layer.gradient.abs().sum(1)
'''
ONCE = "not MARK.exists()"
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
LOCK = "MARK.unlink(); lock = ctypes.create_string_buffer(99); [{library}(None).pthread_mutex_lock(lock) for _ in 'ab']"
LIMIT = 4.0  # seconds
HUNG = (
    "took longer than time_limit and could not be interrupted, so that its process ended. --retry-failed calls it again"
)


def study(name: str, **keys: Any) -> StudySpec:
    keys = {"models": [NET], "datasets": ["shapes"], "methods": ["gradcam", name], "samples": IMAGES, **keys}
    return StudySpec(metrics=["sparseness"], workers=0, **keys)


@pytest.fixture(scope="module", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of temporary files of all processes here; Ray's stay elsewhere, as a socket's name may not be long."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", tempfile.gettempdir())
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


def left(temporary: Path) -> list[Path]:
    """Workers' folders that are still there."""
    return list(temporary.glob("benchbench-*"))


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Registers a method, which does ``act`` at its first call, or ``when``; returns the mark that it leaves then."""
    names: list[str] = []

    def register(name: str, act: str, when: str = ONCE) -> Path:
        mark, file = tmp_path / f"{name}.mark", tmp_path / f"{name}-{len(names)}.py"
        file.write_text(PLUGIN.format(mark=str(mark), name=name, act=act, when=when))
        METHODS.remove(name)
        load_file(file)
        names.append(name)
        return mark

    yield register
    for name in names:
        METHODS.remove(name)


def test_a_worker_imports_the_files_of_its_study_alone(plugin: Callable[..., Path], tmp_path: Path) -> None:
    """Not the file of a method that has been replaced, which has the same name."""
    plugin("twice", "pass")
    plugin("twice", "pass")
    plugin("another", "pass")
    zoo = {"models": ["zoo_mobile"]}
    nested = study("gradcam", methods=[{"name": "smoothed", "of": "twice"}], **zoo)
    for each in (study("twice", **zoo), nested):
        assert files_of(pickled(each)) == (str(tmp_path / "twice-1.py"),)
    assert not files_of(pickled(study("gradcam++", **zoo)))


def rows(name: str, folder: Path, **keys: Any) -> pd.DataFrame:
    run(study(name, **keys), folder)
    return Record.load(folder).results


def assert_hung_alone(shared: pd.DataFrame, hung: str, alone: pd.DataFrame) -> None:
    """All rows of the method that hung failed with its reason; the others are those of one process."""
    its = shared["method"] == hung
    assert set(shared["reason"][its]) == {f"method {hung} {HUNG}"}
    assert shared[~its].reset_index(drop=True).equals(alone)


def test_a_killed_process_costs_nothing_and_a_call_that_hangs_its_method_alone(
    plugin: Callable[..., Path], tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs so that no other thread of the process runs."""
    monkeypatch.setattr(pools, "GRACE", 0.2)
    mark, _ = plugin("lethal_here", KILL), plugin("stuck_here", LOCK.format(library="ctypes.PyDLL"))
    keys = {"methods": ["gradcam", "lethal_here", "stuck_here"], "time_limit": LIMIT}
    shared = rows("lethal_here", tmp_path / "shared", processes=2, **keys)
    process, folders = map(int, mark.read_text().split())
    assert process != os.getpid()
    assert folders
    assert not left(temporary), "of the processes that were killed, and of those that ended with the run"
    assert_hung_alone(shared, "stuck_here", rows("lethal_here", tmp_path / "alone"))


def test_the_start_of_a_process_is_measured() -> None:
    """It imports torch, which no machine does in an instant."""
    assert 0.1 < start_seconds() < 300


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Of one node; a test that adds nodes removes them."""
    ray: Any = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_timeout_ms": 2000}
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": quick}  # a node's end is seen soon
    nodes = Cluster(initialize_head=True, head_node_args=head)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_killed_node_costs_nothing(
    cluster: Any, plugin: Callable[..., Path], tmp_path: Path, temporary: Path
) -> None:
    """Its worker is killed within a shard, which is tried again.

    Also where more shards wait than workers are there, and more workers were asked for than the cluster holds.
    """
    node = cluster.add_node(num_cpus=1)
    mark = plugin("lingers", "time.sleep(300)", f"on_node({node.node_id!r}) and not MARK.exists()")

    def kill() -> None:
        while not mark.exists():
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    shared = rows("lingers", tmp_path / "shared", engine="ray", ray_address=cluster.address, **MANY)
    killer.join(60)
    assert not killer.is_alive()
    told = [event["warning"] for event in last_events(tmp_path / "shared") if event["event"] == "warning"]
    assert any("a worker on Ray ended" in each and "Its shard is tried again" in each for each in told), told
    assert shared.equals(rows("lingers", tmp_path / "alone", samples=MANY["samples"]))
    assert int(mark.read_text().split()[1])
    until = time.monotonic() + 20  # the killed node's worker learns of it a moment later, and the next run looks again
    while left(temporary) and time.monotonic() < until:
        remove_abandoned()
        time.sleep(0.1)
    assert not left(temporary)


@pytest.mark.skipif(os.environ.get("BENCHBENCH_SLOW") != "1", reason="make kill runs it: four processes import torch")
def test_a_call_that_hangs_on_a_cluster_costs_its_method_alone(
    cluster: Any, plugin: Callable[..., Path], tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "GRACE", 0.2)
    plugin("stuck_there", LOCK.format(library="ctypes.CDLL"))
    keys = {"methods": ["gradcam", "stuck_there"], "time_limit": LIMIT, "samples": 4}
    shared = rows("stuck_there", tmp_path / "shared", engine="ray", ray_address=cluster.address, **keys)
    assert not left(temporary), "of the worker that its time limit ended, and of the one that ended with the run"
    alone = rows("gradcam", tmp_path / "alone", methods=["gradcam"], samples=4)
    assert_hung_alone(shared, "stuck_there", alone)


def test_a_cluster_without_room_is_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no worker fits into a machine of the Ray cluster: CPU 1\. Change num_cpus"):
        rows("gradcam++", tmp_path, engine="ray", ray_address=cluster.address, num_cpus=2)


def test_the_workers_of_a_machine_share_out_its_gpus() -> None:
    assert [str(worker_device(study("gradcam++"), slot, 2)) for slot in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert str(worker_device(study("gradcam++", device="cpu"), 1, 2)) == "cpu"
    assert str(worker_device(study("gradcam++"), 1, 0)) == "cpu"
