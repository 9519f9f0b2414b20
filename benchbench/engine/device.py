"""The device of a study, and how exactly it computes."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from ..errors import BenchError
from ..study.spec import StudySpec


def device_of(study: StudySpec) -> torch.device:
    """The device asked for; ``auto`` is CUDA where there is one.

    Raises:
        BenchError: it is not there.
    """
    if study.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return found_device(study.device, "device", "Use auto or cpu")


def found_device(name: str, where: str, hint: str) -> torch.device:
    """The device of a name.

    Raises:
        BenchError: this machine has none, with where it was asked for and what to say instead.
    """
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BenchError(f"this machine has no {device}", where=where, hint=hint)
    return device


def deterministic_cudnn() -> AbstractContextManager[None]:
    """cuDNN in full float32, by the same algorithm each time: TF32 would differ by more than 1e-4."""
    context: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return context
