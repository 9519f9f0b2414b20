"""Tensors of other people's code as tensors that are torch's own, of a sensible size, and nobody else's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import BenchError


def plain(tensor: Any, most: int, what: str) -> Tensor:
    """A copy without gradient and without whatever a subclass does on use; where the tensor is.

    Args:
        tensor: a tensor, maybe of a subclass.
        most: how many numbers it may have. Its size is read before any of them is.
        what: it is, in words: ``the method returned``.

    Raises:
        BenchError: it has more numbers, or does not hold real numbers.

    Example:
        >>> import torch
        >>> from benchbench.containment.plain_tensor import plain
        >>> plain(torch.ones(2, requires_grad=True), 2, "the metric returned")
        tensor([1., 1.])
    """
    with torch._C.DisableTorchFunctionSubclass():
        shape = tuple(tensor.shape)
        if tensor.numel() > most:
            raise BenchError(f"{what} a tensor {shape} of {tensor.numel():,} numbers, where {most:,} are enough")
        if tensor.layout != torch.strided or tensor.is_meta or tensor.is_complex() or tensor.is_quantized:
            kind = "meta" if tensor.is_meta else tensor.layout if tensor.layout != torch.strided else tensor.dtype
            raise BenchError(f"{what} a tensor of {kind}, where real numbers are needed")
        with torch.no_grad():
            copied: Tensor = tensor.detach().as_subclass(Tensor).clone()
    return copied
