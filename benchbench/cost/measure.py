"""Time and memory of one method, alone: never on the shared pass, so that sharing flatters no one."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.autograd.profiler import profile
from torch.nn import functional as F

from ..types import Cost, PassCount
from .ledger import Passes

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler writes to the terminal at every start and stop

REFERENCE = (64, 56)  # channels and side of the reference kernel's input
REPEATS = 10
LEAST_REPEATS = 3
ENOUGH_SECONDS = 3.0


def measure(call: Callable[[], object], passes: Passes, device: torch.device, images: int = 1) -> Cost:
    """Run ``call`` alone: once to warm up and count its passes, once for each memory's peak, then timed.

    The reference kernel is timed before and after.

    Args:
        passes: what the call counts its forwards and backwards in.
        images: how many images a call explains; passes are divided by it.
    """
    kernel = reference(device)
    kernel_before = timed(kernel, device)
    count = counted(call, passes, images)
    peak = peak_bytes(call, device)
    on_device = device.type == "cuda"
    host = host_peak(call) if on_device else peak
    seconds = timed(call, device)
    return Cost(
        seconds,
        peak,
        count.forwards,
        count.backwards,
        count.rests,
        images,
        host_bytes=host,
        device_bytes=peak if on_device else None,
        reference_seconds=kernel_before + timed(kernel, device),
    )


def counted(call: Callable[[], object], passes: Passes, images: int = 1) -> PassCount:
    """The passes per image of one call."""
    forwards, backwards, rests = passes.forwards, passes.backwards, passes.rests
    call()
    counts = (passes.forwards - forwards, passes.backwards - backwards, passes.rests - rests)
    return PassCount(counts[0] / images, counts[1] / images, counts[2] / images, images)


def timed(call: Callable[[], object], device: torch.device) -> tuple[float, ...]:
    """Seconds of each of 3 to 10 calls, synchronised; no more than 3 once 3 seconds are spent."""
    seconds: list[float] = []
    while len(seconds) < LEAST_REPEATS or (len(seconds) < REPEATS and sum(seconds) < ENOUGH_SECONDS):
        synchronise(device)
        start = time.perf_counter()
        call()
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return tuple(seconds)


def reference(device: torch.device) -> Callable[[], object]:
    """A fixed piece of work: a 3 x 3 convolution of 64 channels at 56 x 56, as in a ResNet's first stage.

    How long it takes says how fast the machine is at the moment: times in its units are compared between machines.
    """
    channels, side = REFERENCE
    weight = torch.full((channels, channels, 3, 3), 0.01, device=device)
    images = torch.ones(1, channels, side, side, device=device)

    def kernel() -> object:
        with torch.no_grad():
            return F.conv2d(images, weight, padding=1)

    kernel()
    return kernel


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """The peak of live tensor bytes during the call, above what was live before it, where the device keeps them."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    return host_peak(call)


def host_peak(call: Callable[[], object]) -> int:
    """The same in the host's memory.

    From the profiler's record of every allocation and release by the CPU allocator, autograd's included. A call that
    works on a GPU alone may take none.
    """
    with profile(use_kineto=True, profile_memory=True) as recorded:  # torch.profiler's imports inductor, for seconds
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    memory = [e for e in events if e.get("name") == "[memory]"]
    host = [event for event in memory if event["args"]["Device Type"] == 0]
    changes = sorted(host, key=lambda event: event["ts"])  # stable: equal times stay in the order recorded
    live = peak = 0
    for change in changes:
        live += change["args"]["Bytes"]
        peak = max(peak, live)
    if not memory:
        raise RuntimeError("the profiler recorded no allocation")
    return peak


def synchronise(device: torch.device) -> None:
    """Wait for what a CUDA device still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
