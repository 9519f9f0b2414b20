"""Code that takes too long is interrupted, whatever it does; nothing of the interruption stays."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch

from benchbench import plugin_guard
from benchbench.containment.plugin_watch import PluginWatch
from benchbench.containment.time_limit import TimeUp, TookTooLong, limited
from benchbench.plugin_guard import contained

SOON = 0.05


def never() -> None:
    raise AssertionError("it was interrupted")


def turning() -> None:
    while True:
        pass


def deaf() -> None:
    """Swallows the first interruption."""
    try:
        turning()
    except BaseException:
        turning()


HANGS: dict[str, Callable[[], object]] = {
    "a loop": turning,
    "a loop that swallows": deaf,
    "sleep": lambda: time.sleep(60),
    "a lock": lambda: threading.Lock().acquire() and threading.Semaphore(0).acquire(),
    "an event": lambda: threading.Event().wait(60),
    "another process": lambda: subprocess.run(["sleep", "60"], check=True),
    "torch": lambda: [torch.ones(64, 64) @ torch.ones(64, 64) for _ in range(10**9)],
    "a regular expression": lambda: re.match("(a+)+$", "a" * 40 + "b"),
}


@pytest.mark.parametrize("name", HANGS)
def test_a_hang_ends(name: str) -> None:
    before, handler = time.monotonic(), signal.getsignal(signal.SIGALRM)
    with pytest.raises(TookTooLong, match=r"longer than 0\.05 s"):
        limited(HANGS[name], SOON, 30, never)
    assert time.monotonic() - before < 10
    assert signal.getsignal(signal.SIGALRM) == handler
    assert "time limit" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("change", [torch.set_num_threads, torch.set_default_dtype], ids=["threads", "dtype"])
def test_a_setting_that_is_not_put_back_in_time_is_put_back_after_it(
    change: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the time is up while the guard of a plugin's call restores what the plugin set."""
    before = torch.get_num_threads(), torch.get_default_dtype()

    def late(*_: object) -> list[str]:
        raise TimeUp

    def call() -> None:
        with contained("method mine"):
            change(3 if change is torch.set_num_threads else torch.float64)

    monkeypatch.setattr(plugin_guard, "put_back", late)
    with pytest.raises(TookTooLong):
        PluginWatch(seconds=60).call("method mine", "layer4", call, seed=0)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == before


def test_except_exception_does_not_swallow_it() -> None:
    assert not issubclass(TimeUp, Exception)


def test_in_another_thread_python_is_interrupted() -> None:
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            limited(deaf, SOON, 30, never)
        except TookTooLong as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert len(outcome) == 1


def test_work_in_time_gives_its_result_and_its_errors() -> None:
    assert limited(lambda: 7, 60, 30, never) == 7
    with pytest.raises(ZeroDivisionError):
        limited(lambda: 1 / 0, 60, 30, never)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            limited(lambda: signal.raise_signal(signal.SIGINT), 60, 30, never)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_cannot_be_interrupted_is_given_up_after_the_grace() -> None:
    given_up = threading.Event()
    limited(lambda: _uninterrupted(given_up), SOON, SOON, given_up.set)
    assert given_up.is_set()


def _uninterrupted(end: threading.Event) -> None:
    """As a call into C that looks for no signal."""
    while not end.is_set():
        try:
            end.wait(1)
        except TimeUp:
            continue


def test_results_at_the_limit_are_a_result_or_an_error() -> None:
    """Whenever the time is up, nothing comes after the call."""
    for delay in range(40):
        seconds = 0.001 + delay * 1e-4
        try:
            limited(lambda wait=seconds: time.sleep(wait), 0.003, 30, never)  # type: ignore[misc]
        except TookTooLong:
            continue
    time.sleep(0.01)


@pytest.mark.parametrize("limit", [0.003, 60])
def test_nothing_of_another_thread_s_interruptions_stays(limit: float) -> None:
    """Whenever the time is up, nothing comes after the call, and nobody who traces the process stands still."""
    strays: list[BaseException] = []

    def run() -> None:
        try:
            for delay in range(30):
                with suppress(TookTooLong):
                    limited(lambda wait=0.001 + delay * 1e-4: time.sleep(wait), limit, 30, never)  # type: ignore[misc]
            time.sleep(0.01)
        except BaseException as error:
            strays.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not strays


TRACED = """
import sys, threading, time
from benchbench.containment.time_limit import TookTooLong, limited
def run():
    for delay in range(30):
        try:
            limited(lambda: time.sleep(0.001 + delay * 1e-4), LIMIT, 30, lambda: None)
        except TookTooLong:
            pass
thread = threading.Thread(target=run)
thread.start()
thread.join()
sys.settrace(lambda *_: None)
print(*map(lambda number: number + 1, range(3)))
"""


@pytest.mark.parametrize("limit", ["0.003", "60"])
def test_who_traces_the_process_afterwards_does_not_stand_still(limit: str) -> None:
    """As Python 3.11 does where an exception for another thread was announced and taken back."""
    command = [sys.executable, "-c", TRACED.replace("LIMIT", limit)]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "1 2 3\n"


def test_the_handler_of_whoever_calls_is_put_back() -> None:
    mine = lambda *_: None  # noqa: E731
    before = signal.signal(signal.SIGALRM, mine)
    try:
        limited(lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN), 60, 30, never)
        assert signal.getsignal(signal.SIGALRM) is mine
    finally:
        signal.signal(signal.SIGALRM, before)
