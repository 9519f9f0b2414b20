"""The global random states of torch, numpy and Python, read."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def random_states() -> tuple[Any, ...]:
    """All three, as plain values that can be compared."""
    numpy = np.random.get_state(legacy=False)
    assert isinstance(numpy, dict)
    inner = {key: value.tobytes() if isinstance(value, np.ndarray) else value for key, value in numpy["state"].items()}
    return torch.random.get_rng_state().numpy().tobytes(), random.getstate(), sorted(inner.items())
