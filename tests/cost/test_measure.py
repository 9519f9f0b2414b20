"""Cost: memory and passes against planted values. Time is never asserted, only that it is measured."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchbench.attribution.method_maps import method_maps
from benchbench.cost.ledger import Passes
from benchbench.cost.measure import LEAST_REPEATS, REPEATS, measure, peak_bytes, timed
from benchbench.engine import method_cost
from benchbench.registry import METRICS
from benchbench.types import Cost

from ..study_runs.test_run import done

CPU = torch.device("cpu")
MB = 1_000_000


def test_peak_of_live_bytes_is_the_planted_one() -> None:
    def call() -> torch.Tensor:
        a = torch.zeros(1000, 1000)  # 4 MB
        b = a + 1  # 8 MB
        del a
        c = b + 1  # 8 MB again
        del b
        return torch.cat([c, c])  # 4 + 8 MB

    assert peak_bytes(call, CPU) == pytest.approx(12 * MB, rel=0.01)


def test_what_was_live_before_is_not_counted() -> None:
    held = torch.zeros(4000, 1000)

    def call() -> float:
        return float(held[:10].sum())

    assert peak_bytes(call, CPU) < MB


def test_autograd_s_own_memory_is_counted() -> None:
    x = torch.ones(1000, 1000, requires_grad=True)

    def graph() -> torch.Tensor:
        return ((x.exp().exp()).exp()).sum()  # each result is kept for the backward

    def plain() -> torch.Tensor:
        with torch.no_grad():
            return ((x.exp().exp()).exp()).sum()

    assert peak_bytes(graph, CPU) == pytest.approx(12 * MB, rel=0.01)
    assert peak_bytes(plain, CPU) == pytest.approx(8 * MB, rel=0.01)


def test_passes_are_those_of_one_call_per_image() -> None:
    passes, calls = Passes(), []

    def call() -> torch.Tensor:
        calls.append(1)
        passes.forwards += 6
        passes.backwards += 2
        return torch.zeros(1)

    cost = measure(call, passes, CPU, images=2)
    assert (cost.forwards, cost.backwards) == (3, 1)
    assert len(cost.seconds) >= LEAST_REPEATS
    assert len(calls) == len(cost.seconds) + 2, "one to warm up, one for the memory"
    assert all(s > 0 for s in cost.seconds)


@pytest.mark.parametrize(("seconds", "calls"), [(0.1, 10), (0.7, 5), (5.0, 3)])
def test_a_quick_call_is_timed_ten_times_and_a_slow_call_three_times(
    seconds: float, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(0, seconds)
    monkeypatch.setattr("benchbench.cost.measure.REPEATS", REPEATS)
    monkeypatch.setattr("benchbench.cost.measure.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    assert timed(lambda: None, CPU) == pytest.approx((seconds,) * calls)


def test_passes_alone_are_counted_by_one_call_and_nothing_is_timed(
    images: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same count as beside a clock; the cell is another, so that a clock asked for later gets its own."""
    timed = done(images, tmp_path / "timed", methods=["gradcam", "scorecam"], metrics=["passes", "runtime"])
    with monkeypatch.context() as patch:
        patch.setattr("benchbench.engine.method_cost.measure", None)
        patch.setattr("benchbench.engine.method_cost.timed", None)
        alone = done(images, tmp_path / "alone", methods=["gradcam", "scorecam"], metrics=["passes"])
    keys = ["method", "metric", "value", "status"]
    assert alone.results[keys].to_numpy().tolist() == (
        timed.results[timed.results["metric"].str.startswith("passes")][keys].to_numpy().tolist()
    )
    later = done(images, tmp_path / "alone", methods=["gradcam"], metrics=["passes", "runtime"])
    assert later.results.query("metric == 'runtime'")["value"].gt(0).all()


def test_on_the_cpu_memory_is_the_host_s_and_there_is_no_device_s(images: torch.Tensor, tmp_path: Path) -> None:
    record = done(images, tmp_path, methods=["gradcam", "scorecam"], metrics=["peak_memory"])
    rows = record.results.pivot_table(index="method", columns="metric", values="value")
    assert list(rows) == ["peak_memory", "peak_memory.host", "peak_memory.images"], "absent, and not zero"
    assert (rows["peak_memory.host"] == rows["peak_memory"]).all()
    assert (rows["peak_memory"] > 0).all()


def test_a_device_s_memory_stands_beside_the_host_s() -> None:
    cost = Cost((0.1,), 5_000_000, 1, 1, host_bytes=250_000, device_bytes=5_000_000)
    memory = METRICS["peak_memory"].function(cost)
    assert (memory.value, memory.parts) == (5, {"images": 1, "host": 0.25, "device": 5})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_host_and_device_are_measured_apart() -> None:
    device = torch.device("cuda")

    def call() -> torch.Tensor:
        torch.zeros(2000, 1000)
        return torch.zeros(1000, 1000, device=device)

    cost = measure(call, Passes(), device)
    assert cost.device_bytes == cost.peak_bytes == pytest.approx(4 * MB, rel=0.05)
    assert cost.host_bytes == pytest.approx(8 * MB, rel=0.05)
    assert measure(lambda: torch.zeros(9, device=device), Passes(), device).host_bytes == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_peak_on_cuda() -> None:
    device = torch.device("cuda")
    assert peak_bytes(lambda: torch.zeros(1000, 1000, device=device), device) == pytest.approx(4 * MB, rel=0.05)


def test_on_one_image_and_on_the_largest_batch(images: torch.Tensor, tmp_path: Path) -> None:
    """A row of each protocol, with the network's forward apart, and as many images as the run scores at once."""
    record = done(
        images, tmp_path, methods=["gradcam", "scorecam"], metrics=["runtime", "runtime@alone-bmax", "overhead",
        "peak_memory", "peak_memory@alone-bmax", "passes@alone-bmax"], batch=5
    )  # fmt: skip
    rows = record.results.set_index(["method", "metric", "protocol"])["value"]
    assert len(rows) == len(set(rows.index))
    for name in ("gradcam", "scorecam"):
        assert rows[name, "peak_memory.images", "alone-b1"] == 1
        assert rows[name, "peak_memory.images", "alone-bmax"] == 5
        assert rows[name, "peak_memory", "alone-bmax"] > rows[name, "peak_memory", "alone-b1"]
        forward = rows[name, "overhead.forward", "alone-b1"]
        assert forward > 0
        assert rows[name, "overhead", "alone-b1"] + forward == pytest.approx(rows[name, "runtime", "alone-b1"])
    assert rows["gradcam", "passes", "alone-bmax"] == 2, "per image"
    assert rows["scorecam", "passes.forward", "alone-bmax"] <= 11


def test_memory_that_does_not_suffice_for_the_batch(
    images: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., torch.Tensor] = method_maps

    def scarce(plugin: Any, params: Any, network: Any, images: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(plugin, params, network, images, *rest, **more)

    monkeypatch.setattr(method_cost, "method_maps", scarce)
    record = done(images, tmp_path, methods=["gradcam"], metrics=["peak_memory@alone-bmax"], batch=5)
    assert record.results.set_index("metric")["value"]["peak_memory.images"] == 2
