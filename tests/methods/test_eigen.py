"""Eigen-CAM against a full singular value decomposition; and its fast eigenvectors where they are hard to find."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchbench.errors import NotApplicable
from benchbench.methods import kpcacam
from benchbench.methods.eigencam import _projected, leading

from ..helpers import layer_of, map_of
from ..networks import Flat, Pooled, seeded

PLACES = [(Pooled, "stage1"), (Pooled, "conv"), (Flat, "features.0"), (Flat, "features")]


def by_svd(values: np.ndarray, mean: np.ndarray, centered: bool) -> np.ndarray:
    """One image: values (K, h, w), the mean activation (h, w)."""
    rows = values.reshape(len(values), -1).T.astype(float)
    if centered:
        rows = rows - rows.mean(0)
    component = (rows @ np.linalg.svd(rows, full_matrices=False)[2][0]).reshape(values.shape[1:])
    same = np.corrcoef(component.ravel(), mean.ravel())[0, 1]
    signed: np.ndarray = -component if same < 0 else component
    return signed


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize(("network", "name"), PLACES)
def test_equals_the_svd(network: type[nn.Module], name: str, centered: bool, images: Tensor) -> None:
    built = seeded(network)
    layer = layer_of(built, images, name)
    activation, gradient = layer.activation.numpy(), layer.gradient.numpy()
    for method, values in (("eigencam", activation), ("eigengradcam", gradient * activation)):
        maps = map_of(method, built, images, name, centered=centered).numpy()
        for b in range(len(images)):
            expected = by_svd(values[b], activation[b].mean(0), centered)
            np.testing.assert_allclose(maps[b], expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def spectrum(values: list[float], size: int) -> Tensor:
    """A symmetric matrix with these eigenvalues, the rest zero, on a random basis."""
    basis = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(1)).double())[0]
    diagonal = torch.zeros(size, dtype=torch.float64)
    diagonal[: len(values)] = torch.tensor(values, dtype=torch.float64)
    matrix: Tensor = (basis * diagonal) @ basis.T
    return matrix


@pytest.mark.parametrize(
    "values",
    [[1.0], [1.0, 0.5, 0.1], [1.0, 0.999, 0.3], [1e-20, 1e-21], [1.0 - 0.001 * i for i in range(40)]],
    ids=["rank one", "usual", "close", "tiny", "flat"],
)
@pytest.mark.parametrize("size", [40, 200])
def test_the_leading_eigenvector(values: list[float], size: int) -> None:
    gram = spectrum(values, size)
    vector = leading(gram[None])[0]
    assert float(vector.norm()) == pytest.approx(1, abs=1e-9)
    assert float(vector @ gram @ vector) == pytest.approx(values[0], rel=1e-6)
    expected = torch.linalg.eigh(gram)[1][:, -1]
    assert abs(float(vector @ expected)) == pytest.approx(1, abs=1e-6)


def test_a_lone_channel_is_not_overlooked() -> None:
    """Whichever channel leads, and however close the second comes: no channel's share of the start is near zero."""
    size = 128
    for lead in range(size):
        diagonal = torch.zeros(size, dtype=torch.float64)
        diagonal[::3] = torch.linspace(0.01, 0.3, len(diagonal[::3]), dtype=torch.float64)
        diagonal[(lead + 7) % size], diagonal[lead] = 0.999, 1
        vector = leading(torch.diag(diagonal)[None])[0]
        assert float(vector[lead].abs()) == pytest.approx(1, abs=1e-6), lead


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
        maps = map_of(method, network, images, "relu")
        assert torch.equal(maps, torch.zeros_like(maps))


def test_small_gradients_do_not_underflow(images: Tensor) -> None:
    network = seeded(Flat)
    plain = map_of("eigengradcam", network, images, "features")
    with torch.no_grad():
        network.fc.weight.mul_(1e-25)
    layer = layer_of(network, images, "features", layer_of(seeded(Flat), images, "features").targets)
    assert float(layer.gradient.abs().max()) < 1e-24
    maps = map_of("eigengradcam", network, images, "features", layer.targets)
    torch.testing.assert_close(maps / maps.abs().max(), plain / plain.abs().max(), rtol=1e-3, atol=1e-5)


def unit(cells: Tensor) -> Tensor:
    """(1, K, h, w): what a layer norm without scale and shift makes of cells (h, w, K)."""
    normalised: Tensor = nn.functional.layer_norm(cells, cells.shape[-1:], eps=0.0).permute(2, 0, 1)[None]
    return normalised


def clusters(few: int, spread: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Activations (1, 24, 6, 6) of two kinds of cells, with a mean of 0 and a norm of 1 in each; which are the few."""
    generator = torch.Generator().manual_seed(seed)
    rare, usual = torch.randn(2, 24, generator=generator).double()
    on = torch.zeros(36, dtype=torch.bool)
    on[torch.randperm(36, generator=generator)[:few]] = True
    cells = torch.where(on[:, None], rare, usual) + spread * torch.randn(36, 24, generator=generator).double()
    return unit(cells.view(6, 6, 24)), on.view(6, 6)


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize("seed", range(6))
def test_behind_a_unit_layer_norm_the_fewer_cells_are_high(seed: int, turned: int) -> None:
    """Neither the mean nor the norm differs between cells; and the direction of an eigenvector means nothing."""
    activation, few = clusters(5, seed=seed)
    assert float(activation.mean(1).abs().max()) < 1e-12
    assert float((activation.norm(dim=1) / 24**0.5 - 1).abs().max()) < 1e-12
    shown = (turned * activation).float()
    for component in (_projected(shown, shown, True)[0], kpca(shown)[0]):
        assert float(component[few].min()) > float(component[~few].max())
    torch.testing.assert_close(
        _projected(shown, shown, False), _projected(activation.float(), activation.float(), False), atol=1e-5, rtol=0
    )


def kpca(activation: Tensor) -> Tensor:
    return kpcacam.kpcacam(SimpleNamespace(activation=activation), kernel="rbf")  # type: ignore[arg-type]


def test_cells_of_more_energy_are_high_where_the_mean_is_the_same_everywhere() -> None:
    """The many strong cells, though the few weak ones lie further from the mean."""
    activation, few = clusters(5, spread=0.01)
    strong = activation * torch.where(few, 0.2, 3.0)
    for turned in (1, -1):
        component = _projected((turned * strong).float(), (turned * strong).float(), False)[0]
        assert float(component[~few].min()) > float(component[few].max())


def test_the_evidence_for_the_class_comes_before_the_norm() -> None:
    """Eigen-Grad-CAM behind a unit layer norm: the weak cells speak for the class, the strong ones against it."""
    activation, few = clusters(5, spread=0.01)
    gradient = torch.where(few, 1.0, -3.0) * activation
    component = _projected((gradient * activation).float(), activation.float(), False)[0]
    assert float(component[few].min()) > float(component[~few].max())


@pytest.mark.parametrize("centered", [True, False])
def test_a_component_that_nothing_tells_from_its_negative_is_refused(centered: bool) -> None:
    """Half of the cells are the negative of the other half: either could be high."""
    direction = torch.randn(24, generator=torch.Generator().manual_seed(0)).double()
    halves = torch.where(torch.arange(36) % 2 == 0, 1.0, -1.0)
    tie = unit((halves[:, None] * direction).view(6, 6, 24)).float()
    fine = clusters(5)[0].float()
    with pytest.raises(NotApplicable, match="the first component has no sign"):
        _projected(tie, tie, centered)
    with pytest.raises(NotApplicable, match="the first component has no sign"):
        kpca(tie)
    assert torch.isfinite(_projected(fine, fine, centered)).all()


def test_a_component_that_is_the_same_everywhere_needs_no_sign() -> None:
    flat = torch.ones(1, 24, 6, 6) * torch.randn(1, 24, 1, 1, generator=torch.Generator().manual_seed(0))
    component = _projected(flat, flat, False)
    assert float(component.amax() - component.amin()) <= 1e-5 * float(component.abs().amax())


class Normed(nn.Module):
    """A layer norm without scale and shift over the channels of each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = (
            nn.Conv2d(3, 16, 8, 8),
            nn.LayerNorm(16, elementwise_affine=False),
            nn.Identity(),
        )
        self.fc = nn.Linear(16 * 64, 5)

    def forward(self, images: Tensor) -> Tensor:
        cells = self.norm(self.conv(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        logits: Tensor = self.fc(self.out(cells).flatten(1).square())
        return logits


@pytest.mark.parametrize("method", ["eigencam", "eigengradcam", "kpcacam"])
def test_no_batch_turns_a_sign_round_behind_a_unit_layer_norm(method: str, images: Tensor) -> None:
    network = seeded(Normed)
    together = map_of(method, network, images, "out")
    for order in ([5, 4, 3, 2, 1, 0], [2, 0], [1], [3, 1, 5]):
        maps = map_of(method, network, images[order], "out")
        torch.testing.assert_close(maps, together[order], rtol=1e-3, atol=1e-5 * float(together.abs().max()))
