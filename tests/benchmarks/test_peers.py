"""This project beside its peers, in one process: `make bench`. No timed assertion; that the results agree is asserted.

performance.py makes docs/performance.md of the rows' times. A peer that cannot run is a row with its reason.
"""

from __future__ import annotations

import time
import warnings
from functools import lru_cache
from statistics import median
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchbench.errors import BenchError

from .cases import CASES
from .scenes import Call, Case, Row, Scene, eager

AROUND = 2

ROWS = [
    pytest.param(case, row, id=f"{case.key}: {row.key}") for case in CASES for row in case.rows if row.role != "sum"
]


@lru_cache(maxsize=1)  # rows are in the order of their cases
def scene_of(case: Case) -> Scene:
    return Scene.of(case)


@pytest.mark.parametrize(("case", "row"), ROWS)
def test_row(benchmark: BenchmarkFixture, case: Case, row: Row) -> None:
    scene = scene_of(case)
    benchmark.extra_info.update(case=case.key, row=row.key, reason="", threads=torch.get_num_threads())
    unit = eager(scene)
    around = _seconds(unit)
    result, reason = _timed(benchmark, row, scene)
    benchmark.extra_info["eager"] = median(around + _seconds(unit))
    if reason is not None:
        message = " ".join(str(reason).split())[:200]
        benchmark.extra_info["reason"] = f"{type(reason).__name__}: {message}"
        return
    scene.results[row.key] = result
    if row.floor:
        benchmark.extra_info["floor"] = row.floor(scene, result)
    if row.agree and row.beside in scene.results:
        try:
            row.agree(scene.results[row.beside], result)
        except AssertionError as error:
            benchmark.extra_info["reason"] = f"its result differs from ours: {' '.join(str(error).split())[:200]}"
            raise


def _seconds(call: Call) -> list[float]:
    """Of each of a few calls, after one that warms up."""
    call()
    durations = []
    for _ in range(AROUND):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return durations


def _timed(benchmark: BenchmarkFixture, row: Row, scene: Scene) -> tuple[Any, Exception | None]:
    """What the call returned; or why there is none, as the row is then in the page with its reason."""
    reasons: list[Exception] = []

    def call() -> Any:
        try:
            return ready()
        except Exception as error:
            if row.role not in ("peer", "part"):
                raise
            reasons.append(error)

    pedantic: Any = benchmark.pedantic
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ready = row.make(scene)
        except (ImportError, BenchError) as error:  # a peer that is not installed, a method yet to be added
            pedantic(lambda: None)
            return None, error
        result = pedantic(call, rounds=row.rounds, warmup_rounds=row.warm, iterations=1)
    return result, reasons[0] if reasons else None
