"""What a study's maps took, and whose it is: by a clock set by hand, and by passes that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from benchbench.cost.ledger import Ledger, Passes, Usage, User
from benchbench.engine import shard
from benchbench.engine.cost_tables import NOT_IN_THIS_RUN
from benchbench.evaluation.evaluate import evaluate
from benchbench.registry import METHODS, METRICS, method
from benchbench.reports.html import document
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.study.plan import NO_COST
from benchbench.types import CostShare, Layer

from ..networks import Flat, Pooled, seeded
from ..study_runs.test_run import done, values

A, B, C = (("data", "layer", name) for name in "abc")
STUDY = ["study_runtime", "study_passes"]


class Clock:
    """Stands until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr("benchbench.cost.ledger.now", fake)
    return fake


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(Passes(), asked=True, opened=True)


def captured(ledger: Ledger, clock: Clock, users: list[User], gradient: list[User]) -> None:
    """A batch of 2 images: 4 seconds forward and 6 backward."""
    with ledger.charge_capture(users, [gradient] if gradient else []) as mark:
        clock.seconds += 4
        if gradient:
            assert mark is not None
            mark()
            clock.seconds += 6
        ledger.passes.forwards += 2
        ledger.passes.backwards += 2 if gradient else 0


def test_a_forward_is_everyone_s_and_a_backward_theirs_who_need_it(ledger: Ledger, clock: Clock) -> None:
    ledger.begin()
    captured(ledger, clock, [A, B], [B])
    for user, seconds in ((A, 1), (B, 3)):
        with ledger.charge_to(user, 2):
            clock.seconds += seconds
    ledger.commit()
    shares = ledger.shares()
    assert shares[A] == CostShare(seconds=(2 + 1) / 2, own_seconds=1 / 2, forwards=0.5, backwards=0, rests=0, images=2)
    assert shares[B] == CostShare(
        seconds=(2 + 6 + 3) / 2, own_seconds=3 / 2, forwards=0.5, backwards=1, rests=0, images=2
    )


def test_what_one_makes_and_others_use_is_divided_whoever_came_first(ledger: Ledger, clock: Clock) -> None:
    """A makes masks' scores in 8 seconds and 20 passes, inside them a cut in 2; B finds both; C only the cut."""

    def cut() -> None:
        with ledger.shared("cut"):
            if not cuts:
                clock.seconds += 2
                ledger.passes.rests += 1
                cuts.append(1)

    cuts: list[int] = []
    ledger.begin()
    for user in (A, B):
        with ledger.charge_to(user, 1):
            clock.seconds += 1
            with ledger.shared("masks"):
                first = not cuts
                cut()
                if first:
                    clock.seconds += 8
                    ledger.passes.forwards += 20
    with ledger.charge_to(C, 1):
        clock.seconds += 5
        cut()
    ledger.commit()
    shares = ledger.shares()
    for user in (A, B):
        assert astuple(shares[user]) == pytest.approx((1 + 8 / 2 + 2 / 3, 1, 10, 0, 1 / 3, 1))
    assert astuple(shares[C]) == pytest.approx((5 + 2 / 3, 5, 0, 0, 1 / 3, 1))
    assert ledger.spent == Usage(1 + 1 + 8 + 2 + 5, 20, 0, 1), "nothing is lost or counted twice"


def test_what_failed_and_is_tried_again_counts_once(ledger: Ledger, clock: Clock) -> None:
    ledger.begin()
    with suppress(ValueError), ledger.charge_capture([A], []):
        clock.seconds += 50
        raise ValueError
    captured(ledger, clock, [A], [])
    with ledger.charge_to(A, 2):
        clock.seconds += 7
    ledger.begin()  # memory ran out later on: the batch comes again
    captured(ledger, clock, [A], [])
    with suppress(ValueError), ledger.charge_to(A, 2):
        clock.seconds += 9
        raise ValueError
    with ledger.charge_to(A, 2):
        clock.seconds += 7
    ledger.commit()
    assert ledger.shares()[A] == CostShare((4 + 7) / 2, 3.5, 1, 0, 0, 2)


def test_nothing_is_timed_that_nobody_asked_for(clock: Clock) -> None:
    for ledger in (Ledger(asked=False, opened=True), Ledger(asked=True, opened=False)):
        ledger.begin()
        with ledger.charge_capture([A], [[A]]) as mark, ledger.charge_to(A, 1), ledger.shared("x"):
            assert mark is None
        ledger.commit()
        assert ledger.shares() == {}


def rows(record: Record, metric: str = "study_passes") -> dict[tuple[str, str], dict[str, float]]:
    """By layer and method, the value ("") and the parts of a metric."""
    parts: dict[tuple[str, str], dict[str, float]] = {}
    for row in record.results.to_dict("records"):
        name, _, part = row["metric"].partition(".")
        if name == metric and row["status"] == "ok":
            parts.setdefault((row["layer"], row["method"]), {})[part] = row["value"]
    return parts


METHODS_ASKED: list[Any] = [
    *("cam", "gradcam", "layercam", "scorecam"),
    *({"name": "scorecam", "variant": "torchcam"}, "ablationcam", "fusion"),
]


@pytest.mark.parametrize("batch", [2, 16])
def test_passes_in_a_study_are_the_known_ones_and_add_up(images: Tensor, tmp_path: Path, batch: int) -> None:
    record = done(images, tmp_path, methods=METHODS_ASKED, metrics=STUDY, layers=["stage1", "relu"], batch=batch)
    passes = rows(record)
    for kind in ("forward", "backward", "rest"):
        total = 6 * sum(row[kind] for row in passes.values())
        assert total == pytest.approx(record.info["work"][f"{kind}s"]), "every pass of the study is somebody's, once"
    each = 1 / (2 * len(METHODS_ASKED) - 1)  # of the forward: every method at two layers, but for CAM at the first
    backward = 1 / (2 * 3)
    for (_, name), row in passes.items():
        if name in ("gradcam", "layercam"):
            assert row[""] == pytest.approx(each + backward), "alone it takes two"
        elif name != "fusion":
            assert row["backward"] == 0
    assert passes["relu", "cam"][""] == pytest.approx(each)
    scorecam, torchcam = (passes["relu", name]["forward"] - each for name in ("scorecam", "scorecam(variant=torchcam)"))
    alone = done(images, tmp_path / "alone", methods=["scorecam"], metrics=STUDY, layers=["relu"], batch=batch)
    masks = rows(alone)["relu", "scorecam"]["forward"] - 1
    assert masks > 5
    assert scorecam == pytest.approx(masks / 2), "the masks are scored once for the two"
    assert torchcam == pytest.approx(scorecam + 1) or torchcam == pytest.approx(scorecam)


def test_seconds_are_within_the_run_and_their_parts_add_up(images: Tensor, tmp_path: Path) -> None:
    record = done(images, tmp_path, methods=METHODS_ASKED, metrics=[*STUDY, "runtime"])
    times = rows(record, "study_runtime")
    for row in times.values():
        assert row["own"] + row["shared"] == pytest.approx(row[""])
        assert min(row["own"], row["shared"]) > 0
    assert 6 * sum(row[""] for row in times.values()) / 1000 < record.info["seconds"]
    assert "its own" in document.render(Marked.of(record))


def reasons(record: Record) -> set[tuple[str, str]]:
    costs = record.results[record.results["metric"].isin(STUDY)]
    assert len(costs) == 2 * costs["method"].nunique(), "each has its row"
    return set(zip(costs["status"], costs["reason"], strict=True))


def test_a_resumed_run_invents_no_number(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"metrics": [*STUDY, "deletion"]}
    first = done(images, tmp_path, methods=["gradcam", "scorecam"], **keys)
    assert reasons(first) == {("ok", "")}
    again = done(images, tmp_path, methods=["gradcam", "scorecam"], **keys)
    more = done(images, tmp_path, methods=["gradcam", "scorecam", "layercam"], **keys)
    for record in (again, more):
        assert reasons(record) == {("not_applicable", NOT_IN_THIS_RUN)}
    kept = values(more)
    pd.testing.assert_series_equal(
        kept[kept.index.isin(values(first).index) & (kept.index.get_level_values("metric") == "deletion")],
        values(first)[values(first).index.get_level_values("metric") == "deletion"],
    )


def test_of_a_larger_study_only_the_shards_of_this_run_count(images: Tensor, tmp_path: Path) -> None:
    many = images.repeat(7, 1, 1, 1)[:40] + torch.arange(40)[:, None, None, None] / 100
    keys: dict[str, Any] = {"datasets": {"data": many}, "methods": ["gradcam", "random"], "metrics": STUDY}
    done(many, tmp_path, samples=32, **keys)
    grown = done(many, tmp_path, samples=40, **keys)
    assert reasons(grown) == {("ok", "")}
    passes = rows(grown)
    assert [row["images"] for row in passes.values()] == [8, 8]
    assert passes["relu", "gradcam"][""] == pytest.approx(0.5 + 1)


@pytest.fixture
def planted() -> Iterator[None]:
    @method("fails", needs="activation")
    def fails(layer: Layer) -> Tensor:
        """Always."""
        raise ValueError("I do not like any image")

    @method("fails-on-one", needs="activation")
    def fails_on_one(layer: Layer) -> Tensor:
        """Raises if the image 2 is in the batch."""
        if (layer.images.amax((1, 2, 3)) > 50).any():
            raise ValueError("I do not like this image")
        return layer.activation.mean(1)

    yield
    METHODS.remove("fails")
    METHODS.remove("fails-on-one")


@pytest.mark.usefixtures("planted")
def test_who_has_no_map_has_a_reason_and_who_is_tried_again_pays_for_it(images: Tensor, tmp_path: Path) -> None:
    odd = images.clone()
    odd[2, 0, 0, 0] = 99
    keys: dict[str, Any] = {"models": {"net": seeded(Flat)}, "layers": "last", "metrics": STUDY}
    named = ["cam", "fails", "fails-on-one", "random", {"name": "dataset-mean", "of": "random"}]
    record = done(odd, tmp_path, methods=named, **keys)
    passes = record.results[record.results["metric"] == "study_passes"].set_index("method")
    reason, value = passes["reason"].to_dict(), passes["value"].to_dict()
    assert passes["status"].to_dict() == {
        "cam": "not_applicable", "fails": "failed", "fails-on-one": "ok", "random": "ok",
        "dataset-mean(of=random)": "not_applicable",
    }  # fmt: skip
    assert "global average pooling" in reason["cam"]
    assert reason["fails"].startswith("ValueError: I do not like any image")
    assert reason["dataset-mean(of=random)"] == NO_COST
    assert value["random"] == pytest.approx(1 / 3)
    assert value["fails-on-one"] == pytest.approx(1 / 3 + 1), "each image was shown to it again, alone"


def test_a_batch_that_memory_did_not_suffice_for_counts_once(
    images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = evaluate

    def scarce(cells: Any, maps: Any, chunk: Any, *rest: Any) -> Any:
        if len(chunk.ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(cells, maps, chunk, *rest)

    monkeypatch.setattr(shard, "evaluate", scarce)
    record = done(images, tmp_path, methods=["gradcam", "random"], metrics=[*STUDY, "deletion"], batch=6)
    passes = rows(record)
    assert [(row[""], row["images"]) for row in passes.values()] == [(1.5, 6), (0.5, 6)]


def test_two_targets_and_two_networks_are_kept_apart(images: Tensor, tmp_path: Path) -> None:
    networks = {"one": seeded(Pooled), "other": seeded(Pooled, seed=1)}
    record = done(images, tmp_path, models=networks, target=["predicted", 3], methods=["gradcam"], metrics=STUDY)
    passes = record.results[record.results["metric"] == "study_passes"]
    assert passes[["model", "dataset"]].drop_duplicates().shape == (4, 2)
    assert passes["value"].tolist() == [2.0] * 4


def test_shares_as_metrics() -> None:
    share = CostShare(seconds=0.5, own_seconds=0.125, forwards=1.5, backwards=0.25, rests=2, images=7)
    runtime, passes = (METRICS[name].function(share) for name in STUDY)
    assert (runtime.value, runtime.parts) == (500, {"own": 125, "shared": 375, "images": 7})
    assert (passes.value, passes.parts) == (3.75, {"forward": 1.5, "backward": 0.25, "rest": 2, "images": 7})
