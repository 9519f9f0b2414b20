"""Eigen-CAM against a full singular value decomposition; and its fast eigenvectors where they are hard to find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchbench.methods.eigencam import leading

from ..helpers import layer_of, map_of
from ..networks import Flat, Pooled, seeded

PLACES = [(Pooled, "stage1"), (Pooled, "conv"), (Flat, "features.0"), (Flat, "features")]


def by_svd(values: np.ndarray, mean: np.ndarray, centered: bool) -> np.ndarray:
    """One image: values (K, h, w), the mean activation (h, w)."""
    rows = values.reshape(len(values), -1).T.astype(float)
    if centered:
        rows = rows - rows.mean(0)
    found = (rows @ np.linalg.svd(rows, full_matrices=False)[2][0]).reshape(values.shape[1:])
    same = np.corrcoef(found.ravel(), mean.ravel())[0, 1]
    signed: np.ndarray = -found if same < 0 else found
    return signed


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize(("network", "name"), PLACES)
def test_equals_the_svd(network: type[nn.Module], name: str, centered: bool, images: Tensor) -> None:
    built = seeded(network)
    layer = layer_of(built, images, name)
    activation, gradient = layer.activation.numpy(), layer.gradient.numpy()
    for method, values in (("eigencam", activation), ("eigengradcam", gradient * activation)):
        found = map_of(method, built, images, name, centered=centered).numpy()
        for b in range(len(images)):
            expected = by_svd(values[b], activation[b].mean(0), centered)
            np.testing.assert_allclose(found[b], expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def spectrum(values: list[float], size: int) -> Tensor:
    """A symmetric matrix with these eigenvalues, the rest zero, on a random basis."""
    basis = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(1)).double())[0]
    diagonal = torch.zeros(size, dtype=torch.float64)
    diagonal[: len(values)] = torch.tensor(values, dtype=torch.float64)
    made: Tensor = (basis * diagonal) @ basis.T
    return made


@pytest.mark.parametrize(
    "values",
    [[1.0], [1.0, 0.5, 0.1], [1.0, 0.999, 0.3], [1e-20, 1e-21], [1.0 - 0.001 * i for i in range(40)]],
    ids=["rank one", "usual", "close", "tiny", "flat"],
)
@pytest.mark.parametrize("size", [40, 200])
def test_the_leading_eigenvector(values: list[float], size: int) -> None:
    gram = spectrum(values, size)
    found = leading(gram[None])[0]
    assert float(found.norm()) == pytest.approx(1, abs=1e-9)
    assert float(found @ gram @ found) == pytest.approx(values[0], rel=1e-6)
    expected = torch.linalg.eigh(gram)[1][:, -1]
    assert abs(float(found @ expected)) == pytest.approx(1, abs=1e-6)


def test_a_lone_channel_is_not_overlooked() -> None:
    """Whichever channel leads, and however close the second comes: no channel's share of the start is near zero."""
    size = 128
    for lead in range(size):
        diagonal = torch.zeros(size, dtype=torch.float64)
        diagonal[::3] = torch.linspace(0.01, 0.3, len(diagonal[::3]), dtype=torch.float64)
        diagonal[(lead + 7) % size], diagonal[lead] = 0.999, 1
        found = leading(torch.diag(diagonal)[None])[0]
        assert float(found[lead].abs()) == pytest.approx(1, abs=1e-6), lead


def test_neighbours_change_nothing() -> None:
    easy = spectrum([1.0, *(0.6 * 0.95**i for i in range(60))], 200)
    hard = spectrum([1.0 - 0.001 * i for i in range(40)], 200)
    together = leading(torch.stack([easy, hard, torch.zeros(200, 200, dtype=torch.float64)]))
    for row, gram in zip(together, (easy, hard), strict=False):
        torch.testing.assert_close(row.abs(), leading(gram[None])[0].abs(), atol=1e-9, rtol=0)
    assert torch.isfinite(together).all()


def test_a_dead_layer_has_a_dead_map(images: Tensor) -> None:
    network = seeded(Pooled)
    with torch.no_grad():
        network.conv.weight.zero_()
        assert network.conv.bias is not None
        network.conv.bias.zero_()
    for method in ("eigencam", "eigengradcam"):
        found = map_of(method, network, images, "relu")
        assert torch.equal(found, torch.zeros_like(found))


def test_small_gradients_do_not_underflow(images: Tensor) -> None:
    network = seeded(Flat)
    plain = map_of("eigengradcam", network, images, "features")
    with torch.no_grad():
        network.fc.weight.mul_(1e-25)
    layer = layer_of(network, images, "features", layer_of(seeded(Flat), images, "features").targets)
    assert float(layer.gradient.abs().max()) < 1e-24
    found = map_of("eigengradcam", network, images, "features", layer.targets)
    torch.testing.assert_close(found / found.abs().max(), plain / plain.abs().max(), rtol=1e-3, atol=1e-5)
