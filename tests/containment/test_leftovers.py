"""What code leaves behind: told if it is the code's, and not if it serves the whole process."""

from __future__ import annotations

import io
import threading

import tqdm

from benchbench.containment.leftovers import LeftoverWatch


def test_the_progress_monitor_of_tqdm_is_no_leftover_and_another_thread_is() -> None:
    told: list[str] = []
    watch = LeftoverWatch(lambda who, what: told.append(f"{who} {what}"))
    end = threading.Event()
    before = tqdm.tqdm.monitor
    tqdm.tqdm.monitor = None  # the next bar starts a monitor of its own
    try:
        with watch.call("method with a bar"):
            tqdm.tqdm(range(2), file=io.StringIO())
        monitor = tqdm.tqdm.monitor
        assert monitor is not None
        assert monitor.is_alive()
        assert told == []
        with watch.call("method mine"):
            threading.Thread(target=end.wait, name="worker").start()
        assert told == ["method mine leaves threads running: worker"]
    finally:
        end.set()
        if tqdm.tqdm.monitor is not None:
            tqdm.tqdm.monitor.exit()
        tqdm.tqdm.monitor = before
