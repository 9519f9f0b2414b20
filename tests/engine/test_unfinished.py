"""A run that is stopped, goes on or was killed: its tables are of what is there, and it continues to the same rows."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.engine.read_run import read_run
from benchbench.engine.shard import run_shard
from benchbench.engine.stopping import SIGNALS, Stopped
from benchbench.errors import BenchError
from benchbench.registry import METRICS, metric
from benchbench.results.run_folder import INFO, UNFINISHED
from benchbench.results.schema import MISSING
from benchbench.types import Scored, Seen

from ..cli.commands import benchbench
from ..helpers import Told
from ..networks import Pooled, seeded

IMAGES = 6
KEYS = ["sample", "method", "metric", "protocol"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.study.plan.SHARD", 2)


@pytest.fixture(autouse=True, scope="module")
def signals_are_heard() -> Iterator[None]:
    """Whoever runs the tests in the background may have them ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def handlers_are_restored() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


class Interrupting(Told):
    """Calls ``act`` when the n-th shard begins."""

    def __init__(self, shard: int, act: Callable[[], Any]) -> None:
        super().__init__()
        self.shard, self.act, self.told = shard, act, ""

    def say(self, what: str) -> None:
        if what == "net on data":
            self.shard -= 1
            if not self.shard:
                self.act()

    def tell(self, what: str) -> None:
        self.told = what


def _pictures() -> Tensor:
    coarse = torch.randn(IMAGES, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=32, mode="bicubic")


def _study(**keys: Any) -> bb.Study:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": (_pictures(), [0, 1, 2, 0, 1, 2], torch.ones(IMAGES, 32, 32, dtype=torch.bool))},
        "layers": ["relu"],
        "methods": ["gradcam", "random"],
        "metrics": ["deletion", "pxap@wsol-100", "passes"],
        "workers": 0,
    }
    return bb.Study(**{**defaults, **keys})


def _signal(number: int = signal.SIGINT) -> Callable[[], None]:
    return lambda: signal.raise_signal(number)


def _stop(folder: Path, shard: int = 2, *, report: bool = False, **keys: Any) -> str:
    """Ctrl-C when a shard has begun; what the run says of it."""
    progress = Interrupting(shard, _signal())
    with pytest.raises(Stopped, match="are finished, and the tables contain them") as caught:
        _study(**keys).run(folder, progress=progress, report=report)
    assert "a second one stops at once" in progress.told
    return str(caught.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    with pytest.MonkeyPatch.context() as context:
        context.setattr("benchbench.study.plan.SHARD", 2)
        return _study().run(tmp_path_factory.mktemp("whole"), report=False, progress=False)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of three shards, with a report."""
    with pytest.MonkeyPatch.context() as context:
        context.setattr("benchbench.study.plan.SHARD", 2)
        folder = tmp_path_factory.mktemp("part")
        assert (
            _stop(folder, report=True)
            == "stopped: 2 of 3 shards, 0 of 2 costs are finished, and the tables contain them"
        )
    return folder


def test_every_row_is_there(part: Path, whole: bb.Run) -> None:
    table, of_all = bb.Run.load(part).table, whole.table
    of_all = of_all[~of_all["metric"].str.contains(".", regex=False)].reset_index(drop=True)  # parts of measured costs
    assert table[KEYS].equals(of_all[KEYS])
    missing = table["status"] == MISSING
    assert table[missing]["reason"].eq("not computed: the run is not finished").all()
    assert table[missing & table["sample"].notna()]["sample"].nunique() == 2
    there = ~missing
    pd.testing.assert_frame_equal(table[there], of_all[there])
    assert (table[missing]["metric"] == "passes").sum() == 2


def test_statistics_are_of_the_images_that_are_there(part: Path, tmp_path: Path) -> None:
    """As of a study that asked for no other images."""
    alone = _study(samples=4, metrics=["deletion", "pxap@wsol-100"]).run(tmp_path, report=False, progress=False)
    run = bb.Run.load(part)
    pd.testing.assert_frame_equal(run.leaderboard(["deletion", "pxap"]), alone.leaderboard())
    pd.testing.assert_frame_equal(run.compare(), alone.compare())
    pd.testing.assert_frame_equal(run.pooled(), alone.pooled())
    pd.testing.assert_frame_equal(run.health(), alone.health())
    assert run.failed == 0


def test_everything_says_that_it_is_unfinished(part: Path) -> None:
    run = bb.Run.load(part)
    progress = "2 of 3 shards"
    assert run.unfinished.startswith(progress)
    assert progress in str(run)
    assert progress in run._repr_html_()
    assert run.to_latex().count(f"Unfinished run: {progress}") == 2
    assert progress in run.to_markdown()
    assert (part / "report.html").read_text().count(f"Unfinished run: {progress}") > 1
    assert run.record.info["unfinished"]["shards"] == 2
    assert run.record.info["counts"][MISSING] == (run.table["status"] == MISSING).sum()
    done = benchbench("report", part, "--format", "csv", cwd=part)
    assert (done.returncode, progress in done.stderr) == (0, True)


def test_it_is_no_baseline(part: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"the run is not finished: 2 of 3 shards.*continues from there"):
        bb.Run.load(part).baseline(tmp_path / "baseline.json")


def test_it_continues_to_the_same_rows(tmp_path: Path, whole: bb.Run) -> None:
    _stop(tmp_path)
    run = _study().run(tmp_path, report=False, progress=False)
    pd.testing.assert_frame_equal(run.table, whole.table)
    pd.testing.assert_frame_equal(run.pooled(), whole.pooled())
    assert not run.unfinished
    assert not (tmp_path / UNFINISHED).exists()
    assert run.record.info["work"]["cells_reused"] == 2 * 2 * 3


def test_a_method_with_fewer_images_is_not_compared_by_its_mean(tmp_path: Path) -> None:
    _study().run(tmp_path, report=False, progress=False)
    _stop(tmp_path, shard=1, methods=["gradcam", "random", "layercam"])
    run = bb.Run.load(tmp_path)
    board = run.leaderboard("deletion").set_index("method")
    assert dict(board["n"]) == {"gradcam": 6, "random": 6, "layercam": 2}
    assert dict(board["failed"]) == {"gradcam": 0, "random": 0, "layercam": 0}
    pair = run.compare("layercam", "gradcam").set_index("metric").loc["deletion"]
    assert (pair["n"], pair["failed"], pair["other_failed"]) == (2, 0, 0)
    assert "Layer-CAM: the run is not finished, and has 2 images of it: the mean is over different" in run.to_markdown()
    assert "Unfinished run: 1 of 3 shards" in run.report().read_text()  # with a metric that has no value, against costs


def test_it_is_read_while_it_goes_on(tmp_path: Path, whole: bb.Run) -> None:
    reads: list[bb.Run] = []
    progress = Interrupting(3, lambda: reads.append(bb.Run.load(tmp_path)))
    _study().run(tmp_path, report=False, progress=progress)
    (run,) = reads
    assert run.unfinished == "2 of 3 shards, 0 of 2 costs"
    assert "The run goes on: process" in str(run)
    there = run.table["status"] != MISSING
    rows = whole.table[: len(there)]  # the parts of costs are not known before
    pd.testing.assert_frame_equal(run.table[there], rows[there])
    assert not run.pooled().empty
    assert len(run.maps()) == 8


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    reads: list[str] = []

    def read() -> None:
        with pytest.raises(BenchError) as caught:
            bb.Run.load(tmp_path)
        reads.append(str(caught.value))

    _study().run(tmp_path, report=False, progress=Interrupting(1, read))
    assert "none of the run's 3 shards is finished yet" in reads[0]


def test_the_second_ctrl_c_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, which lives on; the shards that are finished are read from their cells."""
    from benchbench.engine import shard

    def twice(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    progress = Interrupting(2, lambda: monkeypatch.setattr(shard, "_run_batch", twice))
    with pytest.raises(KeyboardInterrupt):
        _study().run(tmp_path, progress=progress)
    assert not (tmp_path / INFO).exists()
    assert bb.Run.load(tmp_path).unfinished.startswith("1 of 3 shards")
    done = benchbench("report", tmp_path, "--format", "markdown", cwd=tmp_path)
    assert "Unfinished run: 1 of 3 shards" in done.stdout


def test_before_the_first_shard_there_is_nothing_to_write(tmp_path: Path) -> None:
    class Early(Interrupting):
        def start(self, total: int) -> None:
            self.act()

    with pytest.raises(KeyboardInterrupt):
        _study().run(tmp_path, progress=Early(0, _signal()))
    assert not (tmp_path / INFO).exists()


@pytest.mark.parametrize("number", SIGNALS[1:])
def test_other_signals_are_sent_again_when_the_tables_are_there(number: int, tmp_path: Path) -> None:
    heard: list[str] = []
    before = signal.signal(number, lambda *_: heard.append(bb.Run.load(tmp_path).unfinished))
    try:
        with pytest.raises(Stopped) as caught:
            _study(metrics=["deletion"]).run(tmp_path, progress=Interrupting(1, _signal(number)), report=False)
    finally:
        signal.signal(number, before)
    assert heard == ["1 of 3 shards"]
    assert caught.value.exit_code == 128 + number


def test_a_stopped_estimate_says_nothing_of_tables(tmp_path: Path) -> None:
    """The folder's report and tables are an earlier run's, and stay as they are."""
    (tmp_path / "run").mkdir()
    _study(metrics=["sparseness"]).run(tmp_path / "run", progress=False, report=False)
    page = tmp_path / "run" / "report.html"
    page.write_text("mine")

    class Early(Told):
        def say(self, what: str) -> None:
            if what.startswith("measuring"):
                patch.setattr("benchbench.engine.runner.run_shard", stopped)

    def stopped(*arguments: Any) -> int:
        signal.raise_signal(signal.SIGINT)
        return run_shard(*arguments)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped) as caught:
        _study(metrics=["sparseness", "deletion"]).run(tmp_path / "run", progress=Early(), budget="1h")
    assert (str(caught.value), caught.value.orderly, caught.value.number) == ("", False, signal.SIGINT)
    assert page.read_text() == "mine"


def test_a_photograph_that_is_gone_is_told_in_one_line(tmp_path: Path) -> None:
    """Of a run that was extended and killed: a shard that grew has photographs in the pack of the smaller one."""

    def killed() -> None:
        raise ZeroDivisionError

    _study(samples=3, metrics=["sparseness"]).run(tmp_path, report=False, progress=False)
    old = list((tmp_path / "cells").iterdir())
    with pytest.raises(ZeroDivisionError):
        _study(samples=5, metrics=["sparseness"]).run(tmp_path, report=False, progress=Interrupting(3, killed))
    assert bb.Run.load(tmp_path).unfinished == "2 of 3 shards"
    for path in old:
        path.write_bytes(b"damaged")
    with pytest.raises(BenchError, match=r"cannot be read: .* is in no pack\. Run it again"):
        bb.Run.load(tmp_path)


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        progress = Interrupting(1, _signal(signal.SIGHUP))
        run = _study(metrics=["deletion"]).run(tmp_path, progress=progress, report=False)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not run.unfinished


def test_in_a_thread_handlers_are_left_alone(tmp_path: Path) -> None:
    handlers: list[Any] = []
    progress = Interrupting(1, lambda: handlers.append(signal.getsignal(signal.SIGINT)))
    study = _study(metrics=["deletion"])
    thread = threading.Thread(target=lambda: study.run(tmp_path, progress=progress, report=False))
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
    assert not read_run(tmp_path).info.get("unfinished")


def test_metrics_whose_code_is_not_here(tmp_path: Path) -> None:
    """As those of a plugin's file, which a report does not load."""

    @metric("mine", needs="map", higher_is_better=True, protocols={"plain": {}}, pooled=lambda sums: sums[:, 0])
    def mine(seen: Seen) -> Scored:
        """The map's mean."""
        mean = seen.map.flatten(1).mean(1)
        return Scored(mean, levels=(torch.zeros(1), mean[:, None]))

    reads: list[bb.Run] = []

    def read() -> None:
        plugin = METRICS["mine"]
        METRICS.remove("mine")
        try:
            reads.append(bb.Run.load(tmp_path))
        finally:
            METRICS.add(plugin)

    try:
        run = _study(metrics=["mine"]).run(tmp_path, report=False, progress=Interrupting(2, read))
    finally:
        METRICS.remove("mine")
    there = reads[0].table["status"] == "ok"
    assert there.sum() == 2 * 2
    pd.testing.assert_frame_equal(reads[0].table[there], run.table[there])
    assert reads[0].pooled()["reason"].str.contains("the code of the metric is not here").all()
    assert run.pooled()["value"].notna().all()
