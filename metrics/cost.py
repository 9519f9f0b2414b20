"""What a method costs, measured on the method alone: see benchbench/cost.py."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import median, quantiles
from typing import Literal, TypeAlias

from benchbench.registry import metric
from benchbench.types import Cost, Scored

Images: TypeAlias = Literal["one", "largest"]
ALONE: dict[str, dict[str, object]] = {"alone-b1": {}, "alone-bmax": {"images": "largest"}}


def _each(seconds: Sequence[float], images: int) -> list[float]:
    """Milliseconds per image, sorted."""
    return sorted(1000 * s / images for s in seconds)


@metric(
    "runtime",
    higher_is_better=False,
    needs="cost",
    protocols=ALONE,
    unit="ms",
    family="cost",
    range=(0, inf),
    equation="median over 3 to 10 calls of time / images",
)
def runtime(cost: Cost, *, images: Images = "one") -> Scored:
    """Milliseconds per image, after a warm-up, synchronised: the median, with quartiles as parts.

    On one image, or on the ``largest`` batch that the run scores with (what fits in memory); the network's own forward
    is part of it.
    """
    times = _each(cost.seconds, cost.images)
    low, _, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else (times[0],) * 3
    return Scored(median(times), parts={"q1": low, "q3": high, "repeats": float(len(times))})


@metric(
    "overhead",
    higher_is_better=False,
    needs="cost",
    protocols=ALONE,
    unit="ms",
    family="cost",
    range=(-inf, inf),
    equation="runtime - median time of the network's forward alone, per image",
)
def overhead(cost: Cost, *, images: Images = "one") -> Scored:
    """Milliseconds per image beyond one forward of the network as it is, timed right after on the same images.

    Part ``forward``: that forward. Below zero where the engine's prepared copy of the network is faster than it.
    """
    forward = median(_each(cost.forward_seconds, cost.images))
    return Scored(median(_each(cost.seconds, cost.images)) - forward, parts={"forward": forward})


@metric(
    "peak_memory",
    title="peak memory",
    higher_is_better=False,
    needs="cost",
    protocols=ALONE,
    unit="MB",
    family="cost",
    range=(0, inf),
    equation="peak of live bytes - live bytes before",
)
def peak_memory(cost: Cost, *, images: Images = "one") -> Scored:
    """Peak of live tensor bytes during a call, in MB, above weights and images: from the CUDA or CPU allocator.

    Part ``images``: how many they were.
    """
    return Scored(cost.peak_bytes / 1e6, parts={"images": float(cost.images)})


@metric(
    "passes",
    higher_is_better=False,
    needs="cost",
    protocols=ALONE,
    unit="passes per image",
    family="cost",
    range=(0, inf),
    equation="forwards + backwards + passes behind the layer",
)
def passes(cost: Cost, *, images: Images = "one") -> Scored:
    """Forwards plus backwards per image; those through what is behind the layer alone ("rest") count whole."""
    parts = {"forward": cost.forwards, "backward": cost.backwards, "rest": cost.rests}
    return Scored(sum(parts.values()), parts=parts)
