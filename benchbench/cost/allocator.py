"""Memory: how it is kept for the next tensor, and how much is free.

glibc gives each large block back to the system when it is freed, and faults every page in again for the next one. A
forward pass frees and takes hundreds of megabytes: on two cores, keeping them halves the time of EfficientNet-Lite0's.
"""

from __future__ import annotations

import ctypes
import os
import platform

import psutil
import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30  # bytes


def keep_memory() -> bool:
    """Tell glibc to keep up to 1 GiB of freed memory, process-wide; returns whether it agreed.

    Nothing happens on other C libraries, or where the environment says BENCHBENCH_MALLOC=default.
    """
    if os.environ.get("BENCHBENCH_MALLOC") == "default" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_THRESHOLD, _KEPT)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEPT))


def free_bytes(device: torch.device) -> int:
    """What a tensor could still take: of the device, or of the machine's memory."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return int(psutil.virtual_memory().available)
