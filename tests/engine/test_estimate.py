"""What a run would compute and take, told before it: counted, and measured on a clock that forwards drive."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import benchbench as bb
from benchbench.engine import watch as watch_module
from benchbench.engine.budget import LEAST, Budget, budget_seconds, within
from benchbench.engine.estimate import Estimate
from benchbench.engine.planned_work import asked_by
from benchbench.errors import BenchError
from benchbench.network.scorer import Scorer
from benchbench.results.run_log import last_events
from benchbench.types import INPUT

from ..helpers import Told
from ..networks import Pooled, seeded
from .test_watch import pictures, study

FORWARD = 0.01  # seconds of an image


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return ticking_clock(monkeypatch)


def ticking_clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of runs: each image that a scorer answers takes a hundredth of a second, and nothing else any time."""
    clock = SimpleNamespace(now=0.0)
    honest = Scorer._forward

    def forward(self: Scorer, images: Any, targets: Any) -> Any:
        clock.now += FORWARD * len(images)
        return honest(self, images, targets)

    monkeypatch.setattr(Scorer, "_forward", forward)
    monkeypatch.setattr(watch_module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def seconds_of_shards(folder: Path) -> float:
    return float(sum(event["seconds"] for event in last_events(folder) if event["event"] == "shard"))


def test_a_dry_run_counts_what_the_run_then_does_and_writes_nothing(tmp_path: Path) -> None:
    some = study(metrics=[{"name": "deletion", "steps": 4}, "sparseness", "passes"])
    plan = some.dry_run(tmp_path / "run")
    assert not list(tmp_path.iterdir())
    run = some.run(tmp_path / "run", report=False)
    work, info = plan.work, run.record.info["work"]
    assert work.missing == info["cells_computed"] == 4 + 8 + 2
    assert (work.shards, work.rows, work.costs) == (2, 160, 2)
    assert work.forwards == pytest.approx(info["forwards"], rel=0.2)
    assert plan.map_bytes == run.maps().stack().nbytes
    before = sorted(tmp_path.rglob("*"))
    again = some.dry_run(tmp_path / "run")
    assert (again.work.missing, again.work.shards_there, again.bytes) == (0, 2, 0)
    assert again.work.forwards == 0
    assert sorted(tmp_path.rglob("*")) == before
    more = study(methods=["gradcam", "random", "layercam"]).dry_run(tmp_path / "run")
    assert more.work.missing == 2 + 4 + 1  # maps, scores, and the cost that the folder's study asks for
    assert more.kept == ["the metrics passes@alone-b1"]


def test_a_dry_run_says_it_in_lines(tmp_path: Path) -> None:
    plan = study(methods=["gradcam", "scorecam"]).dry_run(tmp_path / "run")
    text = "\n".join(plan.lines())
    assert "Networks: net (relu, batch 16)" in text
    assert "Data: data: 40 of 40 images" in text
    assert "Cells to compute: 12 (maps 4 of 4 and scores 8 of 8)" in text
    assert "Shards: 2 of 2; rows: 160 of 160" in text
    assert "asked for by methods: Score-CAM 400" in text  # ten channels
    assert "deletion AUC" in text
    assert plan.plain()["missing"] == 12


def test_what_cannot_be_met_is_refused_by_a_dry_run_too(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="layers: net"):
        study(layers=["nowhere"]).dry_run(tmp_path / "run")
    study(seed=1).run(tmp_path / "run", report=False)
    with pytest.raises(BenchError, match="seed is 1 in the folder's study"):
        study().dry_run(tmp_path / "run")


def test_the_passes_that_all_share_are_counted(tmp_path: Path) -> None:
    """One for the capture of all methods, and one for the image itself where there are metrics, as the run counts."""
    some = study(metrics=["sparseness"])
    planned = some.dry_run(tmp_path / "run").work.forwards
    run = some.run(tmp_path / "run", report=False)
    assert planned == run.record.info["work"]["forwards"] == 2 * 40
    more = study(metrics=["sparseness", "entropy"])  # whose maps are there
    planned = more.dry_run(tmp_path / "run").work.forwards
    assert planned == more.run(tmp_path / "run", report=False).record.info["work"]["forwards"]


@pytest.mark.parametrize(
    ("needs", "params", "layer", "forwards"),
    [
        ({"activation", "scores"}, {}, "a", 12),
        ({"activation", "scores"}, {"samples": 5}, "a", 60),
        ({"gradient", "scores"}, {"groups": 32}, "a", 32),
        ({"input", "scores"}, {"masks": 4000}, INPUT, 4000),
        ({"gradient"}, {}, "a", 0),
        ({"gradient", "look"}, {"steps": 9}, "a", 0),
    ],
)
def test_what_a_method_asks_for(needs: set[str], params: dict[str, Any], layer: str, forwards: float) -> None:
    asked = asked_by(needs, params, layer, {"a": 12})
    assert asked.forwards == forwards
    assert (asked.other > 0) == ("look" in needs)


def estimated(tmp_path: Path, **keys: Any) -> Estimate:
    return study(**keys).estimate(tmp_path / "run")


def test_an_estimate_is_what_the_run_then_takes(ticking: SimpleNamespace, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["gradcam", "scorecam", "random"], "datasets": {"data": pictures(40)}}
    estimate = estimated(tmp_path, samples=40, **keys)
    assert not list(tmp_path.iterdir())
    study(samples=40, **keys).run(tmp_path / "run", report=False)
    taken = seconds_of_shards(tmp_path / "run")
    assert taken > 3
    assert estimate.seconds - estimate.fixed == pytest.approx(taken, rel=0.25)  # maps of some images are equal
    assert estimate.doubt >= 0.15
    text = "\n".join(estimate.lines())
    assert "Measured here" in text
    assert "Time: about" in text
    again = estimated(tmp_path, samples=40, **keys)
    assert again.seconds == again.fixed
    assert again.bytes == 0


def test_networks_of_different_speed_have_rates_of_their_own(
    ticking: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Scorer._forward

    def forward(self: Scorer, images: Any, targets: Any) -> Any:
        slow = next(self.network.parameters()).shape[0] == 12
        ticking.now += 9 * FORWARD * len(images) * slow
        return ticks(self, images, targets)

    monkeypatch.setattr(Scorer, "_forward", forward)
    slow = seeded(lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 12, 3, 2), torch.nn.ReLU(), *head(12)))
    keys: dict[str, Any] = {"models": {"net": seeded(Pooled), "slow": slow}, "layers": {"net": "relu", "slow": "1"}}
    keys["datasets"] = {"data": pictures(20)}
    estimate = estimated(tmp_path, **keys)
    rates = {network: rate for (network, _), rate in estimate.measured.per_image.items()}
    assert rates["slow"] == pytest.approx(10 * rates["net"], rel=0.1)
    assert estimate.seconds - estimate.fixed == pytest.approx(20 * sum(rates.values()))


def head(channels: int) -> list[torch.nn.Module]:
    return [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, 7)]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("2h", 7200), ("90s", 90), ("1h30m", 5400), ("1.5H", 5400), (12, 12)]
)
def test_budgets_are_read(text: str | float, seconds: float) -> None:
    assert budget_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "0s", "-5m", "30m2h", "soon", 0, float("nan"), float("inf")])
def test_what_is_no_budget_is_refused(text: str | float) -> None:
    with pytest.raises(BenchError, match="budget") as caught:
        budget_seconds(text)
    assert "30m" in caught.value.hint


def test_a_budget_takes_as_many_images_as_fit(ticking: SimpleNamespace, tmp_path: Path) -> None:
    keys: dict[str, Any] = {
        "datasets": {"data": pictures(100)},
        "samples": 100,
        "metrics": [{"name": "deletion", "steps": 4}],
    }
    estimate = estimated(tmp_path, **keys)
    each = estimate.measured.per_image["net", "data"]
    for images in (7, 20, 31):
        budget = within(estimate, estimate.seconds_of(images) + each / 2)
        assert (budget.samples, budget.wanted) == (images, 100)
        assert f"suffices for {images} images" in budget.sentence
        assert budget.expected <= budget.seconds
    assert within(estimate, estimate.seconds_of(50)).samples == 32, "whole shards, which a larger budget goes on from"
    assert within(estimate, estimate.seconds + 1) == Budget(estimate.seconds + 1, 100, 100, estimate.seconds)
    assert within(estimate, estimate.seconds + 1).sentence == ""
    with pytest.raises(BenchError, match=f"{LEAST} images of each data set take about .*Give --budget") as caught:
        within(estimate, estimate.seconds_of(LEAST) - each / 2)
    word = caught.value.hint.split()[2]
    assert within(estimate, budget_seconds(word)).samples >= LEAST


def test_a_run_keeps_to_its_budget_and_a_larger_one_goes_on(
    ticking: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = study(datasets={"data": pictures(60)}, samples=60)
    estimate = some.estimate(tmp_path / "run")
    monkeypatch.setattr("benchbench.api.study.estimate", lambda *_, **__: estimate)
    told = Told()
    run = some.run(tmp_path / "run", report=False, progress=told, budget=estimate.seconds_of(35))
    first = set(run.table["sample"])
    assert len(first) == 32
    assert any("32 images of each data set of 60" in warning for warning in told.warnings)
    assert run.record.info["budget"]["samples"] == 32
    assert any("32 images" in warning for warning in run.record.info["warnings"])
    more = some.run(tmp_path / "run", report=False, budget=1e6)
    assert set(more.table["sample"]) > first
    assert more.table["sample"].nunique() == 60
    assert more.record.info["work"]["cells_reused"] == 6  # the first shard's
    assert more.record.info["budget"]["samples"] == 60
    plain = some.run(tmp_path / "run", report=False)
    assert "budget" not in plain.record.info


def test_a_budget_that_does_not_suffice_computes_nothing(ticking: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="do not suffice"):
        study().run(tmp_path / "run", report=False, budget="0.001s")
    assert not list(tmp_path.iterdir())


def test_a_study_of_cost_alone_is_estimated(tmp_path: Path) -> None:
    estimate = bb.Study(
        models={"net": seeded(Pooled)}, datasets={"data": pictures(2)}, layers=["relu"], methods=["random"],
        metrics=["passes"], workers=0,
    ).estimate(tmp_path / "run")  # fmt: skip
    assert estimate.costs >= 0
    assert estimate.plan.work.costs == 1
