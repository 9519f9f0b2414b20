"""The global random states of torch, numpy and Python: read, seeded, put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def used_devices() -> range:
    """The CUDA devices, where torch has used any; to ask otherwise would start them."""
    started: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return range(torch.cuda.device_count() if started else 0)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Numpy's, Python's and torch's global random states are as before after the block."""
    numpy, python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(used_devices()):
        try:
            yield
        finally:
            np.random.set_state(numpy)
            random.setstate(python)


def set_random_states(seed: int) -> None:
    """All three, from one seed."""
    np.random.seed(seed % 2**32)
    random.seed(seed)
    torch.default_generator.manual_seed(seed)
    if used_devices():  # torch.manual_seed writes down a stack trace for each device that is not in use
        torch.cuda.manual_seed_all(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Numpy's, Python's and torch's global random states, seeded, and then as they were."""
    with random_states_kept():
        set_random_states(seed)
        yield


def state_marks() -> dict[str, object]:
    """By library what its state is, to be compared."""
    numpy = np.random.get_state(legacy=False)
    assert isinstance(numpy, dict)
    states = (torch.get_rng_state(), *map(torch.cuda.get_rng_state, used_devices()))
    return {
        "torch": [state.numpy().tobytes() for state in states],
        "numpy": (numpy["state"]["key"].tobytes(), numpy["state"]["pos"]),
        "Python": random.getstate(),
    }
