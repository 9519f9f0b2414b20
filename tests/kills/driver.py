"""Runs that are stopped at random moments, and what they leave: ``python -m tests.kills.driver 100``.

One process imports torch; each run is a fork of it. A run is stopped by a signal at a moment of its time, or by SIGKILL
inside a write: before the n-th file is flushed to the disk, or before it gets its name. Then its folder must read as
the part that is there, and the same command must finish it to the very rows of an undisturbed run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from benchbench.api.study import Study
from benchbench.cli import main
from benchbench.engine.read_run import read_run
from benchbench.errors import BenchError
from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, SUITES, load_file
from benchbench.results.run_folder import UNFINISHED
from benchbench.results.unfinished import progress_of
from benchbench.study import plan

from .place import WORDS, furnish

SHARD = 2  # images: six shards
KINDS = ("flush", "int", "twice", "rename", "term", "kill", "hup")  # of four in a row, one is of WRITES
WRITES = {"flush": "fsync", "rename": "replace"}  # by kind, the call before which the process is killed
SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM, "hup": signal.SIGHUP}
PATIENCE = 60.0  # seconds after which a run that was asked to stop hangs
_LATE = 0.02  # seconds between the two signals
_NO_COMMAND = 4  # the exit code of a process that was stopped before its command began
EARLY = 1.5  # more moments are early: this run computes its shards in the first half, and then costs and tables
MIDDLE = 0.16  # of its writes: some of the shards are there, and some are not


@dataclass
class Moment:
    """One run that was stopped.

    Attributes:
        kind: of KINDS. at: seconds from the start, or which write.
        ended: the exit code, or minus the signal's number.
        part: how much was there, in words; empty if the run had finished, or nothing of it.
        errors: what was wrong.
    """

    kind: str
    at: float
    ended: int
    part: str
    errors: list[str]


def forked(work: Callable[[], object], cwd: Path, name: str, before: Callable[[], object] = lambda: None) -> int:
    """The process id of work in a process of its own, whose output goes to NAME.out and NAME.err."""
    for kind in ("out", "err"):
        (cwd / f"{name}.{kind}").touch()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS.values())
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS.values())
        return child
    code = 3
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS.values())
        for number, kind in ((1, "out"), (2, "err")):
            os.dup2(os.open(cwd / f"{name}.{kind}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
        os.chdir(cwd)
        before()
        work()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except KeyboardInterrupt:
        code = _NO_COMMAND
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def command(*words: str) -> Callable[[], None]:
    """A command, which ends the process."""

    def run() -> None:
        sys.argv = ["benchbench", *words]
        main()

    return run


def ended(child: int, patience: float = PATIENCE) -> int:
    """The exit code; of a process that hangs, -9 after it is killed."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        ended_child, status = os.waitpid(child, os.WNOHANG)
        if ended_child:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -int(signal.SIGKILL)


def counting(call: str, at: int) -> Callable[[], None]:
    """Has the process kill itself before the ``at``-th call of an ``os`` function; 0 counts the calls into a file."""
    real = getattr(os, call)
    calls = 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        if not at:
            Path(f"{call}.count").write_text(str(calls))
        return real(*arguments, **named)

    return lambda: setattr(os, call, counted)


class Kills:
    """A place with a study, the rows of its undisturbed run, and how long that takes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        furnish(place)
        plan.SHARD = SHARD
        for registry in (METHODS, METRICS, MODELS, DATASETS, SUITES):
            registry.load()
        load_file(place / "plugin.py")
        begun = time.monotonic()
        counts = [counting(call, 0) for call in WRITES.values()]
        counted = forked(command(*WORDS, "--out", "whole"), place, "whole", lambda: [count() for count in counts])
        code = ended(counted)
        self.seconds = time.monotonic() - begun
        assert code == 1, (place / "whole.err").read_text()  # one method fails on one image
        self.writes = {kind: int((place / f"{call}.count").read_text()) for kind, call in WRITES.items()}
        self.rows = read_run(place / "whole").results

    def moment(self, kind: str, share: float, name: str) -> Moment:
        """Stop a run of the study, and see what it left.

        Args:
            share: of the run's time, or of its writes.
        """
        work, at = command(*WORDS, "--out", name), share * self.seconds
        if kind in WRITES:
            at = 1 + int(share * self.writes[kind])
            child = forked(work, self.place, name, counting(WRITES[kind], int(at)))
        else:
            child = forked(work, self.place, name)
            time.sleep(at)
            self._signal(child, kind)
        code = ended(child)
        errors = list(self._ending(kind, code, name))
        part = self._part(name, errors)
        again = ended(forked(partial(self._continue, name), self.place, f"{name}-again"))
        if again:
            errors.append(f"it does not continue: {(self.place / f'{name}-again.err').read_text()}")
        else:
            self._compare(name, errors)
        return Moment(kind, at, code, part, errors)

    def _continue(self, name: str) -> None:
        Study.from_yaml("study.yaml").run(name, report=False, progress=False)

    def _signal(self, child: int, kind: str) -> None:
        if kind == "kill":
            os.kill(child, signal.SIGKILL)
        elif kind == "twice":
            os.kill(child, signal.SIGINT)
            time.sleep(_LATE)
            os.kill(child, signal.SIGINT)
        else:
            os.kill(child, SIGNALS[kind])

    def _ending(self, kind: str, code: int, name: str) -> Iterator[str]:
        """What is wrong with how the process ended; one that was done before the signal ended as always."""
        told = (self.place / f"{name}.err").read_text()
        if "Traceback" in told:
            yield f"a traceback: {told}"
        if kind in SIGNALS:
            number = int(SIGNALS[kind])
            # before the command has its handlers the signal has its default action
            if code not in (1, 128 + number, -number, 130, _NO_COMMAND):
                yield f"ended with {code}: {told}"
            if code in (130, 128 + number) and "benchbench: stopped" not in told:
                yield f"does not say that it stopped: {told}"
            if code == 128 + number and (self.place / name / UNFINISHED).exists():
                yield f"stopped without its tables: {told}"
        elif code not in (1, -int(signal.SIGKILL), -int(signal.SIGINT), 130, _NO_COMMAND):
            yield f"ended with {code}: {told}"

    def _part(self, name: str, errors: list[str]) -> str:
        """How much of a stopped run is there; its values are those of the whole run."""
        folder = self.place / name
        if not (folder / UNFINISHED).exists() and not (folder / "run.json").exists():
            return ""
        try:
            record = read_run(folder)
        except BenchError as error:
            if "finished yet" not in str(error):
                errors.append(f"its folder cannot be read: {error}")
            return ""
        asked = [int((~rows["metric"].str.contains(".", regex=False)).sum()) for rows in (record.results, self.rows)]
        if asked[0] != asked[1]:
            errors.append(f"{asked[0]} rows in place of {asked[1]}")
        keys = ["sample", "layer", "method", "metric", "protocol"]
        both = record.results.merge(self.rows, on=keys, suffixes=("", "_whole"))
        both = both[both["metric"] != "iou"]  # its threshold is chosen on other images, of which there are fewer
        per_image = both[both["sample"].notna() & (both["status"] == "ok")]
        if not per_image["value"].equals(per_image["value_whole"]):
            errors.append("its values are not those of the whole run")
        odd = both[(both["status"] != both["status_whole"]) & (both["status"] != "missing")]
        if not odd.empty:
            errors.append(f"a row is {odd.iloc[0].to_dict()}")
        return progress_of(record.info)

    def _compare(self, name: str, errors: list[str]) -> None:
        folder = self.place / name
        try:
            pd.testing.assert_frame_equal(read_run(folder).results, self.rows)
        except AssertionError as error:
            errors.append(f"other rows after it was continued: {error}")
        left = [path.name for path in folder.rglob(".writing-*")]
        if left or (folder / UNFINISHED).exists():
            errors.append(f"left behind: {left or UNFINISHED}")


def hanging(place: Path, how: str) -> Moment:
    """Two signals to a method that hangs."""
    name = f"hangs-{how.replace(' ', '-')}"
    work = command(*WORDS, "--methods", "hangs", "--out", name)
    child = forked(work, place, name, lambda: os.environ.update(HANGS=how))
    until = time.monotonic() + PATIENCE
    while "hangs" not in (place / f"{name}.out").read_text() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child, signal.SIGINT)
    time.sleep(0.2)
    errors = [] if os.waitpid(child, os.WNOHANG) == (0, 0) else ["the first signal ended it"]
    os.kill(child, signal.SIGINT)
    code = ended(child, 5)
    if code != -int(signal.SIGINT):
        errors.append(f"ended with {code}: {(place / f'{name}.err').read_text()}")
    return Moment(f"hangs {how}", 0, code, "", errors)


def kind_of(number: int, count: int, seed: int) -> str:
    """Of the moment ``number`` of so many."""
    return KINDS[(seed * count + number) % len(KINDS)]


def stopped(place: Path, count: int, seed: int) -> list[Moment]:
    """Moments of every kind in turn, each at a random share of its run, spread over it.

    The first that is stopped inside a write is stopped in the middle of the shards, however busy the machine is.

    Args:
        seed: of the shares. It also chooses the first kind: ``count`` kinds further for each seed, so that few moments
            have every kind after some seeds.
    """
    draw = random.Random(seed)
    kills = Kills(place)
    moments, kinds = [], [kind_of(number, count, seed) for number in range(count)]
    first = next((number for number, kind in enumerate(kinds) if kind in WRITES), -1)
    for number, kind in enumerate(kinds):
        share = ((number + draw.random()) / count) ** EARLY
        share = MIDDLE if number == first else share
        moments.append(kills.moment(kind, share, f"run-{number}"))
        print(moments[-1], file=sys.stderr, flush=True)
    return [*moments, *(hanging(place, how) for how in ("in C", "in Python"))]


if __name__ == "__main__":
    # what a killed process wrote is there without a flush, which waits for the disk: only a loss of power needs it
    with tempfile.TemporaryDirectory() as name, chdir(name), mock.patch.object(os, "fsync", os.fstat):
        result = stopped(Path(name), int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(json.dumps([asdict(moment) for moment in result]))
    wrong = [moment for moment in result if moment.errors]
    print(f"{len(result)} moments, {len(wrong)} wrong", file=sys.stderr)
    sys.exit(bool(wrong))
