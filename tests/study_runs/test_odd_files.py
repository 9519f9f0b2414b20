"""A folder of corrupt and odd files, through a whole run: decoded properly, or rows that say why not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import v2 as transforms

from benchbench.engine.runner import run
from benchbench.models.preprocess import denormalise, prepare
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec, Preprocess

from ..networks import Pooled, seeded

SMALL = Preprocess(resize=40, crop=32)


def gradient(width: int, height: int) -> np.ndarray:
    """Dark at the left, bright at the right, the same in every row."""
    return np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8), (height, width)).copy()


def write(root: Path) -> None:
    grey = gradient(60, 50)
    colour = np.stack([grey, grey[:, ::-1], np.full_like(grey, 40)], -1)
    image = Image.fromarray(colour)
    image.save(root / "plain.png")
    image.save(root / "photo.jpg", quality=95)
    image.convert("CMYK").save(root / "cmyk.jpg", quality=95)
    image.quantize(64).save(root / "palette.png")
    image.convert("L").save(root / "grey.png")
    image.convert("1").save(root / "one-bit.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(root / "sixteen-bit.png")
    Image.fromarray(np.dstack([colour, np.full_like(grey, 255)])).save(root / "opaque-rgba.png")
    Image.fromarray(np.dstack([colour, np.zeros_like(grey)])).save(root / "invisible-rgba.png")
    Image.fromarray(np.array([[[200, 10, 10]]], np.uint8)).save(root / "one-pixel.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated
    image.save(root / "turned.jpg", exif=exif, quality=95)
    whole = (root / "photo.jpg").read_bytes()
    (root / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.jpg").write_text("this is not a photograph")
    (root / "notes.txt").write_text("ignored")


READABLE = {
    *("plain.png", "photo.jpg", "cmyk.jpg", "palette.png", "grey.png", "one-bit.png", "sixteen-bit.png"),
    *("opaque-rgba.png", "invisible-rgba.png", "one-pixel.png", "turned.jpg"),
}
BROKEN = {"truncated.jpg": "cannot be decoded", "empty.jpg": "0 bytes", "text.jpg": "not an image"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    root, out = tmp_path_factory.mktemp("odd"), tmp_path_factory.mktemp("run")
    write(root)
    spec = ModelSpec("net", seeded(Pooled), SMALL)
    study = StudySpec(
        models={"net": spec},
        datasets=[{"name": "folder", "root": str(root)}],
        layers=["relu"],
        methods=["gradcam", "center"],
        metrics=["deletion"],
    )
    run(study, out)
    return Record.load(out)


def test_every_file_has_its_rows(record: Record) -> None:
    status = record.results.groupby("sample")["status"].unique()
    assert {sample for sample, statuses in status.items() if list(statuses) == ["ok"]} == READABLE
    assert {sample for sample, statuses in status.items() if list(statuses) == ["failed"]} == set(BROKEN)
    assert len(record.results) == 2 * (len(READABLE) + len(BROKEN))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_says_why(record: Record, name: str) -> None:
    reasons = record.results[record.results["sample"] == name]["reason"].unique()
    assert len(reasons) == 1
    assert name in reasons[0]
    assert BROKEN[name] in reasons[0]


def shown(record: Record, name: str) -> np.ndarray:
    """The thumbnail, which is what the network saw."""
    file = record.photos[record.photos["sample"] == name]["file"].iloc[0]
    return np.asarray(Image.open(io.BytesIO(record.photo(file)))).astype(float)


@pytest.mark.parametrize("name", ["photo.jpg", "cmyk.jpg", "palette.png", "opaque-rgba.png"])
def test_the_same_picture_in_another_form_is_the_same_picture(record: Record, name: str) -> None:
    assert np.abs(shown(record, name) - shown(record, "plain.png")).mean() < 6


def test_sixteen_bits_are_scaled_and_not_clipped(record: Record) -> None:
    columns = shown(record, "sixteen-bit.png").mean((0, 2))
    assert columns[0] < 90
    assert columns[-1] > 160
    assert 100 < columns[16] < 155, "clipped at 255 of 65535 it would be white"


def test_a_turned_photograph_is_turned_back(record: Record) -> None:
    rows = shown(record, "turned.jpg")[:, :, 0].mean(1)
    columns = shown(record, "turned.jpg")[:, :, 0].mean(0)
    assert np.ptp(rows) > 100
    assert np.ptp(columns) < 20


def test_transparency_is_white(record: Record) -> None:
    assert shown(record, "invisible-rgba.png").min() > 245


@pytest.mark.parametrize("size", [(640, 480), (300, 500), (256, 256), (200, 180), (1, 1), (257, 1024)])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_preparing_equals_torchvision(size: tuple[int, int], mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    chosen = Preprocess(256, 224, interpolation=mode)  # type: ignore[arg-type]
    pipeline = transforms.Compose(
        [
            transforms.Resize(256, interpolation=InterpolationMode(mode)),
            transforms.CenterCrop(224),
            transforms.PILToTensor(),
            transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize(chosen.mean, chosen.std),
        ]
    )
    prepared, _ = prepare(image, None, chosen)
    torch.testing.assert_close(prepared, pipeline(image), atol=1e-6, rtol=0)
    back = denormalise(prepared, chosen)
    assert back.dtype == torch.uint8


def test_a_mask_is_framed_like_its_photograph() -> None:
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[30:60, 40:100] = 255
    mask = torch.from_numpy(pixels[:, :, 0] > 0)
    image, framed = prepare(Image.fromarray(pixels), mask, SMALL)
    assert framed is not None
    bright = denormalise(image, SMALL)[:, :, 0] > 127
    assert float((bright != framed).float().mean()) < 0.03


def test_an_endless_strip_does_not_blow_up() -> None:
    strip = Image.fromarray(np.zeros((1, 5000, 3), np.uint8))
    assert prepare(strip, None, Preprocess())[0].shape == (3, 224, 224)
