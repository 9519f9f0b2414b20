"""ROAD's linear imputation against a sparse direct solver, and what must hold of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu
from torch import Tensor

from benchbench.maps.normalise import minmax, upsample
from benchbench.perturbation.fills import fill_noisy_linear, filled, whole
from benchbench.perturbation.imputation import impute, neighbours
from benchbench.types import Pixels

from ..helpers import pixels


def solved(image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The same system, written out neighbour by neighbour and solved directly."""
    height, width = hidden.shape
    number, count = np.zeros((height, width), int), int(hidden.sum())
    number[hidden] = np.arange(count)
    matrix, wanted = csc_matrix((count, count)), np.zeros((count, len(image)))
    for down, right in itertools.product((-1, 0, 1), repeat=2):
        if down == right == 0:
            continue
        weight = 1 / 12 if down and right else 1 / 6
        i, j = np.nonzero(hidden)
        y, x = i + down, j + right
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        i, j, y, x = i[inside], j[inside], y[inside], x[inside]
        cells, unknown = number[i, j], hidden[y, x]
        matrix += csc_matrix((np.full(len(cells), weight), (cells, cells)), matrix.shape)
        weights = np.full(unknown.sum(), -weight)
        matrix += csc_matrix((weights, (cells[unknown], number[y, x][unknown])), matrix.shape)
        wanted[cells[~unknown]] += weight * image[:, y[~unknown], x[~unknown]].T
    solution = image.copy()
    solution[:, hidden] = splu(matrix).solve(wanted).T
    return solution


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """(1, 3, H, W) of spread 1: coarse structure and grain."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(3, 6, 6, generator=generator)
    image = upsample(coarse, (height, width)) + 0.3 * torch.randn(3, height, width, generator=generator)
    return ((image - image.mean()) / image.std())[None]


def removed(kind: str, share: float, height: int, width: int) -> Tensor:
    """(1, H, W) bool: the most salient share of a smooth map, or of noise, or the left part."""
    generator = torch.Generator().manual_seed(1)
    if kind == "smooth":
        saliency = upsample(torch.rand(1, 5, 5, generator=generator), (height, width))[0]
    elif kind == "noise":
        saliency = torch.rand(height, width, generator=generator)
    else:
        saliency = -torch.arange(width).expand(height, width).float()
    hidden = torch.zeros(height * width, dtype=torch.bool)
    hidden[saliency.flatten().argsort(descending=True)[: round(share * height * width)]] = True
    return hidden.view(1, height, width)


@pytest.mark.parametrize("size", [(64, 64), (37, 50)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("kind", ["smooth", "noise", "left"])
def test_equals_a_direct_solver(kind: str, share: float, size: tuple[int, int]) -> None:
    image, hidden = picture(*size), removed(kind, share, *size)
    expected = solved(image[0].double().numpy(), hidden[0].numpy())
    assert np.abs(impute(image, hidden)[0].numpy() - expected).max() < 1e-3
    assert np.abs(impute(image, hidden, 20)[0].numpy() - expected).max() < 2e-4


def test_a_plane_is_continued_exactly_inside() -> None:
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    plane = torch.stack([rows, columns, rows + 2 * columns])[None] / 32
    hidden = torch.zeros(1, 32, 32, dtype=torch.bool)
    hidden[:, 6:20, 9:25] = True
    torch.testing.assert_close(impute(plane, hidden, 20), plane, atol=1e-5, rtol=0)


def test_what_is_known_stays_and_one_colour_stays_one_colour() -> None:
    image, hidden = picture(40, 40), removed("smooth", 0.4, 40, 40)
    imputed = impute(image, hidden)
    assert torch.equal(imputed[:, :, ~hidden[0]], image[:, :, ~hidden[0]])
    flat = torch.full((1, 3, 40, 40), 0.7)
    torch.testing.assert_close(impute(flat, hidden), flat, atol=1e-5, rtol=0)


def test_nothing_or_everything_hidden() -> None:
    image = picture(20, 20)
    nothing = torch.zeros(1, 20, 20, dtype=torch.bool)
    assert torch.equal(impute(image, nothing), image)
    assert torch.equal(impute(image, ~nothing), torch.zeros_like(image))
    fill = whole("noisy-linear", pixels(image))
    assert float((fill - image.mean((2, 3), keepdim=True)).std()) == pytest.approx(0.01, rel=0.1)


def test_a_picture_does_not_depend_on_its_batch() -> None:
    images = torch.cat([picture(48, 40, seed) for seed in range(4)])
    hidden = torch.cat([removed(kind, 0.6, 48, 40) for kind in ("smooth", "noise", "left", "noise")])
    together = impute(images, hidden)
    for i in range(4):
        torch.testing.assert_close(impute(images[i : i + 1], hidden[i : i + 1])[0], together[i], atol=1e-6, rtol=0)


def test_weights_of_the_neighbours() -> None:
    impulse = torch.zeros(1, 1, 5, 5)
    impulse[0, 0, 2, 2] = 12
    assert neighbours(impulse)[0, 0, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 0, 2], [1, 2, 1]]
    assert float(neighbours(impulse).sum()) == 12


def test_noise_is_a_hundredth_of_the_pixels_range_and_only_where_removed() -> None:
    image, hidden = picture(64, 64), removed("smooth", 0.5, 64, 64)
    batch = Pixels(image, (3,), torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.25, 0.2, 0.5]))
    noise = fill_noisy_linear(batch)
    assert (noise[0].flatten(1).std(1) * batch.std).tolist() == pytest.approx([0.01] * 3, rel=0.05)
    imputed = filled("noisy-linear", image, noise, hidden)
    assert torch.equal(imputed[:, :, ~hidden[0]], image[:, :, ~hidden[0]])
    difference = imputed - impute(image, hidden)
    torch.testing.assert_close(difference[:, :, hidden[0]], noise[:, :, hidden[0]], atol=1e-6, rtol=0)
    assert float(minmax(noise[0]).std()) > 0
