"""What a run by workers would take: the trial runs in this process, and the shards are divided among the workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchbench.engine.budget import within
from benchbench.engine.estimate import Estimate, ShardPart, _divided
from benchbench.engine.workers import pools, workforce
from benchbench.engine.workers.workforce import Workforce
from benchbench.formatting import duration
from benchbench.study import plan

from .test_estimate import ticking_clock
from .test_watch import study

PROCESSORS, IMPORTS = 8, 4.0


@pytest.fixture(scope="module", autouse=True)
def machine() -> Iterator[None]:
    """Eight processors, shards of four images, and no workers: their start is known."""

    def started(*_: Any) -> None:
        raise AssertionError("an estimate starts no workers")

    with pytest.MonkeyPatch.context() as patch:
        ticking_clock(patch)
        patch.setattr(plan, "SHARD", 4)
        patch.setattr(pools, "_pool", started)
        patch.setattr(workforce, "start_seconds", lambda: IMPORTS)
        for module in (pools, workforce):
            patch.setattr(module, "usable_processors", lambda: PROCESSORS)
        yield


DELETION = {"name": "deletion", "steps": 4}
KEYS: dict[str, Any] = {"samples": 40, "methods": ["gradcam"], "metrics": ["sparseness", DELETION]}


@pytest.fixture(scope="module")
def shared(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Estimate:
    """Ten shards on eight processes."""
    return study(**KEYS, processes=8).estimate(tmp_path_factory.mktemp("shared") / "run")


def test_the_shards_are_divided_among_the_processes(shared: Estimate, tmp_path: Path) -> None:
    """In two rounds; an image takes what it takes one process, without the start."""
    alone = study(**KEYS).estimate(tmp_path / "run")
    each = alone.measured.per_image["net", "data"]
    assert each > 0
    assert shared.measured.per_image == alone.measured.per_image
    assert shared.measured.images == alone.measured.images == 16
    assert alone.seconds - alone.fixed - alone.costs == pytest.approx(40 * each)
    assert shared.seconds - shared.fixed - shared.costs == pytest.approx(2 * 4 * each)
    assert shared.starts == pytest.approx(IMPORTS + shared.plan.survey.loads["net"])
    assert shared.fixed > shared.starts
    assert [alone.doubt, shared.doubt] == pytest.approx([0.15, 0.3])
    text = "\n".join(shared.lines())
    assert f"8 processes: the shards are divided among them. They take {duration(shared.starts)} to start" in text
    assert "processes" not in "\n".join(alone.lines())
    assert shared.plain()["workers"]["count"] == shared.plain()["workers"]["at_once"] == 8


def test_a_budget_of_many_workers_takes_more_images(shared: Estimate) -> None:
    alone = replace(shared, workforce=None)
    each = shared.measured.per_image["net", "data"]
    assert within(alone, alone.fixed + 10.5 * each).samples == 10
    assert within(shared, shared.fixed + 4.5 * each).samples == 32, "a round of eight shards"
    assert within(shared, shared.fixed + 8 * each + 1e-6).samples == 40


@pytest.mark.parametrize(
    ("keys", "device", "gpus", "expected"),
    [
        ({"processes": 8}, "cpu", 0, ("8 processes", 8, 8, 1, 1.0)),
        ({"processes": 3}, "cpu", 0, ("3 processes", 3, 3, 2, 1.0)),
        ({"processes": 16}, "cpu", 0, ("16 processes", 16, 8, 1, 2.0)),
        ({"processes": 8}, "cuda", 4, ("8 processes", 8, 4, 1, 1.0)),
        ({"processes": 2}, "cuda", 4, ("2 processes", 2, 2, 4, 1.0)),
        ({"processes": 4, "device": "cuda:1"}, "cuda", 4, ("4 processes", 4, 1, 2, 1.0)),
        ({"engine": "ray", "num_cpus": 2}, "cpu", 0, ("20 Ray workers", 20, 20, 2, 1.0)),
        ({"engine": "ray", "processes": 5}, "cpu", 0, ("5 Ray workers", 5, 5, 1, 1.0)),
        ({"engine": "ray", "processes": 64, "num_gpus": 0.5}, "cuda", 0, ("20 Ray workers", 20, 10, 1, 1.0)),
        ({"engine": "ray", "processes": 1, "num_gpus": 2}, "cuda", 0, ("1 Ray worker", 1, 1, 1, 1.0)),
    ],
)
def test_how_many_workers_there_would_be(
    keys: dict[str, Any], device: str, gpus: int, expected: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as compute at once: of processors, GPUs, or what fits into a cluster now."""
    needs: list[Any] = []

    def fitting_now(*asked: Any) -> int:
        needs.append(asked)
        return 20

    asked_for = study(**keys)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(workforce, "fitting_now", fitting_now)
    there = workforce.workforce(asked_for, device)
    assert there is not None
    assert (there.title, there.count, there.at_once, there.threads, there.crowd) == expected
    assert there.start(load=2.0) == pytest.approx((IMPORTS + 2.0) * there.crowd)
    asked = {"num_cpus": keys.get("num_cpus", 1), "num_gpus": keys.get("num_gpus", 0)}
    assert needs == ([(asked, None)] if "engine" in keys else [])


def test_a_study_without_workers_has_none() -> None:
    assert workforce.workforce(study(), "cpu") is None
    assert workforce.workforce(study(processes=1), "cpu") is None


def test_who_shares_a_processor_is_told_so() -> None:
    there = Workforce("16 processes", 16, 8, 1, 4.0, 2.0)
    assert there.sentence == "16 processes: as fast as 8, since they share processors or GPUs"


@pytest.mark.parametrize(
    ("shards", "workers", "seconds"),
    [([5.0], 8, 5.0), ([5.0] * 9, 8, 10.0), ([9.0, 1, 1, 1], 2, 9.0), ([1.0, 1, 9], 2, 10.0), ([], 3, 0.0)],
)
def test_a_worker_that_is_free_takes_the_next_shard(shards: list[float], workers: int, seconds: float) -> None:
    assert _divided(shards, workers) == seconds


def test_networks_and_sweeps_come_one_after_the_other(shared: Estimate) -> None:
    """Three rounds of one shard each take as long on eight workers as on one."""
    places = [(("net", "data"), 1), (("other", "data"), 1), (("other", "data"), 2)]
    shards = [ShardPart(place, sweep, 0, 4, 0.5) for place, sweep in places]
    measured = replace(shared.measured, per_image={("net", "data"): 1.0, ("other", "data"): 10.0})
    rounds = replace(shared, shards=shards, measured=measured)
    assert rounds.seconds - rounds.fixed - rounds.costs == pytest.approx(2 + 20 + 20)
