"""Whether memory ran out, and what an exception says in a row."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from .errors import BenchError, raised, told


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out: torch has a type for it on CUDA only."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in told(error)


def describe_exception(error: Exception) -> str:
    """What was raised, and in which file and line."""
    if isinstance(error, BenchError):
        return told(error)
    if out_of_memory(error):
        return "out of memory with a single image"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{raised(error)}{place}"
