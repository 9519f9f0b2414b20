"""Seeds of samples: the same whatever the batch, the order and the number of workers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def streamed(seeds: tuple[int, ...], stream: str) -> tuple[int, ...]:
    """Seeds for draws that are independent of those with other streams; the same seeds for the empty stream."""
    if not stream:
        return seeds
    return tuple(int.from_bytes(hashlib.sha256(f"{seed}/{stream}".encode()).digest()[:7], "big") for seed in seeds)


def sample_seeds(seed: int, what: str, ids: Sequence[str]) -> tuple[int, ...]:
    """One seed per sample, from the study's seed, the sample, and ``what``: the method and its layer."""
    return tuple(int.from_bytes(hashlib.sha256(f"{seed}/{what}/{i}".encode()).digest()[:7], "big") for i in ids)
