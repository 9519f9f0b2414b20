"""The global random states of torch, numpy and Python: read, set to a seed, and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_states() -> tuple[Any, ...]:
    """All three, as plain values that can be compared."""
    numpy = np.random.get_state(legacy=False)
    assert isinstance(numpy, dict)
    inner = {key: value.tobytes() if isinstance(value, np.ndarray) else value for key, value in numpy["state"].items()}
    return torch.random.get_rng_state().numpy().tobytes(), random.getstate(), sorted(inner.items())


@contextmanager
def random_states_kept() -> Iterator[None]:
    """They are as before after the block."""
    states = torch.random.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        torch.random.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])


def set_seed(seed: int) -> None:
    """All three, from one seed."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
