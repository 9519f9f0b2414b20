"""What a method costs: measured on the method alone (benchbench/cost/measure.py), and inside the study (ledger.py)."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import median, quantiles
from typing import Literal, TypeAlias

from benchbench.registry import metric
from benchbench.types import Cost, CostShare, PassCount, Scored

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
    is part of it. Part ``reference``: milliseconds of a fixed convolution, timed right before and after: in its units,
    times of two machines, or of two days, can be compared.
    """
    times = _each(cost.seconds, cost.images)
    low, _, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else (times[0],) * 3
    parts = {"q1": low, "q3": high, "repeats": float(len(times))}
    if cost.reference_seconds:
        parts["reference"] = median(_each(cost.reference_seconds, 1))
    return Scored(median(times), parts=parts)


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

    Of the memory that the run's device has. Parts: ``images``, how many they were; ``host``, the peak in the host's
    memory; ``device``, that in a CUDA device's, where there is one.
    """
    peaks = {"host": cost.host_bytes, "device": cost.device_bytes}
    parts = {name: peak / 1e6 for name, peak in peaks.items() if peak is not None}
    return Scored(cost.peak_bytes / 1e6, parts={"images": float(cost.images), **parts})


@metric(
    "passes",
    higher_is_better=False,
    needs="passes",
    protocols=ALONE,
    unit="passes per image",
    family="cost",
    range=(0, inf),
    equation="forwards + backwards + passes behind the layer",
)
def passes(count: PassCount, *, images: Images = "one") -> Scored:
    """Forwards plus backwards per image; those through what is behind the layer alone ("rest") count whole."""
    parts = {"forward": count.forwards, "backward": count.backwards, "rest": count.rests}
    return Scored(sum(parts.values()), parts=parts)


@metric(
    "study_runtime",
    title="runtime in the study",
    higher_is_better=False,
    needs="shared",
    protocols={"as-shared": {}},
    unit="ms",
    family="cost",
    range=(0, inf),
    equation="(own seconds + sum over what is shared of seconds / users) / images",
)
def study_runtime(share: CostShare) -> Scored:
    """Milliseconds per image that this study took to make the method's maps, its part of shared work included.

    Methods that share work have equal parts of its time, over all layers: all methods share the forward pass, methods
    that need a gradient share the backward pass, and methods that ask for masks' scores share these. All methods that
    use it share what is made once in a run, such as the network behind a layer. The time is measured as the run works:
    without a warm-up, in the run's batches, beside the threads that load images. No method pays for preparing the
    network, loading images, storing maps or scoring metrics. Parts: ``own`` and ``shared``, in ms; ``images``. The
    metric needs a run that made all of the study's maps of a shard: see docs/definitions.md.
    """
    own_time = 1000 * share.own_seconds
    parts = {"own": own_time, "shared": 1000 * share.seconds - own_time, "images": float(share.images)}
    return Scored(1000 * share.seconds, parts=parts)


@metric(
    "study_passes",
    title="passes in the study",
    higher_is_better=False,
    needs="shared",
    protocols={"as-shared": {}},
    unit="passes per image",
    family="cost",
    range=(0, inf),
    equation="(own passes + sum over what is shared of passes / users) / images",
)
def study_passes(share: CostShare) -> Scored:
    """Forwards plus backwards per image, divided as in study_runtime; "rest": those behind the layer alone."""
    parts = {"forward": share.forwards, "backward": share.backwards, "rest": share.rests}
    return Scored(sum(parts.values()), parts={**parts, "images": float(share.images)})
