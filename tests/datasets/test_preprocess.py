"""Preparing a photograph equals torchvision's pipeline; masks follow; odd shapes do not blow memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from benchbench.errors import BenchError
from benchbench.models import preprocess
from benchbench.models.preprocess import denormalise, prepare
from benchbench.types import Preprocess

LITE0 = Preprocess(256, 224, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
SMALL = Preprocess(resize=40, crop=32, interpolation="bicubic")


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def by_torchvision(image: Image.Image, chosen: Preprocess) -> Tensor:
    steps: list[Any] = [
        transforms.Resize(chosen.resize, interpolation=InterpolationMode(chosen.interpolation)),
        transforms.CenterCrop(chosen.crop),
        transforms.ToTensor(),
        transforms.Normalize(chosen.mean, chosen.std),
    ]
    result: Tensor = transforms.Compose(steps)(image)
    return result


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(5, 70), st.integers(5, 70)),
    crop=st.integers(1, 40),
    mode=st.sampled_from(["bilinear", "bicubic"]),
)
def test_it_is_torchvisions_pipeline_to_the_bit(size: tuple[int, int], crop: int, mode: Any) -> None:
    chosen = Preprocess(40, crop, interpolation=mode)
    assert torch.equal(prepare(noise(*size), None, chosen)[0], by_torchvision(noise(*size), chosen))


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (256, 256), (224, 224), (33, 31), (1, 1)])
def test_efficientnet_lites_own_numbers(size: tuple[int, int]) -> None:
    """The trap: bicubic, and (pixel - 127) / 128, not ImageNet's mean and standard deviation."""
    image = noise(*size)
    prepared, _ = prepare(image, None, LITE0)
    assert torch.equal(prepared, by_torchvision(image, LITE0))
    scale = 256 / min(size)
    resized = image.resize((int(size[0] * scale), int(size[1] * scale)), Image.Resampling.BICUBIC)
    left, top = round((resized.width - 224) / 2), round((resized.height - 224) / 2)
    cut = np.array(resized.crop((left, top, left + 224, top + 224))).astype(float)
    np.testing.assert_allclose(prepared.permute(1, 2, 0).numpy(), (cut - 127) / 128, atol=1e-5)
    assert not torch.allclose(prepared, prepare(image, None, Preprocess())[0], atol=0.05)


@settings(max_examples=25, deadline=None)
@given(size=st.tuples(st.integers(5, 70), st.integers(5, 70)), seed=st.integers(0, 99))
def test_denormalise_gives_the_prepared_pixels_back(size: tuple[int, int], seed: int) -> None:
    restored = denormalise(prepare(noise(*size, seed), None, SMALL)[0], SMALL)
    bare = Preprocess(40, 32, (0, 0, 0), (1, 1, 1), "bicubic")
    assert restored.dtype == torch.uint8
    pixels = (by_torchvision(noise(*size, seed), bare) * 255).round().byte()
    assert torch.equal(restored, pixels.permute(1, 2, 0))


def test_denormalise_clips_what_cannot_be_shown() -> None:
    shown = denormalise(torch.tensor([1e6, -1e6, torch.nan]).view(3, 1, 1), SMALL)
    assert shown.flatten().tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(120, 90), (90, 120), (40, 40), (21, 33), (700, 300)])
def test_a_mask_lies_where_its_object_lies(size: tuple[int, int]) -> None:
    """A white rectangle on black and its mask: at every pixel but those on the edge they agree."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[height // 3 : 2 * height // 3, width // 4 : width // 2] = 255
    image, mask = prepare(Image.fromarray(pixels), torch.from_numpy(pixels[:, :, 0] > 0), SMALL)
    assert mask is not None
    assert (mask.dtype, mask.shape) == (torch.bool, (32, 32))
    bright = denormalise(image, SMALL)[:, :, 0].int()
    assert bool(mask[bright > 200].all())
    assert not mask[bright < 55].any()
    assert bool(mask.any())
    assert not bool(mask.all())


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3, 900), (40, 2000)])
def test_a_strip_is_cropped_before_it_is_resized(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Against the long way round, on a resize small enough for it: within a grey level."""
    image, mask = noise(*size), torch.from_numpy(np.array(noise(*size))[:, :, 0] > 128)
    cropped, cropped_mask = prepare(image, mask, SMALL)
    monkeypatch.setattr(preprocess, "MAX_ASPECT", 10**9)
    whole, whole_mask = prepare(image, mask, SMALL)
    difference = (denormalise(cropped, SMALL).int() - denormalise(whole, SMALL).int()).abs()
    assert int(difference.max()) <= 1
    assert cropped_mask is not None
    assert whole_mask is not None
    assert float((cropped_mask != whole_mask).float().mean()) < 0.04


@pytest.mark.parametrize("size", [(1, 5000), (20000, 2), (1, 1_000_000)])
def test_a_strip_takes_little_memory(size: tuple[int, int]) -> None:
    """1 x 5000 resized whole to 256 would be a billion bytes: PIL is asked for the crop alone."""
    sizes: list[tuple[int, int]] = []
    image = Image.new("RGB", size)

    class Watched(Image.Image):
        def resize(self, size: Any, *args: Any, **kwargs: Any) -> Image.Image:
            sizes.append(size)
            return super().resize(size, *args, **kwargs)

    image.__class__ = Watched
    tracemalloc.start()
    prepared, _ = prepare(image, None, Preprocess())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert prepared.shape == (3, 224, 224)
    assert sizes == [(224, 224)]
    assert peak < 20e6


@pytest.mark.parametrize(
    ("image", "mask", "chosen", "message"),
    [
        (Image.new("L", (9, 9)), None, SMALL, "the image's mode is L, not RGB"),
        (Image.new("RGB", (0, 9)), None, SMALL, "the image has no pixels: it is 0 x 9"),
        (noise(9, 9), None, Preprocess(200, 224), "crop 224 is larger than resize 200"),
        (noise(9, 8), torch.ones(8, 9), SMALL, "the mask's dtype is torch.float32, not torch.bool"),
        (noise(9, 8), torch.ones(9, 8) > 0, SMALL, "the mask is 9 x 8 and the image 8 x 9 (height x width)"),
    ],
)
def test_what_cannot_be_prepared_says_why(
    image: Image.Image, mask: Tensor | None, chosen: Preprocess, message: str
) -> None:
    with pytest.raises(BenchError) as caught:
        prepare(image, mask, chosen)
    assert str(caught.value).startswith(message)
