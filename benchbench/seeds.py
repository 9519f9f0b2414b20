"""Seeds of samples: the same whatever the batch, the order and the number of workers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def derived(text: str, size: int = 7) -> int:
    """A seed of ``size`` bytes from a text; seven bytes, the default, fit every random generator."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big")


def streamed(seeds: tuple[int, ...], stream: str) -> tuple[int, ...]:
    """Seeds for draws that are independent of those with other streams; the same seeds for the empty stream."""
    if not stream:
        return seeds
    return tuple(derived(f"{seed}/{stream}") for seed in seeds)


def sample_seeds(seed: int, what: str, ids: Sequence[str]) -> tuple[int, ...]:
    """One seed per sample, from the study's seed, the sample, and ``what``: the method and its layer."""
    return tuple(derived(f"{seed}/{what}/{i}") for i in ids)
