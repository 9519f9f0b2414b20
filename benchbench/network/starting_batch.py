"""How many images go through a network at once: from what one image takes, measured, and what memory is free."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..cost.allocator import free_bytes
from ..cost.measure import peak_bytes
from ..failure_policy import Failure, attempt
from .capture import eval_frozen

SHARE = 0.5  # of what is free: the rest is for maps, perturbed images, and others
MOST = {"cpu": 16, "cuda": 256}  # beyond it a batch is no faster: on a CPU it outgrows the caches


@dataclass(frozen=True)
class BatchSize:
    """The batch a run begins with, whether it was asked for, and the bytes that one image took where it was measured.

    ``bytes_per_image`` is the peak of live tensors, of a forward, and of the backward if the study needs one.
    """

    batch: int
    chosen: bool
    bytes_per_image: int | None


def choose_batch(network: nn.Module, example: Tensor, *, gradient: bool) -> BatchSize:
    """The largest batch that fits into half of the free memory, up to what a device gains from.

    Args:
        example: one image (1, 3, H, W), on the device.
        gradient: whether the study needs a backward.
    """
    bytes_per_image = max(1, *(_footprint(network, example, gradient=g) for g in {False, gradient}))
    fits = int(SHARE * free_bytes(example.device) / bytes_per_image)
    return BatchSize(max(1, min(fits, MOST.get(example.device.type, MOST["cpu"]))), True, bytes_per_image)


def _footprint(network: nn.Module, example: Tensor, *, gradient: bool) -> int:
    """Bytes per image of a pass over two; a network that fails on two copies of an image will say so in its place."""
    pair = example.repeat(2, 1, 1, 1)

    def call() -> None:
        with torch.set_grad_enabled(gradient):
            output = network(pair.clone().requires_grad_(gradient))
            if gradient and isinstance(output, Tensor) and output.requires_grad:
                torch.autograd.backward(output.sum())

    with eval_frozen(network):
        peak = attempt(lambda: peak_bytes(call, example.device), contain_memory=True)
    if not isinstance(peak, Failure):
        return peak // 2
    return free_bytes(example.device) if peak.memory else 0  # where memory ran out, one image at a time
