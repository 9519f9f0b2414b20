"""The images of views: noise, shifts and JPEG, by hand."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchbench.perturbation.corruptions import jpeg, noisy, pixel_distance, shifted
from benchbench.types import Pixels, Preprocess
from benchbench.types.views import Noisy

MEAN, STD = (torch.tensor(value) for value in (Preprocess().mean, Preprocess().std))


@pytest.fixture
def pixels() -> Pixels:
    plain = torch.rand(3, 3, 20, 24, generator=torch.Generator().manual_seed(2))
    return Pixels((plain - MEAN[:, None, None]) / STD[:, None, None], (5, 6, 7), MEAN, STD)


def plain(pixels: Pixels, images: Tensor) -> Tensor:
    return images * pixels.std[:, None, None] + pixels.mean[:, None, None]


def test_noise_is_of_its_size_in_plain_pixels(pixels: Pixels) -> None:
    for radius in (0.02, 0.5):
        gap = plain(pixels, noisy(pixels, Noisy(0, radius, "uniform"))) - plain(pixels, pixels.images)
        assert radius * 0.99 < gap.abs().max() <= radius * 1.001
        assert abs(float(gap.mean())) < radius / 20
    gap = plain(pixels, noisy(pixels, Noisy(0, 0.1, "normal"))) - plain(pixels, pixels.images)
    assert float(gap.std()) == pytest.approx(0.1, rel=0.05)


def test_noise_is_each_image_s_own_and_of_its_index(pixels: Pixels) -> None:
    whole = noisy(pixels, Noisy(1, 0.1))
    for i in range(3):
        assert torch.equal(noisy(pixels.row(i), Noisy(1, 0.1)), whole[i : i + 1])
    gaps = [noisy(pixels, Noisy(i, 0.1)) - pixels.images for i in (0, 1)]
    assert not torch.allclose(gaps[0], gaps[1])
    assert not torch.allclose(gaps[0][0], gaps[0][1])
    wide = noisy(pixels, Noisy(1, 0.2)) - pixels.images
    torch.testing.assert_close(wide, 2 * gaps[1], atol=1e-5, rtol=1e-4)


def test_how_far_noise_moves_an_image(pixels: Pixels) -> None:
    other = replace(pixels, images=pixels.images.clone()).images
    other[1, 2, 3, 4] += 1.5
    np.testing.assert_allclose(pixel_distance(pixels, other), [0, 1.5 * float(STD[2]), 0], rtol=1e-6)


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (-3, 0), (0, 4), (0, -1), (2, -3), (99, 0)])
def test_a_shift_repeats_the_edge(pixels: Pixels, dx: int, dy: int) -> None:
    images = shifted(pixels.images, dx, dy)
    for y in range(20):
        for x in range(24):
            source = pixels.images[:, :, min(max(y - dy, 0), 19), min(max(x - dx, 0), 23)]
            assert torch.equal(images[:, :, y, x], source)


def test_jpeg_is_pillow_s(pixels: Pixels) -> None:
    compressed, reasons = jpeg(pixels, 40)
    assert reasons == ("", "", "")
    for i in range(3):
        levels = np.rint(plain(pixels, pixels.images)[i].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(levels).save(file, "JPEG", quality=40)
        expected = np.asarray(Image.open(file), float) / 255
        np.testing.assert_allclose(plain(pixels, compressed)[i].permute(1, 2, 0), expected, atol=1e-6)
    assert pixel_distance(pixels, compressed).min() > pixel_distance(pixels, jpeg(pixels, 95)[0]).max()


def test_there_is_no_jpeg_of_what_is_no_photograph(pixels: Pixels) -> None:
    images = pixels.images.clone()
    images[1, 0, 0, 0] = 9
    compressed, reasons = jpeg(replace(pixels, images=images), 40)
    assert [bool(reason) for reason in reasons] == [False, True, False]
    assert "leave [0, 1]" in reasons[1]
    assert torch.equal(compressed[1], images[1])
    two = Pixels(images[:, :2], pixels.seeds, torch.zeros(2), torch.ones(2))
    assert "2 channels" in jpeg(two, 40)[1][0]
