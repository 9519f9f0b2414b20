"""Cut-outs: where the object is, that nothing bleeds, what the seed decides; on a made-up folder and on Debian's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.models import ResNet18_Weights

from benchbench.datasets.builtin.backgrounds import gradient, plain, texture
from benchbench.datasets.builtin.cutouts import CANVAS, RECIPE, ROOT, Cutouts, compose
from benchbench.datasets.builtin.stamps import STAMPS
from benchbench.errors import BenchError
from benchbench.models.preprocess import prepare
from benchbench.registry import DATASETS
from benchbench.types import Preprocess

TIGER, LEMON = "animals/mammals/cats/tiger.png", "food/fruit/lemon.png"
RED = (255, 0, 0)


def disc(size: int = 120, hidden: tuple[int, int, int] = (0, 255, 0)) -> Image.Image:
    """A red disc with a soft edge; what its alpha hides is of another colour."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    alpha = np.clip((size / 2 - 2 - np.hypot(x, y)) * 128 + 128, 0, 255).astype(np.uint8)
    pixels = np.where((alpha > 0)[:, :, None], RED, hidden).astype(np.uint8)
    return Image.fromarray(np.dstack([pixels, alpha]))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, image in ((TIGER, disc()), (LEMON, disc(95)), ("animals/unknown.png", disc())):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / name)
    return tmp_path


def cutouts(**params: object) -> Cutouts:
    plugin = DATASETS["cutouts"]
    dataset = plugin.function(**plugin.bind(params))
    assert isinstance(dataset, Cutouts)
    return dataset


def test_the_stamps_of_the_table_on_every_background(root: Path) -> None:
    dataset = cutouts(root=root)
    stems = [name.removesuffix(".png") for name in (TIGER, LEMON)]
    assert list(dataset.ids) == [f"{stem}/{kind}" for stem in stems for kind in ("plain", "gradient", "texture")]
    assert [dataset[i].label for i in range(6)] == [292] * 3 + [951] * 3
    assert [cutout.background for cutout in cutouts(root=root, background="texture").cutouts] == ["texture"] * 2


@settings(max_examples=25, deadline=None)
@given(seed=st.text(max_size=8), size=st.tuples(st.integers(12, 500), st.integers(12, 500)))
def test_the_object_survives_the_centre_crop_whole(seed: str, size: tuple[int, int]) -> None:
    """A full rectangle with a clear border: its mask must be one rectangle, inside what the crop keeps."""
    stamp = Image.new("RGBA", (size[0] + 6, size[1] + 6))
    stamp.paste((*RED, 255), (3, 3, size[0] + 3, size[1] + 3))
    image, mask = compose(stamp, "plain", seed)
    assert image.size == (CANVAS, CANVAS)
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    assert int(mask.sum()) == height * width
    assert abs(width / height / (size[0] / size[1]) - 1) < 0.5 / min(height, width) + 0.02 + 1 / min(height, width)
    assert max(width, height) <= 224
    assert max(width, height) <= 2 * max(size) + 1
    _, framed = prepare(image, mask, Preprocess())
    assert framed is not None
    assert not framed[[0, -1]].any()
    assert not framed[:, [0, -1]].any()
    share = float(framed.float().mean()) * (224 / 256 * CANVAS) ** 2
    assert share == pytest.approx(height * width, rel=2.5 / min(height, width))


def test_the_mask_is_the_object_and_hidden_colour_does_not_bleed() -> None:
    """A red disc whose hidden pixels are green: on any background the mask is red, and nothing turns green."""
    for kind in ("plain", "gradient", "texture"):
        image, mask = compose(disc(hidden=(0, 255, 0)), kind, "s")
        other, same = compose(disc(hidden=(0, 0, 255)), kind, "s")
        assert image.tobytes() == other.tobytes()
        assert torch.equal(mask, same)
        pixels = torch.from_numpy(np.array(image)).int()
        sure = torch.nn.functional.max_pool2d((~mask).float()[None], 5, 1, 2)[0] == 0
        assert int((pixels[sure] - torch.tensor(RED)).abs().max()) <= 3  # bicubic alpha overshoots by as much
        disc_area = torch.pi * (mask.any(0).sum() / 2) ** 2
        assert float(mask.sum() / disc_area) == pytest.approx(1, abs=0.03)


def test_outside_the_object_the_background_is_untouched() -> None:
    image, mask = compose(disc(), "plain", "s")
    away = torch.nn.functional.max_pool2d(mask.float()[None], 7, 1, 3)[0] == 0
    outside = np.array(image)[away.numpy()]
    assert len(np.unique(outside, axis=0)) == 1


PICTURES = {  # of recipe 1: the mean colour of each quarter, and the pixels of the object
    "plain": ([171, 91, 2, 174, 88, 2, 187, 74, 1, 191, 69, 1], 31277),
    "gradient": ([175, 98, 47, 188, 105, 131, 182, 86, 31, 196, 91, 109], 28253),
    "texture": ([178, 111, 110, 185, 100, 99, 178, 103, 79, 188, 94, 88], 24024),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_change_with_the_recipe_alone(kind: str) -> None:
    """Who changes the pictures raises RECIPE, which fingerprints hold, and writes the new colours here."""
    image, mask = compose(disc(), kind, "0/picture")
    quarters = np.asarray(image, dtype=float).reshape(2, 160, 2, 160, 3).mean((1, 3)).reshape(-1)
    colours, pixels = PICTURES[kind]
    assert RECIPE == "1"
    assert quarters == pytest.approx(colours, abs=0.75)
    assert int(mask.sum()) == pytest.approx(pixels, abs=20)


@pytest.mark.parametrize("paint", [plain, gradient, texture])
def test_backgrounds_are_colours_and_seeded(paint: object) -> None:
    assert callable(paint)
    first, again, other = (paint(64, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (3, 64, 64)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1


def test_backgrounds_are_what_their_names_say() -> None:
    def painted(paint: object) -> torch.Tensor:
        return paint(64, torch.Generator().manual_seed(5))  # type: ignore[operator, no-any-return]

    assert float(painted(plain).std(dim=(1, 2)).max()) < 1e-6
    ramp = painted(gradient)
    assert float(ramp.std(dim=(1, 2)).max()) > 0.01
    second = ramp[:, 2:, :] - 2 * ramp[:, 1:-1, :] + ramp[:, :-2, :]
    assert float(second.abs().max()) < 1e-5, "a gradient is linear"
    rough = painted(texture)
    assert float((rough[:, 1:] - rough[:, :-1]).abs().mean()) > 2 * float((ramp[:, 1:] - ramp[:, :-1]).abs().mean())


def test_the_seed_decides(root: Path) -> None:
    first, again, other = (cutouts(root=root, seed=seed) for seed in (0, 0, 1))
    for i in range(6):
        image, same, another = (dataset[i].image for dataset in (first, again, other))
        assert image.tobytes() == same.tobytes()  # type: ignore[union-attr]
        assert image.tobytes() != another.tobytes()  # type: ignore[union-attr]
        assert first.fingerprint(i) == again.fingerprint(i) != other.fingerprint(i)
    assert len({first.fingerprint(i) for i in range(6)}) == 6


def test_the_fingerprint_follows_the_stamp(root: Path) -> None:
    dataset = cutouts(root=root)
    before = [dataset.fingerprint(i) for i in range(6)]
    disc(80).save(root / TIGER)
    changed = [dataset.fingerprint(i) != old for i, old in enumerate(before)]
    assert changed == [True] * 3 + [False] * 3
    (root / TIGER).unlink()
    with pytest.raises(BenchError, match=r"tiger\.png: the stamp cannot be read"):
        dataset.fingerprint(0)


def test_a_count_is_a_seeded_choice(root: Path) -> None:
    everything = list(cutouts(root=root).ids)
    chosen = {seed: list(cutouts(root=root, count=3, seed=seed).ids) for seed in range(6)}
    assert all(ids == [id for id in everything if id in ids] and len(ids) == 3 for ids in chosen.values())
    assert len({tuple(ids) for ids in chosen.values()}) > 1
    assert list(cutouts(root=root, count=3, seed=4).ids) == chosen[4]


@pytest.mark.parametrize("count", [0, 7])
def test_a_count_that_cannot_be_met(root: Path, count: int) -> None:
    with pytest.raises(BenchError, match=rf"cutouts: count is {count}\. Give 1 to 6"):
        cutouts(root=root, count=count)


def test_without_stamps_the_way_out_is_told(tmp_path: Path) -> None:
    for place in (tmp_path / "gone", tmp_path):
        with pytest.raises(BenchError, match=r"^cutouts: .*apt-get install tuxpaint-stamps-default; or give root"):
            cutouts(root=place)


def test_another_background_is_refused() -> None:
    with pytest.raises(BenchError, match=r"background: .*'plain', 'gradient', 'texture' or 'all'"):
        cutouts(background="beach")


def test_a_stamp_without_an_object_fails_alone(root: Path) -> None:
    disc().convert("RGB").save(root / TIGER)
    (root / LEMON).write_bytes(b"")
    dataset = cutouts(root=root, background="plain")
    with pytest.raises(BenchError, match="the stamp has no object: its alpha is the same everywhere"):
        dataset[0]
    with pytest.raises(BenchError, match=r"lemon\.png: the file is empty"):
        dataset[1]


def test_the_table_means_what_imagenet_calls_so() -> None:
    """The class's name is in the stamp's name, or is the one written down here."""
    class_names = {
        **{f"animals/birds/{k}": v for k, v in {"duck": "drake", "gander": "goose", "penguin": "king penguin"}.items()},
        **{f"animals/birds/{k}": v for k, v in {"crowned_crane": "crane bird", "rooster": "cock"}.items()},
        **{f"animals/birds/{k}": v for k, v in {"tucan": "toucan", "pink_flamingo": "flamingo"}.items()},
        **{f"animals/mammals/{k}": "hog" for k in ("pig", "pig_golden", "pig_golden2")},
        **{f"plants/mushrooms/{k}": "bolete" for k in ("cep", "cep-1", "cep-2")},
        **{f"military/vehicles/{k}": "tank" for k in ("bradley", "ww2_german_gun")},
        **{f"household/{k}": "ashcan" for k in ("garbagecan", "wheelie_bin")},
        "animals/fish/lobster": "spiny lobster",
        "animals/insects/Woodlouse": "isopod",
        "animals/lizards/iguana": "common iguana",
        "animals/mammals/apes/chimp": "chimpanzee",
        "animals/mammals/aquatic/orca": "killer whale",
        "animals/mammals/bears/european-bear": "brown bear",
        "animals/mammals/bears/toys/edward_bear": "teddy",
        "food/fruit/cherimoya": "custard apple",
        "hobbies/camera_35mm": "reflex camera",
        "hobbies/music/brass/trumpet": "cornet",
        "hobbies/music/string/guitar2": "electric guitar",
        "hobbies/music/string/guitar_classical": "acoustic guitar",
        "hobbies/music/string/guitar_electric": "electric guitar",
        "household/dishes/mug": "coffee mug",
        "medical/bandage_adhesive": "Band Aid",
        "military/paratrooper": "parachute",
        "military/vehicles/f22_raptor": "warplane",
        "sports/soccer": "soccer ball",
        "vehicles/auto/truck": "pickup",
        "vehicles/emergency/firetruck": "fire engine",
        "vehicles/flight/planes/747": "airliner",
        "vehicles/race/indycar": "racer",
    }
    names = ResNet18_Weights.DEFAULT.meta["categories"]
    for stamp, label in STAMPS.items():
        stem = stamp.removesuffix(".png")
        words = stem.split("/")[-1].lower().replace("_", " ").replace("-", " ")
        expected = class_names.get(stem)
        if expected is None:
            assert names[label].replace(" ", "").lower() in words.replace(" ", ""), (stamp, names[label])
        else:
            assert names[label] == expected, stamp


@pytest.fixture(scope="module")
def installed() -> Cutouts:
    if not ROOT.is_dir() and os.environ.get("BENCHBENCH_REQUIRE_SYSTEM") != "1":
        pytest.skip("Debian's tuxpaint-stamps-default is not installed; BENCHBENCH_REQUIRE_SYSTEM=1 makes this fail")
    return cutouts(background="plain")


def test_every_stamp_of_the_table_is_installed_and_composes(installed: Cutouts) -> None:
    assert {cutout.stamp for cutout in installed.cutouts} == set(STAMPS)
    for i in range(len(installed.ids)):
        sample = installed[i]
        assert sample.mask is not None
        assert 0.01 < float(sample.mask.float().mean()) < 0.5, sample.id


def test_no_stamp_is_in_the_table_twice(installed: Cutouts) -> None:
    content = [(ROOT / name).read_bytes() for name in STAMPS]
    assert len(set(content)) == len(STAMPS)
