"""What methods cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one method alone cost on a batch: see cost/measure.py for how it is measured.

    ``seconds``: one entry per timed call, of all ``images`` together. ``peak_bytes``: above what was live before the
    call. Passes are per image; ``rests`` are those through what is behind the layer alone. ``forward_seconds``: the
    same of one forward of the network as it is, without a gradient, on the same images. ``host_bytes`` and
    ``device_bytes``: the same peak in the host's memory, and in a CUDA device's; the latter None where there is none.
    ``reference_seconds``: of one call of a fixed piece of work, before and after: how fast the machine was meanwhile.
    """

    seconds: tuple[float, ...]
    peak_bytes: int
    forwards: float
    backwards: float
    rests: float = 0
    images: int = 1
    forward_seconds: tuple[float, ...] = ()
    host_bytes: int | None = None
    device_bytes: int | None = None
    reference_seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class PassCount:
    """The passes of one method alone, per image; ``rests`` are those through what is behind the layer alone."""

    forwards: float
    backwards: float
    rests: float = 0
    images: int = 1


@dataclass(frozen=True)
class CostShare:
    """What one method's maps took inside a study, per image; see cost/ledger.py for what is attributed to whom.

    ``seconds``: its own work and its parts of what it had in common with others; ``own_seconds``: the former alone.
    Passes are counted alike. ``images``: how many it is the mean over.
    """

    seconds: float
    own_seconds: float
    forwards: float
    backwards: float
    rests: float
    images: int
