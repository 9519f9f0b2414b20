"""Eigen-CAM: Muhammad and Yeasin 2020, arXiv:2008.00299; and pytorch-grad-cam's Eigen-Grad-CAM."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbench.errors import NotApplicable
from benchbench.registry import method
from benchbench.types import Layer

_DIRECT = 64  # up to this size all eigenvectors are found at once
_STEPS, _ROUND, _TOLERANCE = 60, 10, 1e-7
_TELLS = 1e-4  # of a reference's magnitude, and a correlation: float32 and another batch move both by less
_FLAT = 1e-6  # of a component's largest value: one that varies less is the same everywhere, and has no use for a sign
_LEAST = 1e-300


@method(
    "eigencam",
    title="Eigen-CAM",
    needs="activation",
    paper="arXiv:2008.00299",
    fails="It knows no class: of two objects it shows the one that the layer responds to most, whatever is asked.",
)
def eigencam(layer: Layer, *, centered: bool = False) -> Tensor:
    """The activations of each cell projected on their first right singular vector, over all cells.

    Its sign, which is arbitrary, is that of a positive correlation with the mean activation. Where that is the same in
    every cell, as behind a layer norm without scale and shift, it is that of the cells' norm; where this is the same
    too, the fewer cells that stand out are high. Not applicable where nothing tells the two signs apart. Signed, and
    the same for every class. ``centered`` subtracts each channel's mean first, as pytorch-grad-cam does.
    """
    return _projected(layer.activation, layer.activation, centered)


@method(
    "eigengradcam",
    title="EigenGrad-CAM",
    needs="gradient",
    paper="https://github.com/jacobgil/pytorch-grad-cam",
    fails="Where the gradient is zero, and where the first component is of what the channels share and not of the "
    "class.",
)
def eigengradcam(layer: Layer, *, centered: bool = False) -> Tensor:
    """Eigen-CAM of activation times gradient; its sign is by correlation with the mean activation.

    Where that is the same in every cell, the sign is that of the evidence for the class, the sum over channels of
    activation times gradient; then as Eigen-CAM's.
    """
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
    return signed((rows @ right[..., None])[..., 0].double() * peak[..., 0], activation, values)


def signed(component: Tensor, activation: Tensor, values: Tensor) -> Tensor:
    """(B, h, w): a value per cell (B, h * w), turned round where it goes against the first reference that tells.

    In this order: the mean activation; the mean of ``values``, which of activation times gradient is the evidence for
    the class; the norm of the values in each cell; and the square of the component about its mean, so that the fewer
    and further cells are high, as an object is smaller than its background. Behind a layer norm without scale and
    shift the first is 0 and the third 1 in every cell, but for rounding. A reference tells if it varies by more than
    1e-4 of its own magnitude and correlates with the component by more than 1e-4.

    Args:
        activation, values: (B, K, h, w); ``values`` are what was decomposed.

    Raises:
        NotApplicable: no reference tells the two signs of an image apart.
    """
    about = component - component.mean(1, keepdim=True)
    agreement = torch.zeros_like(component[:, :1])
    for reference, magnitude in _references(about, activation, values):
        agreement = torch.where(agreement != 0, agreement, _correlation(about, reference, magnitude))
    live = about.abs().amax(1, keepdim=True) > _FLAT * component.abs().amax(1, keepdim=True)
    if (live & (agreement == 0)).any():
        raise NotApplicable(
            "the first component has no sign: neither the activation's mean and norm nor the component's own skewness "
            "tells it from its negative"
        )
    component = torch.where(agreement < 0, -component, component)
    return component.view(len(component), *activation.shape[2:]).to(activation.dtype)


def _references(about: Tensor, activation: Tensor, values: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each (B, h * w), with the magnitude (B, h * w) of what it was added up from."""
    first, decomposed = activation.flatten(2).double(), values.flatten(2).double()
    norm, square = decomposed.norm(dim=1), about.square()
    return [
        (first.mean(1), first.abs().mean(1)),
        (decomposed.mean(1), decomposed.abs().mean(1)),
        (norm, norm),
        (square, square),
    ]


def _correlation(about: Tensor, reference: Tensor, magnitude: Tensor) -> Tensor:
    """(B, 1): the correlation of a component about its mean and a reference; 0 where that is rounding."""
    other = reference - reference.mean(1, keepdim=True)
    lengths = about.norm(dim=1, keepdim=True) * other.norm(dim=1, keepdim=True)
    correlation = (about * other).sum(1, keepdim=True) / torch.where(lengths > 0, lengths, 1)
    varies = other.norm(dim=1, keepdim=True) > _TELLS * magnitude.norm(dim=1, keepdim=True)
    return torch.where(varies & (correlation.abs() > _TELLS), correlation, 0)


def _other_side(rows: Tensor, left: Tensor) -> Tensor:
    """The right singular vector of a left one; zero where all rows are."""
    right = (rows.mT @ left[..., None])[..., 0]
    length = right.norm(dim=1, keepdim=True)
    return right / torch.where(length > 0, length, 1)


def leading(gram: Tensor) -> Tensor:
    """(B, n): the unit eigenvector of the largest eigenvalue of each symmetric, non-negative matrix (B, n, n).

    By Lanczos's method from a fixed start, as all eigenvectors of a large layer would cost many forward passes; those
    whose residual is still above 1e-7 of the eigenvalue are found by torch.linalg.eigh.
    """
    size = gram.shape[-1]
    if size <= _DIRECT:
        vectors: Tensor = torch.linalg.eigh(gram)[1]
        return vectors[..., -1]
    basis, best, late = _start(gram), gram[..., 0], torch.ones(len(gram), dtype=torch.bool, device=gram.device)
    while late.any() and basis.shape[-1] <= _STEPS:
        for _ in range(_ROUND):
            basis = _extended(gram, basis)
        better, residual = _ritz(gram, basis)
        best = torch.where(late[:, None], better, best)  # one that is found stays, whatever its neighbours need
        late = late & (residual > _TOLERANCE)
    exact = torch.linalg.eigh(gram[late])[1][..., -1]
    return best.index_copy(0, late.nonzero()[:, 0], exact)


def _start(gram: Tensor) -> Tensor:
    """(B, n, 1): a sum of the matrix's columns by shares without any symmetry, so that nothing is orthogonal to it.

    The shares lie in 1/2 .. 3/2: one near zero would hide an eigenvector that is that column alone.
    """
    place = torch.arange(gram.shape[-1], dtype=gram.dtype, device=gram.device) + 0.5
    first = gram @ (1 + torch.cos(place * 2.4) / 2)[:, None]
    unit: Tensor = first / first.norm(dim=1, keepdim=True).clamp_min(_LEAST)
    return unit


def _extended(gram: Tensor, basis: Tensor) -> Tensor:
    """One more orthonormal vector, of the last one's image; zero where the space is exhausted."""
    more = gram @ basis[..., -1:]
    length = more.norm(dim=1, keepdim=True)
    for _ in range(2):  # once is not enough in floating point
        more = more - basis @ (basis.mT @ more)
    left = more.norm(dim=1, keepdim=True)
    fresh = left > 1e-12 * length
    return torch.cat([basis, torch.where(fresh, more / left.clamp_min(_LEAST), 0)], -1)


def _ritz(gram: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The best unit vector (B, n) of each basis (B, n, p), and by how much of its value it fails (B,)."""
    image = gram @ basis
    values, turns = torch.linalg.eigh(basis.mT @ image)
    top = turns[..., -1:]
    vector, value = basis @ top, values[:, -1]
    failing = (image @ top - value[:, None, None] * vector).norm(dim=(1, 2))
    return vector[..., 0], failing / torch.where(value > 0, value, 1)
