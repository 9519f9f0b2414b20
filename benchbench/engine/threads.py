"""torch's threads, no more than there are processors for this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..processors import usable_processors

_ASKED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # by which the user says how many


@contextmanager
def fitting_threads() -> Iterator[None]:
    """In the block torch has at most as many threads as the affinity mask and the container's quota leave processors.

    torch follows the mask, and not the quota. What the user has set in OMP_NUM_THREADS or MKL_NUM_THREADS stays.
    """
    before, usable = torch.get_num_threads(), usable_processors()
    if usable >= before or any(os.environ.get(name) for name in _ASKED):
        yield
        return
    with torch_threads(usable):
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """In the block torch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
