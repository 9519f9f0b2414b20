"""All that plugins should not do, in one study: their rows fail with the reason, all others are the same bit by bit."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.containment import plugin_watch
from benchbench.containment.hang_record import CALL, LIST
from benchbench.engine import runner
from benchbench.errors import BenchError
from benchbench.registry import METHODS, METRICS, method, metric
from benchbench.reports.leaderboard.failed_rows import by_reason
from benchbench.types import Layer, Scored, Seen

from ..networks import Pooled, seeded
from . import hostile
from .test_plugin_guard import NEEDS
from .test_plugin_guard import SPOILS as COPIES

GOOD = ["gradcam", "layercam", "lrp"]
JUDGES = ["deletion", "average_drop", "sic", "aic"]
KEYS = ["method", "metric", "protocol", "sample"]
LIMIT = 60  # seconds: hostile.loop does not wait for them


@pytest.fixture(autouse=True)
def forgotten(planted: None) -> Iterator[None]:
    yield
    for thing in hostile.KEPT:
        for end in ("set", "close", "kill"):
            getattr(thing, end, lambda: None)()
        if hasattr(thing, "wait") and hasattr(thing, "pid"):
            thing.wait()
    hostile.KEPT.clear()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    coarse = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=32, mode="bicubic")


def run(folder: Path, methods: list[Any], metrics: list[Any], pictures: Tensor, **keys: Any) -> bb.Run:
    models = {"net": keys.pop("network", None) or seeded(Pooled)}
    how = {name: keys.pop(name) for name in ("retry_failed",) if name in keys}
    study = bb.Study(
        **{"models": models, "datasets": {"data": pictures}, "layers": ["relu"], "workers": 0, **keys},
        methods=methods,
        metrics=metrics,
    )
    return study.run(folder, report=False, **how)


def rows_of(run: bb.Run, methods: list[str], metrics: list[str]) -> pd.DataFrame:
    table = run.table
    chosen = table[table["method"].isin(methods) & table["metric"].isin([m.partition("@")[0] for m in metrics])]
    return chosen.sort_values(KEYS).reset_index(drop=True)


def of_copies(write: Callable[[Layer], object]) -> Callable[[Layer], Tensor]:
    def function(layer: Layer) -> Tensor:
        """Spoils a copy that is lent to several methods, and fails then."""
        write(layer)
        raise ValueError("afterwards")

    return function


def plant_failing(network: nn.Module) -> tuple[dict[str, str], dict[str, str]]:
    """By name of a method, and of a metric, what its reason contains."""
    methods: dict[str, tuple[Callable[..., Any], str]] = {
        **{f"spoils {n}": (hostile.method_of(a, network), "of the network changed") for n, a in hostile.SPOILS.items()},
        **{f"leaves {n}": (hostile.method_of(a, network), "leaves") for n, a in hostile.LEAVES.items()},
        **{f"ends {n}": (hostile.method_of(a, network), "") for n, a in hostile.ENDS.items()},
        **{f"hangs {n}": (hostile.method_of(a, network), f"time_limit: {LIMIT} s") for n, a in hostile.HANGS.items()},
        **{f"returns {n}": (hostile.returning(change), "") for n, change in hostile.RETURNS.items()},
        **{f"spoils a copy - {n}": (of_copies(write), "afterwards") for n, write in COPIES.items()},
    }
    for name, (function, _) in methods.items():
        method(name, needs=NEEDS)(function)
    metrics: dict[str, tuple[Callable[..., Any], str]] = {
        **{f"spoils {n}": (hostile.metric_of(a, network), "of the network changed") for n, a in hostile.SPOILS.items()},
        **{f"leaves {n}": (hostile.metric_of(a, network), "leaves") for n, a in hostile.LEAVES.items()},
        **{f"ends {n}": (hostile.metric_of(a, network), "") for n, a in hostile.ENDS.items()},
        **{f"hangs {n}": (hostile.metric_of(a, network), f"{LIMIT} s") for n, a in hostile.HANGS.items()},
        **{f"answers {n}": (answer, "") for n, answer in hostile.ANSWERS.items()},
    }
    for name, (function, _) in metrics.items():
        metric(name, higher_is_better=True, needs=("map", "pixels"), protocols={"only": {}})(function)
    return {n: words for n, (_, words) in methods.items()}, {n: words for n, (_, words) in metrics.items()}


def test_all_at_once(tmp_path: Path, pictures: Tensor) -> None:
    pictures = pictures[:2]
    clean = run(tmp_path / "clean", GOOD, JUDGES, pictures)
    network = seeded(Pooled)
    methods, metrics = plant_failing(network)
    keys: dict[str, Any] = {"network": network, "time_limit": LIMIT}
    done = run(tmp_path / "hostile", [*methods, *GOOD], [*metrics, *JUDGES], pictures, **keys)
    pd.testing.assert_frame_equal(rows_of(done, GOOD, JUDGES), rows_of(clean, GOOD, JUDGES), check_exact=True)
    failed = done.table[done.table["method"].isin(methods) | done.table["metric"].isin(metrics)]
    assert set(failed["status"]) == {"failed"}
    assert failed["reason"].str.len().between(1, 700).all()
    for column, reasons in (("method", methods), ("metric", metrics)):
        others = "metric" if column == "method" else "method"
        for name, words in reasons.items():
            told = failed[(failed[column] == name) & failed[others].isin([*JUDGES, *GOOD])]["reason"]
            assert len(told), name
            assert told.str.contains(words, regex=False).all(), (name, set(told))
    lines = by_reason(done.record.info)
    assert sum(int(line.split()[0].replace(",", "")) for line in lines) == done.failed


def test_habits_are_put_back_and_told_and_change_no_number(tmp_path: Path, pictures: Tensor) -> None:
    """Beside methods that do nothing but return the same map, and some that draw from the global random states."""
    network = seeded(Pooled)

    @method("draws", needs="activation")
    def draws(layer: Layer) -> Tensor:
        """Draws."""
        return layer.activation.mean(1) + torch.rand(layer.activation.mean(1).shape)

    @metric("draws", higher_is_better=True, needs="map", protocols={"only": {}})
    def draws_too(seen: Seen) -> Scored:
        """Draws."""
        return Scored(seen.map.mean((1, 2)) * torch.rand(len(seen.map)))

    tables, told = [], []
    for hostile_now in (False, True):
        for name, act in hostile.HABITS.items():
            done_by = act if hostile_now else lambda _: None
            method(name, needs="activation")(hostile.method_of(done_by, network))
            metric(name, higher_is_better=True, needs="map", protocols={"only": {}})(
                hostile.metric_of(done_by, network)
            )
        names = [*hostile.HABITS]
        methods, metrics = [*names, "gradcam", "draws"], [*names, "deletion", "draws"]
        done = run(tmp_path / str(hostile_now), methods, metrics, pictures)
        tables.append(done.table)
        told.append(done.record.info["warnings"])
        for name in hostile.HABITS:
            METHODS.remove(name)
            METRICS.remove(name)
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert (tables[1]["status"] == "ok").all()
    draws_alone = {
        f"{kind} draws draws from or seeds the global random state of torch" for kind in ("method", "metric")
    }
    assert {warning.partition(":")[0] for warning in told[0]} == draws_alone
    for name, words in hostile.TOLD.items():
        for kind in ("method", "metric"):
            assert any(warning.startswith(f"{kind} {name} {words}") for warning in told[1]), (kind, name, told[1])


def test_sound_maps_of_any_kind_are_the_same(tmp_path: Path, pictures: Tensor) -> None:
    for name, change in {"plain": lambda maps: maps, **hostile.SOUND_RETURNS}.items():
        method(name, needs="activation")(hostile.returning(change))
    names = ["plain", *hostile.SOUND_RETURNS]
    metric("sound", higher_is_better=True, needs="map", protocols={"only": {}})(hostile.sound)
    table = run(tmp_path, names, ["sound", "deletion"], pictures).table
    assert (table["status"] == "ok").all()
    values = table.pivot(index=["sample", "metric"], columns="method", values="value")
    assert set(table["metric"]) == {"sound", "sound.a", "deletion"}
    assert all(values[name].equals(values["plain"].rename(name)) for name in names)


def test_a_metric_that_writes_into_all_it_is_lent(tmp_path: Path, pictures: Tensor) -> None:
    clean = run(tmp_path / "clean", GOOD, JUDGES, pictures)
    needs = ("map", "pixels", "network")
    metric("writes", higher_is_better=True, needs=needs, protocols={"only": {}})(hostile.writing)
    done = run(tmp_path / "writes", GOOD, ["writes", *JUDGES], pictures)
    pd.testing.assert_frame_equal(rows_of(done, GOOD, JUDGES), rows_of(clean, GOOD, JUDGES), check_exact=True)


def test_a_method_that_keeps_its_output_and_writes_it_again(tmp_path: Path, pictures: Tensor) -> None:
    buffer = torch.zeros(3, 8, 8)

    def reuses(layer: Layer) -> Tensor:
        """Reuses one piece of memory."""
        return buffer.copy_(layer.activation.mean(1))

    method("reuses", needs="activation")(reuses)
    method("anew", needs="activation")(hostile.returning(lambda maps: maps))
    layers = ["relu", "conv"]
    table = run(tmp_path, ["reuses", "anew"], ["sparseness"], pictures, layers=layers).table
    values = table.pivot(index=["layer", "sample"], columns="method", values="value")
    assert values["reuses"].equals(values["anew"].rename("reuses"))


class _Switch:
    """A method that hangs until it is mended."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act, self.mended, self.calls = act, False, 0

    def __call__(self, layer: Layer) -> Tensor:
        self.calls += 1
        if not self.mended:
            self.act()
        return layer.activation.mean(1)


def _planted_switch(act: Callable[[], object]) -> _Switch:
    switch = _Switch(act)

    @method("switch", needs="activation")
    def switched(layer: Layer) -> Tensor:
        """Hangs until it is mended."""
        return switch(layer)

    return switch


def test_what_hangs_again_and_again_is_given_up_and_retried_when_it_is_mended(tmp_path: Path, pictures: Tensor) -> None:
    switch = _planted_switch(hostile.loop)
    keys: dict[str, Any] = {"pictures": pictures.repeat(2, 1, 1, 1), "batch": 1, "time_limit": LIMIT}

    def attempt(**how: Any) -> pd.DataFrame:
        done = run(tmp_path, ["switch", "gradcam"], ["sparseness"], **keys, **how)
        assert (rows_of(done, ["gradcam"], ["sparseness"])["status"] == "ok").all()
        return rows_of(done, ["switch"], ["sparseness"])

    rows = attempt()
    assert switch.calls == 3
    assert (rows["reason"] == "method switch took longer than time_limit: 60 s").sum() == 3
    late = "method switch is given up: it took longer than time_limit: 60 s 3 times in a row"
    assert (rows["reason"] == late).sum() == 3
    attempt()  # the second time
    assert switch.calls == 6
    switch.mended = True
    assert (attempt()["status"] == "failed").all()
    assert (attempt(retry_failed=True)["status"] == "ok").all()


@pytest.mark.parametrize("kind", ["CDLL", "PyDLL"])
def test_a_call_that_nothing_interrupts_ends_the_run_and_the_next_one_goes_on_without_it(
    kind: str, tmp_path: Path, pictures: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PyDLL``: not even another thread of Python runs any more."""
    monkeypatch.setattr(plugin_watch, "GRACE", 0.2)
    monkeypatch.setattr(runner, "plugin_marks", lambda *_: {})  # another limit calls it again
    switch = _planted_switch(lambda: hostile.deadlock(getattr(ctypes, kind)(None)))
    names, keys = ["switch", "gradcam"], {"time_limit": 0.2}
    child = os.fork()
    if not child:
        sys.stderr = (tmp_path / "words.txt").open("w")
        run(tmp_path / "run", names, ["sparseness"], pictures, **keys)
        os._exit(9)  # it must not come to this
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    words = (tmp_path / "words.txt").read_text()
    assert kind == "PyDLL" or "method switch took longer than time_limit: 0.2 s in a call that nothing can" in words
    assert b"deadlock" in (tmp_path / "run" / CALL).read_bytes()  # where it hangs
    done = run(tmp_path / "run", names, ["sparseness"], pictures, time_limit=LIMIT)
    assert switch.calls == 0  # in this process
    status = done.table.groupby("method")["status"].first().to_dict()
    assert status == {"gradcam": "ok", "switch": "failed"}
    reason = "method switch took longer than time_limit and could not be interrupted, so that its process ended"
    assert done.table["reason"].str.startswith(reason).sum() == len(pictures)
    assert not (tmp_path / "run" / CALL).exists()
    switch.mended = True
    done = run(tmp_path / "run", names, ["sparseness"], pictures, retry_failed=True, time_limit=LIMIT)
    assert (done.table["status"] == "ok").all()
    assert not (tmp_path / "run" / LIST).exists()


@pytest.mark.parametrize("limit", [0, -1, "soon", True, float("inf"), float("nan")])
def test_a_limit_is_a_number_of_seconds(limit: Any, pictures: Tensor) -> None:
    with pytest.raises(BenchError, match="time_limit"):
        run(Path(), ["random"], ["iou"], pictures, time_limit=limit)


def test_who_keeps_memory_is_told_with_the_figure(tmp_path: Path, pictures: Tensor) -> None:
    kept: list[Tensor] = []

    @method("leaks", needs="activation")
    def leaks(layer: Layer) -> Tensor:
        """Keeps 2 MiB."""
        kept.append(torch.ones(1 << 19))
        return layer.activation.mean(1)

    gc.collect()  # of earlier tests, whose memory would otherwise be freed meanwhile
    many = torch.rand(29, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    done = run(tmp_path, ["leaks", "gradcam"], ["sparseness"], many, batch=1, samples=29)
    warnings = [warning for warning in done.record.info["warnings"] if "memory" in warning]
    assert len(warnings) == 1
    assert warnings[0].startswith("method leaks keeps memory: about 2.0 MB more with each batch (memory in use grew")
