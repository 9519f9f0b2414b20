"""What a run tells while it runs: its log, the outlook it shows, and that its plan counts what is then done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.engine.progress import Silent
from benchbench.engine.time_left import Outlook
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.results.run_log import LOG, last_events
from benchbench.results.run_status import run_status
from benchbench.types import Layer

from ..networks import Pooled, seeded


def pictures(count: int = 40, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def study(**keys: Any) -> bb.Study:
    default: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": pictures()},
        "layers": ["relu"],
        "methods": ["gradcam", "random"],
        "metrics": [{"name": "deletion", "steps": 4}, "sparseness"],
        "batch": 16,
        "workers": 0,
    }
    return bb.Study(**{**default, **keys})


class Shown(Silent):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.outlooks: list[Outlook] = []
        self.lines: list[str] = []

    def say(self, what: str) -> None:
        self.lines.append(what)

    def follow(self, outlook: Outlook) -> None:
        self.outlooks.append(outlook)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of forty images, and the same run again."""
    place = tmp_path_factory.mktemp("run")
    for _ in range(2):
        study().run(place, report=False)
    return place


def events_of(folder: Path, run: int) -> list[dict[str, Any]]:
    return [e for line in (folder / LOG).read_text().splitlines() if (e := json.loads(line))["run"] == run]


def test_the_log_says_what_ran(folder: Path) -> None:
    events = events_of(folder, 1)
    names = [event["event"] for event in events]
    assert names == ["start", "work", "loaded", "plan", "work", "shard", "shard", "work", "tables", "end"]
    plan, shards, end = events[3], [e for e in events if e["event"] == "shard"], events[-1]
    assert (plan["shards"], plan["shards_there"], plan["missing"]) == (2, 0, 12)
    assert (plan["maps"], plan["scores"], plan["rows"]) == (4, 8, 160)
    assert [shard["images"] for shard in shards] == [32, 8]
    assert sum(shard["cells"] for shard in shards) == 12
    table = bb.Run.load(folder).table
    assert sum(shard["rows"] for shard in shards) == len(table) == plan["rows"]
    assert all(shard["seconds"] > 0 and shard["memory"] > 0 and shard["failed_rows"] == 0 for shard in shards)
    work = bb.Run.load(folder).record.info["work"]
    assert work["cells_computed"] == 0, "the second run's"
    assert 0 < sum(shard["forwards"] for shard in shards) <= plan["forwards"] + 40  # a capture of each image
    assert (end["outcome"], end["seconds"] > 0) == ("finished", True)


def test_a_run_that_computes_nothing_writes_a_few_lines(folder: Path) -> None:
    events = events_of(folder, 2)
    assert [e["event"] for e in events if e["event"] in ("plan", "shard", "cost", "end")] == ["plan", "end"]
    assert events[3]["shards_there"] == events[3]["shards"] == 2
    assert run_status(folder).state == "finished"
    assert run_status(folder).rows_done == 160


def test_a_folder_with_a_log_is_still_a_run_s(folder: Path) -> None:
    assert not (folder / "unfinished.json").exists()
    assert len(last_events(folder)) > 3


def test_the_outlook_ends_where_the_run_ends(tmp_path: Path) -> None:
    shown = Shown()
    study().run(tmp_path, report=False, progress=shown)
    last = shown.outlooks[-1]
    assert (last.shards_done, last.shards) == (2, 2)
    assert shown.outlooks[0].shards_done == 0
    assert last.seconds_left == pytest.approx(0.0)
    assert all(outlook.seconds_left is None or outlook.seconds_left >= 0 for outlook in shown.outlooks)
    assert "writing the tables" in shown.lines


def test_a_request_that_is_refused_leaves_no_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError):
        study(layers=["nowhere"]).run(tmp_path / "run", report=False)
    assert not (tmp_path / "run" / LOG).exists()
    before = (folder / LOG).read_bytes()
    with pytest.raises(BenchError):
        study(layers=["nowhere"]).run(folder, report=False)
    assert (folder / LOG).read_bytes() == before


def test_what_fails_later_is_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("benchbench.engine.runner.input_suspicions", failing)
    with pytest.raises(BenchError):
        study(datasets={"data": pictures(2)}).run(tmp_path, report=False)
    end = last_events(tmp_path)[-1]
    assert (end["outcome"], "No space left on device" in end["reason"]) == ("failed", True)
    assert run_status(tmp_path).state == "failed"


def test_interruptions_and_failures_are_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("benchbench.engine.runner.input_suspicions", stopped)
        with pytest.raises(KeyboardInterrupt):
            study().run(tmp_path, report=False)
    status = run_status(tmp_path)
    assert (status.state, status.shards_done, status.shards) == ("interrupted", 2, 2)
    study().run(tmp_path, report=False)
    assert run_status(tmp_path).state == "finished"


def test_failed_rows_are_counted_with_their_reasons(tmp_path: Path) -> None:
    @method("breaks", needs="activation")
    def breaks(layer: Layer) -> Tensor:
        """Fails on one image."""
        if float(layer.images.max()) > 3.8:
            raise RuntimeError("too bright")
        return layer.activation.mean(1)

    try:
        run = study(methods=["breaks", "random"]).run(tmp_path, report=False)
    finally:
        METHODS.remove("breaks")
    shards = [event for event in last_events(tmp_path) if event["event"] == "shard"]
    assert run.failed > 0
    assert sum(shard["failed_rows"] for shard in shards) == run.failed
    assert any("too bright" in reason for shard in shards for reason in shard.get("reasons", ()))
    assert run_status(tmp_path).failed_rows == run.failed


class _Photos:
    """Forty images, two of which cannot be read."""

    name, about = "data", {"source": "here"}

    def __init__(self) -> None:
        self.ids, self.images = [str(i) for i in range(40)], pictures()

    def __getitem__(self, index: int) -> bb.Sample:
        if index in (20, 30):
            raise ValueError("no such image")
        return bb.Sample(self.ids[index], self.images[index], index)

    def fingerprint(self, index: int) -> str:
        return str(index)


def test_images_that_failed_are_counted_once(tmp_path: Path) -> None:
    """Also with maps that are made of a whole data set, methods that do not apply, and a study that grows."""
    keys: dict[str, Any] = {
        "datasets": {"data": _Photos()},
        "methods": ["gradcam", {"name": "dataset-mean", "of": "gradcam"}, "legrad"],
    }
    before = 0
    for number, metrics in enumerate([["sparseness"], ["sparseness", "average_drop"]], 1):
        run = study(metrics=metrics, **keys).run(tmp_path, report=False)
        events = [event for event in events_of(tmp_path, number) if event["event"] in ("shard", "derived shard")]
        assert sum(event["failed_rows"] for event in events) == run.failed - (before if number == 1 else 0)
        assert run.failed == 2 * 3 * len(metrics)
        before = run.failed


def test_several_networks_are_compared_before_they_run(tmp_path: Path) -> None:
    shown = Shown()
    two = study(models={"one": seeded(Pooled), "two": seeded(Pooled, seed=1)}, datasets={"data": pictures(4)})
    two.run(tmp_path, report=False, progress=shown)
    first = shown.outlooks[0]
    assert first.seconds_left is not None, "their speeds are known before the first shard"
    assert [e["network"] for e in last_events(tmp_path) if e["event"] == "loaded"] == ["two", "one", "two"]
    assert [e["network"] for e in last_events(tmp_path) if e["event"] == "shard"] == ["one", "two"]


def test_maps_of_a_whole_data_set_are_in_the_plan(tmp_path: Path) -> None:
    of_all = study(methods=["gradcam", {"name": "dataset-mean", "of": "gradcam"}])
    of_all.run(tmp_path, report=False)
    events = last_events(tmp_path)
    plan = next(event for event in events if event["event"] == "plan")
    assert plan["missing"] == 2 * (2 + 4)
    done = [event for event in events if event["event"] in ("shard", "derived shard")]
    assert [event["event"] for event in done] == ["shard", "shard", "derived shard", "derived shard"]
    assert sum(event["rows"] for event in done) == plan["rows"] == 160
    status = run_status(tmp_path)
    assert (status.shards_done, status.shards, status.rows_done) == (2, 2, 160)


def test_a_long_shard_says_how_it_is_getting_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.engine.watch._BEAT", 0.0)
    study(datasets={"data": pictures(20)}, batch=4).run(tmp_path, report=False)
    events = last_events(tmp_path)
    first = [event["event"] for event in events].index("shard")
    beats = [event for event in events[:first] if event["event"] == "progress"]
    assert beats[0]["shards_done"] == 0
    assert beats[-1]["seconds_left"] > 0


def test_what_methods_cost_is_told(tmp_path: Path) -> None:
    study(datasets={"data": pictures(2)}, metrics=["passes", "sparseness"]).run(tmp_path, report=False)
    costs = [event for event in last_events(tmp_path) if event["event"] == "cost"]
    assert [(cost["method"], cost["layer"]) for cost in costs] == [("gradcam", "relu"), ("random", "relu")]
