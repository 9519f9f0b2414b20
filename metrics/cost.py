"""What a method costs, measured on the method alone: see benchbench/cost.py."""

from __future__ import annotations

from math import inf
from statistics import median, quantiles

from benchbench.registry import metric
from benchbench.types import Cost, Scored

ALONE: dict[str, dict[str, object]] = {"alone-b1": {}}


@metric(
    "runtime",
    higher_is_better=False,
    needs="cost",
    protocols=ALONE,
    unit="ms",
    family="cost",
    range=(0, inf),
    equation="median of 3 to 10 calls",
)
def runtime(cost: Cost) -> Scored:
    """Milliseconds per image at batch 1, after a warm-up, synchronised: the median, with quartiles as parts."""
    times = sorted(1000 * s for s in cost.seconds)
    low, _, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else (times[0],) * 3
    return Scored(median(times), parts={"q1": low, "q3": high, "repeats": float(len(times))})


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
def peak_memory(cost: Cost) -> Scored:
    """Peak of live tensor bytes at batch 1, in MB, above weights and image: from the CUDA or CPU allocator."""
    return Scored(cost.peak_bytes / 1e6)


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
def passes(cost: Cost) -> Scored:
    """Forwards plus backwards per image; those through what is behind the layer alone ("rest") count whole."""
    parts = {"forward": cost.forwards, "backward": cost.backwards, "rest": cost.rests}
    return Scored(sum(parts.values()), parts=parts)
