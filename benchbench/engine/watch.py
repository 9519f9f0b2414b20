"""A run's work, told while it happens: to whoever shows it, with the time left, and to the run's log."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch

from ..cost.ledger import Ledger, Passes, User
from ..errors import BenchError, message_of, raised
from ..results.run_log import RunLog
from ..results.store import Store
from ..study.plan import CostCell, Task
from ..study.spec import StudySpec
from .missing_cells import MissingCells, missing_cells
from .planned_work import PlannedWork, shard_key
from .progress import Progress
from .time_left import Outlook, Piece, TimeLeft
from .workers.hand_out import Keep

T = TypeVar("T")
_EVERY = 0.5  # seconds between two looks at the time left
_BEAT = 60.0  # seconds between two lines of the log that say how a shard is getting on
_REASONS = 3  # of a shard's failures, in the log


@dataclass(eq=False)
class Watch:
    """What a run tells, as a ``Progress`` and more.

    Args:
        shown: where the user sees it. It is told the outlook if it has a method ``follow``.
        log: the run's log.
        clock: seconds.
    """

    shown: Progress
    log: RunLog
    clock: Callable[[], float]
    _passes: Passes = field(default_factory=Passes)
    _pieces: dict[Any, Piece] = field(default_factory=dict)
    _left: TimeLeft | None = None
    _began: float = 0.0
    _looked: float = float("-inf")
    _beat: float = 0.0
    _shards: tuple[int, int] = (0, 0)  # done, of all
    _work: str = ""

    def say(self, what: str) -> None:
        """What is at work now."""
        if what != self._work:
            self._work = what
            self.log.write("work", work=what)
        self.shown.say(what)
        self._look()

    def tell(self, what: str) -> None:
        """A line that stays."""
        self.log.write("work", work=what)
        getattr(self.shown, "tell", self.shown.warn)(what)

    def warn(self, what: str) -> None:
        """Something that the user must know."""
        self.log.write("warning", warning=what)
        self.shown.warn(what)

    def start(self, total: int) -> None:
        """How many images are to be scored, roughly."""
        self.shown.start(total)

    def advance(self, count: int) -> None:
        """So many more images are scored."""
        self.shown.advance(count)
        if self._left is not None:
            self._left.advance(count)
            self._look()

    def stop(self) -> None:
        """Nothing more is shown."""
        self.shown.stop()

    def plan(self, work: PlannedWork, passes: Passes, unit: float | None) -> None:
        """The work begins.

        Args:
            passes: what the run counts its passes in.
            unit: 1 where the weights of the work are in seconds that were measured; else None.
        """
        self._passes, self._began = passes, self.clock()
        self._pieces = {piece.key: piece for piece in work.pieces}
        self._left, self._shards = TimeLeft(work.pieces, unit), (work.shards_there, work.shards)
        counts = {key: value for key, value in vars(work).items() if isinstance(value, int)}
        self.log.write("plan", **counts, missing=work.missing, forwards=round(work.forwards))
        self.log.open()
        self.shown.start(round(work.forwards))
        self._look(now=True)

    def load(self, network: str, title: str, work: Callable[[], T]) -> T:
        """Load a network, and tell how long that took."""
        self.say(f"loading {title}")
        with self._timed(("load", network)) as taken:
            loaded = work()
        self.log.write("loaded", network=network, **taken)
        return loaded

    def arrivals(self, sweep: int, store: Store, network: str) -> Keep:
        """What keeps a shard that a worker computed, and tells of it as ``shard`` does; its time is the worker's."""
        if self._left is not None:
            self._left.by_workers(network, self.clock())

        def keep(task: Task, work: Callable[[], int], seconds: float | None, workers: int) -> int:
            piece = self._pieces.get(shard_key(task, sweep))
            if piece is None:
                return work()
            return self._kept(task, sweep, store, partial(self._arrived, piece, work, seconds, workers))

        return keep

    def shard(self, task: Task, sweep: int, store: Store, work: Callable[[], int]) -> int:
        """Work on a shard, and tell what came of it; returns how many cells that were."""
        piece = self._pieces.get(shard_key(task, sweep))
        if piece is None:
            return work()
        return self._kept(task, sweep, store, partial(self._worked, piece, work))

    def _worked(self, piece: Piece, work: Callable[[], int]) -> tuple[int, dict[str, Any]]:
        """Work on a shard here; how many cells that were, and what it took."""
        with self._timed(piece.key) as taken:
            done = work()
            taken["counts"] = bool(done)
        del taken["counts"]  # which is of the time left alone
        return done, taken

    def _arrived(
        self, piece: Piece, work: Callable[[], int], seconds: float | None, workers: int
    ) -> tuple[int, dict[str, Any]]:
        """Write what one of the workers computed; as ``_worked``."""
        start, before = self.clock(), self._passes.forwards
        done, end = work(), self.clock()
        if self._left is not None:
            known = seconds if done else None
            self._left.arrive(piece.key, end, seconds=known, writing=end - start, workers=workers)
        return done, {"seconds": seconds or 0.0, "forwards": self._passes.forwards - before}

    def _kept(self, task: Task, sweep: int, store: Store, work: Callable[[], tuple[int, dict[str, Any]]]) -> int:
        """Tell what came of a shard; returns how many cells that were."""
        lacking = missing_cells(task, store)
        rows_of_an_image = len(lacking.metrics) + (_skipped(task) if store.wants(task.predictions) else 0)
        done, taken = work()
        self._shards = (min(self._shards[0] + (sweep == 1), self._shards[1]), self._shards[1])
        failed, reasons = _failures(task, lacking, rows_of_an_image, store)
        shard = task.shard
        place = {"network": shard.model.name, "dataset": shard.dataset_name, "images": len(shard.indices)}
        rows = len(shard.indices) * len(lacking.metrics)
        counts = {"cells": done, "rows": rows, "failed_rows": failed, **({"reasons": reasons} if reasons else {})}
        event = "shard" if sweep == 1 else "derived shard"
        self.log.write(event, **place, **counts, **taken, **_memory(), **self._seconds_left())
        self._look(now=True)
        return done

    def cost(self, cell: CostCell, work: Callable[[], object]) -> None:
        """Measure what a method costs alone."""
        self.say(f"cost of {cell.method.title} at {cell.layer}")
        with self._timed(cell.name) as taken:
            work()
        place = {"network": cell.shard.model.name, "method": cell.method.label, "layer": cell.layer}
        self.log.write("cost", **place, **taken, **self._seconds_left())

    def check(self, network: str, work: Callable[[], T]) -> T:
        """Check the input of a network."""
        with self._timed(("check", network)):
            return work()

    def tables(self, work: Callable[[], T]) -> T:
        """Write the tables."""
        self.say("writing the tables")
        with self._timed("tables") as taken:
            written = work()
        self.log.write("tables", **taken)
        self._look(now=True)
        return written

    def ledger(self, passes: Passes, asked: bool) -> Ledger:
        """The account of a network's maps, which says when a batch of images is done."""
        return _ToldLedger(passes, asked, told=self._images)

    def _images(self, count: int) -> None:
        if self._left is not None:
            self._left.images(count)
            self._look()

    @contextmanager
    def _timed(self, key: Any) -> Iterator[dict[str, Any]]:
        """A piece of work, whose ``seconds`` and ``forwards`` stand in the dictionary at the end of the block."""
        taken: dict[str, Any] = {}
        start, before = self.clock(), self._passes.forwards
        if self._left is not None:
            self._left.begin(key, start)
        yield taken
        end = self.clock()
        if self._left is not None:
            self._left.end(end, counts=taken.get("counts", True))
        taken |= {"seconds": end - start, "forwards": self._passes.forwards - before}

    def outlook(self) -> Outlook | None:
        """Where the run stands; None before its work is planned."""
        if self._left is None:
            return None
        now = self.clock()
        return Outlook(*self._shards, now - self._began, self._left.seconds(now))

    def _seconds_left(self) -> dict[str, float]:
        outlook = self.outlook()
        return {"seconds_left": outlook.seconds_left} if outlook and outlook.seconds_left is not None else {}

    def _look(self, *, now: bool = False) -> None:
        """Show the outlook, at most every ``_EVERY`` seconds."""
        if self._left is not None and self.clock() - max(self._beat, self._began) > _BEAT:
            self._beat = self.clock()
            self.log.write("progress", shards_done=self._shards[0], **self._seconds_left())
        follow = getattr(self.shown, "follow", None)
        if follow is None or (self.clock() - self._looked < _EVERY and not now):
            return
        outlook = self.outlook()
        if outlook is not None:
            self._looked = self.clock()
            follow(outlook)


@dataclass(eq=False)
class _ToldLedger(Ledger):
    """Tells of each batch of images that was worked on to its end."""

    told: Callable[[int], None] = lambda _: None
    _images: int = 0

    def begin(self) -> None:
        self._images = 0
        super().begin()

    @contextmanager
    def charge_to(self, user: User, images: int) -> Iterator[None]:
        self._images = images
        with super().charge_to(user, images):
            yield

    def commit(self) -> None:
        done = self._images
        super().commit()
        if done:
            self.told(done)


@contextmanager
def watched(study: StudySpec, folder: Path, progress: Progress) -> Iterator[Watch]:
    """A run into a folder: its log has a line for the beginning and one for the end, whatever the end is.

    A run that ends before its work is planned, as a request that is refused, leaves no line.
    """
    log = RunLog(folder, progress.warn)
    watch = Watch(progress, log, time.perf_counter)
    version = importlib.metadata.version("benchbench-saliency")
    counts = {name: len(getattr(study, name)) for name in ("models", "datasets", "methods", "metrics")}
    place = {"process": os.getpid(), "machine": platform.node()}
    log.write("start", benchbench=version, **place, **counts, samples=study.samples)
    start = watch.clock()
    outcome, reason = "failed", ""
    try:
        yield watch
        outcome = "finished"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    except BaseException as error:
        reason = message_of(error) if isinstance(error, BenchError) else raised(error)
        raise
    finally:
        ended = {"outcome": outcome, "seconds": watch.clock() - start, **({"reason": reason} if reason else {})}
        log.write("end", **ended)


def _skipped(task: Task) -> int:
    """How many metrics are of maps that do not apply: of an image that failed their rows failed too."""
    return sum(bool(cell.maps.skip) for cell in task.metrics)


def _failures(task: Task, lacking: MissingCells, rows_of_an_image: int, store: Store) -> tuple[int, list[str]]:
    """How many rows of the cells that were lacking failed, and some of the reasons.

    Args:
        rows_of_an_image: of an image that the network has no answer for, how many rows are new.
    """
    reasons: dict[str, None] = {}
    failed = 0
    for name, rows in [(task.predictions, rows_of_an_image), *((cell.name, 1) for cell in lacking.metrics)]:
        cell = store.outcome(name)
        if cell is not None:
            failed += rows * len(cell.reasons)
            reasons |= dict.fromkeys(cell.reasons.values())
    return failed, list(reasons)[:_REASONS]


def _memory() -> dict[str, int]:
    """Bytes: of the process now, its largest so far, and the most that tensors took of a CUDA device."""
    known = {"memory": psutil.Process().memory_info().rss}
    with suppress(ImportError):  # not on Windows
        import resource

        unit = 1 if platform.system() == "Darwin" else 1024
        known["peak_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        known["device_memory"] = torch.cuda.max_memory_allocated()
    return known
