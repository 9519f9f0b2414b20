"""Overlays: the colours are those of the map, mistakes are one line, and the command writes what it says."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import benchbench as bb
from benchbench.maps.normalise import saliency
from benchbench.viz.overlay import laid

from ..cli.commands import benchbench
from ..networks import Pooled, seeded

NET = (
    "import torch\nfrom torch import nn\nfrom benchbench import ModelSpec, Preprocess\n"
    "def small():\n"
    "    torch.manual_seed(0)\n"
    "    network = nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
    "                            nn.Linear(5, 3))\n"
    "    return ModelSpec('small', network, Preprocess(64, 56), classes=('cat', 'dog', 'cow'), warning='random')\n"
)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))


def test_half_the_picture_and_half_the_colour_of_the_map(photo: Image.Image) -> None:
    raw = torch.rand(5, 7, generator=torch.Generator().manual_seed(0))
    pixels = np.asarray(laid(photo, raw, 0.5), dtype=np.float64)
    colours = mpl.colormaps["inferno"](saliency(raw[None], (40, 60))[0].numpy())[..., :3] * 255
    assert np.abs(pixels - (np.asarray(photo) / 2 + colours / 2)).max() <= 0.5 + 1e-9
    assert np.array_equal(np.asarray(laid(photo, raw, 0.0)), np.asarray(photo))


def test_explained_maps_and_normalised_images(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    maps = bb.explain(network, images[:1], method="gradcam", layer="conv")
    assert type(maps) is Tensor
    shown = bb.overlay(images[:1], [maps, maps[0], maps[0, 0]], preprocess=bb.Preprocess(64, 64))
    panel, *rest = shown.rows[0]
    assert panel.size == (64, 64)
    assert all(np.array_equal(np.asarray(each), np.asarray(rest[0])) for each in rest)
    with Image.open(io.BytesIO(shown._repr_png_())) as png:
        assert png.format == "PNG"
    for suffix in ("png", "jpg", "webp", "pdf"):
        assert shown.save(tmp_path / f"x.{suffix}").stat().st_size > 1000


@pytest.mark.parametrize(
    ("image", "maps", "words", "message"),
    [
        (torch.randn(3, 8, 8), torch.rand(2, 2), {}, r"not in \[0, 1\]. Give preprocess="),
        (torch.rand(8, 8), torch.rand(2, 2), {}, r"the image's shape is \(8, 8\)"),
        ("x.jpg", torch.rand(2, 2), {}, "the image is str"),
        (torch.rand(3, 8, 8), torch.rand(2, 1, 2, 2), {}, r"the map's shape is \(2, 1, 2, 2\)"),
        (torch.rand(3, 8, 8), torch.rand(4), {}, r"the map's shape is \(4,\)"),
        (torch.rand(3, 8, 8), torch.rand(2, 2), {"strength": 2}, "strength is 2"),
    ],
)
def test_mistakes(image: object, maps: Tensor, words: dict[str, float], message: str) -> None:
    with pytest.raises(bb.BenchError, match=message):
        bb.overlay(image, maps, **words)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, photo: Image.Image) -> Path:
    """A folder of all commands, as a network's file is imported once."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "net.py").write_text(NET)
    photo.save(folder / "a.png")
    photo.rotate(90).save(folder / "b.jpg")
    (folder / "c.txt").write_text("no picture")
    return folder


def test_the_command(place: Path) -> None:
    words = ["--model", "net.py:small", "--method", "gradcam,layercam", "--layer", "1", "--out", "seen.png"]
    done = benchbench("explain", "a.png", "b.jpg", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    first, second, path = done.stdout.splitlines()
    assert path == "seen.png"
    network = torch.nn.Sequential()
    namespace: dict[str, object] = {}
    exec(NET, namespace)
    spec = namespace["small"]()  # type: ignore[operator]
    network = spec.network.eval()
    from benchbench.models.preprocess import prepare

    for line, name in ((first, "a.png"), (second, "b.jpg")):
        with Image.open(place / name) as opened:
            image, _ = prepare(opened.convert("RGB"), None, spec.preprocess)
        p = network(image[None]).softmax(1)[0].detach()
        assert line == f"{name}: {spec.classes[int(p.argmax())]}, probability {float(p.max()):.3f}"
    assert "WARNING: random" in done.stderr
    with Image.open(place / "seen.png") as png:
        assert png.width > 700
        assert png.height > 500


def test_the_target_of_the_command(place: Path) -> None:
    base = ["explain", "a.png", "--model", "net.py:small", "--layer", "1"]
    assert benchbench(*base, "--target", "2", cwd=place).stdout.startswith("a.png: cow, probability")
    assert benchbench(*base, "--target", "0-2", cwd=place).stdout.startswith("a.png: cat rather than cow\n")
    top, second = (benchbench(*base, "--target", t, cwd=place).stdout.split()[1] for t in ("predicted", "top-2"))
    assert top != second


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.jpg"], "absent.jpg: there is no such file"),
        (["c.txt"], "c.txt: "),
        (["a.png", "--method", "gradcm"], "unknown method 'gradcm'. Did you mean 'gradcam'"),
        (["a.png", "--layer", "9"], "no layer '9'"),
        (["a.png", "--target", "7"], "class 7 is not one of the 3 classes"),
        (["a.png", "--target", "label"], "a photograph has no label"),
        (["a.png", "--out", "x.gif"], "cannot write '.gif'"),
        (["a.png", "--out", "no/x.png"], "no such folder"),
        (["a.png", "--model", "resnt18"], "unknown model 'resnt18'"),
    ],
)
def test_a_mistake_of_the_command_is_one_line(place: Path, words: list[str], message: str) -> None:
    model = [] if "--model" in words else ["--model", "net.py:small"]
    done = benchbench("explain", *words, *model, cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
