"""The benchmark of workers, in miniature: workers in this process, and no waiting."""

from __future__ import annotations

from dataclasses import asdict

from tests.benchmarks import scaling
from tests.benchmarks.bookkeeping import LAYERS
from tests.benchmarks.scaling_writer import writer_cost

from .conftest import PoolsHere


def test_how_a_run_grows_with_its_workers(pools_here: PoolsHere) -> None:
    few = scaling.measure("local", 2, latency=0.001, steps=2, rounds=3)
    assert few.shards == 2 * (3 - 1)  # without the first of each worker
    assert sorted(pools_here[0].handed_out) == list(range(6))
    assert few.rate > 0
    assert few.writer > 0
    assert few.stored > 500
    writer = writer_cost(2, ["gradcam", "random"], ["deletion", "sparseness"], sides=(4, 3, 2, 1))
    assert writer.cells == len(LAYERS) * 2 * (1 + 2)
    assert writer.stored < writer.sent
    rows = [asdict(few), {**asdict(few), "workers": 4, "rate": 1.5 * few.rate}]
    text = "\n".join(scaling.scaling_section(rows, asdict(writer), latency=0.2, cores=2))
    assert f"| 2, processes of this machine | {few.rate:.2f} | 100 %" in text
    assert f"| 4, processes of this machine | {1.5 * few.rate:.2f} | 75 %" in text
    assert "A shard of a large study (24 cells" in text
