"""Eigen-CAM: Muhammad and Yeasin 2020, arXiv:2008.00299; and pytorch-grad-cam's Eigen-Grad-CAM."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

_DIRECT = 64  # up to this size all eigenvectors are found at once
_BLOCK, _STEPS, _ROUND, _TOLERANCE = 16, 60, 5, 1e-7


@method("eigencam", needs="activation", paper="arXiv:2008.00299")
def eigencam(layer: Layer, *, centered: bool = False) -> Tensor:
    """The activations of each cell projected on their first right singular vector, over all cells.

    Its sign, which is arbitrary, is that of a positive correlation with the mean activation. Signed, and the same for
    every class. ``centered`` subtracts each channel's mean first, as pytorch-grad-cam does.
    """
    return _projected(layer.activation, layer.activation, centered)


@method("eigengradcam", needs="gradient", paper="https://github.com/jacobgil/pytorch-grad-cam")
def eigengradcam(layer: Layer, *, centered: bool = False) -> Tensor:
    """Eigen-CAM of activation times gradient; its sign is by correlation with the mean activation."""
    return _projected(layer.gradient * layer.activation, layer.activation, centered)


def _projected(values: Tensor, activation: Tensor, centered: bool) -> Tensor:
    """(B, h, w): values (B, K, h, w) projected on the first right singular vector of the (h * w) x K matrix."""
    rows = values.flatten(2).mT
    peak = rows.abs().amax((1, 2), keepdim=True)  # so that small gradients do not underflow in the squares
    rows = rows / torch.where(peak > 0, peak, 1)
    if centered:
        rows = rows - rows.mean(1, keepdim=True)
    cells, channels = rows.shape[1:]
    if channels <= cells:
        right = leading((rows.mT @ rows).double()).to(rows.dtype)
    else:
        right = _other_side(rows, leading((rows @ rows.mT).double()).to(rows.dtype))
    found = (rows @ right[..., None])[..., 0].double()
    mean = activation.double().mean(1).flatten(1)
    agreement = ((found - found.mean(1, keepdim=True)) * (mean - mean.mean(1, keepdim=True))).sum(1, keepdim=True)
    signed = torch.where(agreement < 0, -found, found) * peak[..., 0]
    return signed.view(len(values), *values.shape[2:]).to(activation.dtype)


def _other_side(rows: Tensor, left: Tensor) -> Tensor:
    """The right singular vector of a left one; zero where all rows are."""
    right = (rows.mT @ left[..., None])[..., 0]
    length = right.norm(dim=1, keepdim=True)
    return right / torch.where(length > 0, length, 1)


def leading(gram: Tensor) -> Tensor:
    """(B, n): the unit eigenvector of the largest eigenvalue of each symmetric, non-negative matrix (B, n, n).

    By subspace iteration from a fixed start, as all eigenvectors of a large layer would cost many forward passes; those
    whose residual is still above 1e-7 of the eigenvalue are found by torch.linalg.eigh.
    """
    size = gram.shape[-1]
    if size <= _DIRECT:
        vectors: Tensor = torch.linalg.eigh(gram)[1]
        return vectors[..., -1]
    place = (torch.arange(size, dtype=gram.dtype, device=gram.device)[:, None] + 0.5) * math.pi / size
    basis = torch.cos(place * torch.arange(_BLOCK, dtype=gram.dtype, device=gram.device)).expand(len(gram), -1, -1)
    for _ in range(_STEPS // _ROUND):
        for _ in range(_ROUND):
            basis = torch.linalg.qr(gram @ basis)[0]
        found, residual = _ritz(gram, basis)
        if (residual <= _TOLERANCE).all():
            return found
    exact = torch.linalg.eigh(gram[residual > _TOLERANCE])[1][..., -1]
    return found.index_copy(0, (residual > _TOLERANCE).nonzero()[:, 0], exact)


def _ritz(gram: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The best unit vector (B, n) of each orthonormal basis (B, n, p), and by how much of its value it fails (B,)."""
    image = gram @ basis
    values, turns = torch.linalg.eigh(basis.mT @ image)
    top = turns[..., -1:]
    found, value = basis @ top, values[:, -1]
    failing = (image @ top - value[:, None, None] * found).norm(dim=(1, 2))
    return found[..., 0], failing / torch.where(value > 0, value, 1)
