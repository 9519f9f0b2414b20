"""Networks of one, two, four and eleven channels: in a study as in explain, and with the right numbers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.models.preprocess import colours, denormalise, fitted, prepare
from benchbench.perturbation.corruptions import jpeg, noisy, pixel_distance
from benchbench.perturbation.fills import FILLS, GREY, fill_grey, fill_mean, fill_noisy_linear, whole
from benchbench.perturbation.superpixels import segments_of
from benchbench.types import Pixels, Preprocess
from benchbench.types.views import Noisy

from ..networks import seeded
from ..packs import parts

MEAN, STD = 0.3, 0.2


class Channels(nn.Module):
    """Two convolutions, global average pooling, one linear layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(channels, 6, 5, 2, 2), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(images).mean((2, 3)) * 8)
        return logits


def spec(network: nn.Module, channels: int, side: int = 48) -> bb.ModelSpec:
    return bb.ModelSpec("net", network, Preprocess(side, side, (MEAN,) * channels, (STD,) * channels))


def values(channels: int, count: int = 4, side: int = 48) -> Tensor:
    """(count, channels, side, side), smooth, in [0, 1]."""
    coarse = torch.rand(count, channels, 6, 6, generator=torch.Generator().manual_seed(channels))
    return torch.nn.functional.interpolate(coarse, size=side, mode="bilinear")


def twins() -> tuple[nn.Module, nn.Module]:
    """A network of grey images, and one of RGB that says the same of them."""
    grey, colour = seeded(lambda: Channels(1)), seeded(lambda: Channels(3))
    weights = grey.state_dict()
    colour.load_state_dict({**weights, "features.0.weight": weights["features.0.weight"].repeat(1, 3, 1, 1) / 3})
    return grey, colour


FILLED = ["deletion", "deletion@rise-28-blur", "deletion@rise-28-mean", "deletion@idl-20"]
METRICS = [*FILLED, "insertion", "average_drop", "average_gain", "adcc", "region_flipping", "irof", "jpeg_stability"]


def test_a_grey_network_has_the_numbers_of_its_twin_in_colour(tmp_path: Path) -> None:
    """Its pixels are normalised by its one mean: fills, superpixels and JPEG are those of a grey photograph."""
    grey, colour = twins()
    images = (values(1) - MEAN) / STD
    tables = []
    for network, shown in ((grey, images), (colour, images.repeat(1, 3, 1, 1))):
        channels = shown.shape[1]
        run = bb.Study(
            models={"net": spec(network, channels)},
            datasets={"d": shown},
            layers=["features"],
            methods=["gradcam", "scorecam", "sobel"],
            metrics=METRICS,
        ).run(tmp_path / str(channels), report=False)
        assert (run.table["status"] == "ok").all(), run.table["reason"].unique()
        tables.append(run.table.sort_values(["sample", "method", "metric", "protocol"])["value"].to_numpy())
    assert len(tables[0]) > 4 * 3 * 8
    np.testing.assert_allclose(tables[0], tables[1], rtol=2e-3, atol=2e-3)


def test_noise_of_road_is_small_and_the_rest_equal(tmp_path: Path) -> None:
    """ROAD draws for every channel by itself: the twins differ by the noise alone."""
    grey, colour = twins()
    images = (values(1) - MEAN) / STD
    scores = []
    for network, shown in ((grey, images), (colour, images.repeat(1, 3, 1, 1))):
        run = bb.Study(
            models={"net": spec(network, shown.shape[1])}, datasets={"d": shown}, layers=["features"],
            methods=["gradcam", "random"], metrics=["road"],
        ).run(tmp_path / str(shown.shape[1]), report=False)  # fmt: skip
        assert (run.table["status"] == "ok").all()
        scores.append(run.table.sort_values(["sample", "method", "metric"])["value"].to_numpy())
    assert np.abs(scores[0] - scores[1]).max() < 0.02


@pytest.mark.parametrize("channels", [1, 2, 11])
def test_a_study_takes_what_explain_takes(channels: int, tmp_path: Path) -> None:
    """Every fill, and metrics of maps, robustness and cost; the maps of the study are those of explain."""
    network, images = seeded(lambda: Channels(channels)), (values(channels, 2, 32) - MEAN) / STD
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[:, 5:15, 5:15] = True
    fills = [f"deletion@rise-28-{fill}" for fill in ("mean", "blur", "noise", "noisy-linear")]
    run = bb.Study(
        models={"net": spec(network, channels, 32)},
        datasets={"d": (images, [0, 1], masks)},
        layers=["features"],
        methods=["gradcam", "sobel"],
        metrics=["deletion", *fills, "deletion@idl-20", "irof", "max_sensitivity", "pointing_game"],
    ).run(tmp_path, report=False)
    assert (run.table["status"] == "ok").all(), run.table["reason"].unique()
    assert run.table["value"].notna().all()
    assert run.record.info["warnings"] == []
    rows = run.record.maps[run.record.maps["method"] == "gradcam"].sort_values("sample")
    stored = torch.stack(
        [torch.from_numpy(run.record.map(r["file"], int(r["row"])).copy()) for _, r in rows.iterrows()]
    )
    large = torch.nn.functional.interpolate(stored[:, None], 32, mode="bilinear")
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    shown = bb.explain(network, images, layer="features")
    torch.testing.assert_close(shown, (large - low) / (high - low), rtol=1e-4, atol=1e-4)
    photos = parts(tmp_path, ".jpg")
    assert len(photos) == 2
    assert {Image.open(io.BytesIO(photo)).mode for photo in photos.values()} == {"RGB"}


def test_jpeg_of_a_multispectral_image_is_not_applicable(tmp_path: Path) -> None:
    run = bb.Study(
        models={"net": spec(seeded(lambda: Channels(4)), 4)}, datasets={"d": (values(4) - MEAN) / STD},
        layers=["features"], methods=["gradcam"], metrics=["jpeg_stability"],
    ).run(tmp_path, report=False)  # fmt: skip
    assert (run.table["status"] == "not_applicable").all()
    assert run.table["reason"].unique().tolist() == ["the image has 4 channels: JPEG needs three, or one"]


@pytest.mark.parametrize("channels", [1, 2, 4, 11])
def test_fills_in_closed_form(channels: int) -> None:
    """Every channel by its own mean and standard deviation."""
    images, mean = values(channels), torch.linspace(0.1, 0.6, channels)
    std = torch.linspace(0.2, 0.5, channels)
    pixels = Pixels((images - mean[:, None, None]) / std[:, None, None], (1, 2, 3, 4), mean, std)
    grey = fill_grey(pixels) * std[:, None, None] + mean[:, None, None]
    torch.testing.assert_close(grey, torch.full_like(images, GREY))
    back = fill_mean(pixels) * std[:, None, None] + mean[:, None, None]
    torch.testing.assert_close(back, images.mean((2, 3), keepdim=True).expand_as(images))
    noise = (fill_noisy_linear(pixels) * std[:, None, None]).transpose(0, 1).flatten(1).std(1)
    torch.testing.assert_close(noise, torch.full_like(noise, 0.01), rtol=0.05, atol=0)
    assert {whole(name, pixels).shape for name in FILLS} == {images.shape}
    shown = noisy(pixels, Noisy(0, 0.1, "uniform"))
    gap = ((shown - pixels.images) * std[:, None, None]).abs()
    assert 0.099 < float(gap.max()) <= 0.1
    torch.testing.assert_close(
        pixel_distance(pixels, shown), gap.square().sum((1, 2, 3)).sqrt().double(), rtol=1e-4, atol=0
    )


def test_jpeg_of_grey_is_jpeg_of_grey_in_colour() -> None:
    grey = values(1)
    single = Pixels(grey, (0,) * 4, torch.zeros(1), torch.ones(1))
    three = Pixels(grey.repeat(1, 3, 1, 1), (0,) * 4, torch.zeros(3), torch.ones(3))
    compressed, reasons = jpeg(single, 30)
    assert reasons == ("",) * 4
    assert 0 < float((compressed - grey).abs().max()) < 0.2
    assert float((jpeg(three, 30)[0] - compressed).abs().max()) <= 1.01 / 255


@pytest.mark.parametrize("channels", [2, 4, 11])
def test_superpixels_follow_the_values_of_any_channels(channels: int) -> None:
    """Two halves that differ in the last channel alone: no segment crosses the border between them."""
    images = torch.zeros(1, channels, 48, 48)
    images[:, -1, :, 20:] = 1
    pixels = Pixels(images - 0.5, (0,), torch.full((channels,), 0.5), torch.ones(channels))
    segments = segments_of(pixels, 16)[0]
    assert len(set(segments.flatten().tolist())) > 8
    assert not set(segments[:, :20].flatten().tolist()) & set(segments[:, 20:].flatten().tolist())


def test_photographs_become_grey_as_torchvision_has_it() -> None:
    draws = np.random.default_rng(0)
    usual = transforms.Compose(
        [transforms.Grayscale(), transforms.Resize(40), transforms.CenterCrop(32), transforms.ToTensor()]
    )
    for size in ((60, 45), (33, 80)):
        photo = Image.fromarray(draws.integers(0, 256, (size[1], size[0], 3), np.uint8))
        prepared = prepare(photo, None, Preprocess(40, 32, (MEAN,), (STD,)))[0]
        torch.testing.assert_close(prepared, (usual(photo) - MEAN) / STD)
    with pytest.raises(BenchError, match="three channels, or one as grey, and the network takes 4"):
        prepare(photo, None, Preprocess(40, 32, (0.5,) * 4, (0.5,) * 4))


def test_digits_of_mnist_s_kind(tmp_path: Path) -> None:
    """PIL images of mode L and labels, as torchvision.datasets.MNIST gives them: the network sees their own values."""
    draws = np.random.default_rng(0)
    digits = [(Image.fromarray(draws.integers(0, 256, (28, 28), np.uint8)), i) for i in range(5)]
    network = seeded(lambda: Channels(1))
    grey_model = bb.ModelSpec("net", network, Preprocess(28, 28, (0.1307,), (0.3081,)))
    usual = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    tables: list[Any] = []
    for data in (_Items(digits), (torch.stack([usual(digit) for digit, _ in digits]), [label for _, label in digits])):
        run = bb.Study(
            models={"net": grey_model}, datasets={"d": data}, layers=["features"], methods=["gradcam"], target="label",
            metrics=["deletion", "insertion"],
        ).run(tmp_path / str(len(tables)), report=False)  # fmt: skip
        assert (run.table["status"] == "ok").all()
        tables.append(run.table.sort_values(["sample", "metric"])["value"].to_numpy())
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5, atol=1e-6)


class _Items:
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_a_preprocess_fits_its_images_or_says_so(tmp_path: Path) -> None:
    """ImageNet's default says nothing of other channels; any other is refused before anything runs."""
    usual = Preprocess()
    assert fitted(usual, 3) is usual
    assert fitted(Preprocess(64, 48, interpolation="bicubic"), 2) == Preprocess(64, 48, (0, 0), (1, 1), "bicubic")
    keys: dict[str, Any] = {"layers": ["features"], "methods": ["gradcam"], "metrics": ["deletion@idl-20"]}
    bare = bb.Study(models={"net": seeded(lambda: Channels(4))}, datasets={"d": values(4)}, **keys).run(
        tmp_path / "bare", report=False
    )
    messages = bare.record.info["warnings"]
    assert len(messages) == 1
    assert (
        "net has no Preprocess for images of 4 channels: metrics take their values as pixels in [0, 1]" in messages[0]
    )
    model = bb.ModelSpec("net", seeded(lambda: Channels(4)), Preprocess(48, 48, (0.0,) * 4, (1.0,) * 4))
    declared = bb.Study(models={"net": model}, datasets={"d": values(4)}, **keys).run(tmp_path / "told", report=False)
    assert declared.record.info["warnings"] == []
    np.testing.assert_array_equal(bare.table["value"], declared.table["value"])
    for channels in (1, 3):
        study = bb.Study(models={"net": spec(seeded(lambda: Channels(4)), channels)}, datasets={"d": values(4)}, **keys)
        with pytest.raises(BenchError, match=f"net: the images have 4 channels, and .* a mean for {channels}"):
            study.run(tmp_path / "refused", report=False)


def test_a_network_of_other_channels_says_what_is_wrong(tmp_path: Path) -> None:
    """Photographs for a network of four channels, and colour for one of grey."""
    photos = [Image.new("RGB", (60, 60), (i, 2 * i, 3)) for i in range(3)]
    for network, message in ((Channels(4), "expected input"), (Channels(1), "with one mean in grey")):
        study = bb.Study(models={"n": network}, datasets={"d": photos}, methods=["gradcam"], metrics=["deletion"])
        with pytest.raises(BenchError, match=message):
            study.run(tmp_path, report=False)
    with pytest.raises(BenchError, match=r"fails on an image \(1, 3, 48, 48\): RuntimeError"):
        bb.explain(Channels(1), values(3))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"mean": (0.5,), "std": (0.5, 0.5)}, "mean has 1 numbers and std 2"),
        ({"mean": (), "std": ()}, "mean is ()"),
        ({"mean": 0.5, "std": 0.5}, r"mean is 0.5. Give one number per channel: mean=\(0.5,\)"),
        ({"mean": (0.5,), "std": (0.0,)}, "Give positive numbers"),
        ({"mean": (0.5,), "std": (float("nan"),)}, "std is"),
    ],
)
def test_a_preprocess_that_is_none(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        Preprocess(**keys)


def test_pictures_of_any_channels() -> None:
    """One is grey, two the grey of their mean, of more the first three are red, green and blue."""
    for channels, expected in ((1, [10, 10, 10]), (2, [20, 20, 20]), (3, [10, 30, 50]), (4, [10, 30, 50])):
        levels = torch.tensor([10.0, 30.0, 50.0, 70.0])[:channels, None, None].expand(channels, 5, 4) / 255
        assert (colours(levels)[:, 0, 0] * 255).round().int().tolist() == expected
        preprocess = Preprocess(8, 8, (0.2,) * channels, (0.4,) * channels)
        shown = denormalise((levels - 0.2) / 0.4, preprocess)
        assert shown.shape == (5, 4, 3)
        assert shown[0, 0].tolist() == expected
        saliency = torch.linspace(0, 1, 20).view(5, 4)
        for picture in (
            bb.overlay(levels, saliency),
            bb.overlay((levels - 0.2) / 0.4, saliency, preprocess=preprocess),
        ):
            assert picture.rows[0][0].size == (4, 5)
            assert picture.rows[0][0].getpixel((0, 0)) == tuple(expected)
    with pytest.raises(BenchError, match="the image has 4 channels, and preprocess has a mean for 3"):
        bb.overlay(torch.zeros(4, 5, 4), saliency, preprocess=Preprocess())
