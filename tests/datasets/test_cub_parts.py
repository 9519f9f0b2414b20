"""The parts of CUB as truth: which pixels they are, in the photograph and as the network sees it; PCK by them."""

from __future__ import annotations

from math import dist
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from benchbench.datasets.archives.cub_parts import Discs
from benchbench.datasets.sources.frame import Frame
from benchbench.errors import BenchError
from benchbench.models.preprocess import placed, prepare
from benchbench.registry import DATASETS
from benchbench.types import Preprocess

from ..metrics import planted_maps
from . import layouts
from .test_archives import boxes, dataset_called

WIDTH, HEIGHT = layouts.SIZE
VISIBLE = {1: {"beak": (4.0, 5.0), "left eye": (8.5, 4.25), "tail": (22.0, 14.0)}, 2: {"tail": (12.0, 8.0)}}
Point = tuple[float, float]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images, both tested by ``split: all``: boxes of 6 x 4 and 24 x 16."""
    layouts.cub(tmp_path)
    layouts.cub_parts(tmp_path, VISIBLE)
    return tmp_path


def near(points: list[Point], radius: float, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Tensor:
    """(H, W), pixel by pixel."""
    rows = [[any(dist((x, y), point) <= radius for point in points) for x in range(size[1])] for y in range(size[0])]
    return torch.tensor(rows)


def on_the_edge(pixel: tuple[float, float], point: Point, radius: float) -> bool:
    """Whether rounding decides if the pixel is on the disc."""
    return abs(dist(pixel, point) - radius) < 1e-9


def test_wanted_parts_are_the_truth_where_they_are_visible(root: Path) -> None:
    data = dataset_called("cub200", root=root, split="all", parts=["left eye", "beak"], part_radius=0.5)
    first, second = data[0], data[1]
    assert first.mask is not None
    assert torch.equal(first.mask, near([(4.0, 5.0), (8.5, 4.25)], 3.0)), "0.5 x the longer side of 6 x 4"
    assert (second.mask, boxes(first), boxes(second)) == (None, None, None), "the bird's box is no truth of its parts"
    assert data.masked
    assert not data.boxed
    assert data.about["masks"] == "1 of 2 photographs; the others show no such part"
    assert data.about["truth"].startswith("left eye and beak: discs")


def test_all_parts_have_the_radius_of_pck(root: Path) -> None:
    data = dataset_called("cub200", root=root, split="all", parts="all")
    first, second = data[0].mask, data[1].mask
    assert first is not None
    assert second is not None
    assert first.nonzero().tolist() == [[4, 8], [4, 9], [5, 4], [14, 22]], "0.1 x 6 pixels around each"
    assert torch.equal(second, near([(12.0, 8.0)], 2.4))
    assert int(second.sum()) == 21


@pytest.mark.parametrize("text", ["beak, left eye", "left eye,beak,beak", ["beak", "left eye"]])
def test_names_come_as_a_list_or_as_the_command_line_writes_them(text: str | list[str], root: Path) -> None:
    assert int(data_mask(root, text).sum()) == 3


def data_mask(root: Path, parts: str | list[str]) -> Tensor:
    mask = dataset_called("cub200", root=root, parts=parts)[0].mask
    assert mask is not None
    return mask


def test_parts_and_radius_are_in_the_fingerprint_and_the_name(root: Path) -> None:
    choices: list[dict[str, Any]] = [{}, {"parts": "all"}, {"parts": "beak"}, {"parts": "beak", "part_radius": 0.2}]
    sets = [dataset_called("cub200", root=root, split="all", **choice) for choice in choices]
    assert len({data.fingerprint(0) for data in sets}) == 4
    assert len({data.fingerprint(1) for data in sets}) == 3, "the beak is not visible there, whatever its radius"
    plugin = DATASETS["cub200"]
    bound = [plugin.bind({"root": root, **choice}) for choice in choices]
    assert len({plugin.label(params) for params in bound}) == 4
    assert [plugin.display_name(params) for params in bound][1:3] == [
        "CUB-200-2011 (parts=all)",
        "CUB-200-2011 (parts=beak)",
    ]
    assert plugin.display_name(plugin.bind({"root": root, "parts": ["beak", "left eye"]})) == (
        "CUB-200-2011 (parts=beak and left eye)"
    )


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-3, 40), st.floats(-3, 30)), min_size=1, max_size=3),
    radius=st.floats(0.3, 12),
    size=st.tuples(st.integers(8, 40), st.integers(8, 30)),
    preprocess=st.sampled_from([Preprocess(16, 12), Preprocess(40, 31), Preprocess(None, 20)]),
)
def test_discs_are_resized_and_cropped_with_the_photograph(
    points: list[Point], radius: float, size: tuple[int, int], preprocess: Preprocess
) -> None:
    """A pixel of the network's input is on the part if the photograph's pixel under its centre is."""
    width, height = size
    assume(not any(on_the_edge((x, y), p, radius) for p in points for x in range(width) for y in range(height)))
    mask = Discs("", tuple(points), radius).read(Frame(height, width))
    assert torch.equal(mask, near(points, radius, (height, width)))
    _, seen = prepare(Image.new("RGB", size), mask, preprocess)
    assert seen is not None
    (across, down), (left, top) = placed(size, preprocess)
    columns, sure_columns = sources(preprocess.crop, left, width / across)
    rows, sure_rows = sources(preprocess.crop, top, height / down)
    sure = sure_rows[:, None] & sure_columns
    assert torch.equal(seen & sure, mask[rows][:, columns] & sure)


def sources(crop: int, start: int, scale: float) -> tuple[Tensor, Tensor]:
    """Per pixel of the crop the photograph's pixel under its centre, and whether the centre is not between two."""
    centres = (torch.arange(crop, dtype=torch.float64) + start + 0.5) * scale
    return centres.floor().long(), (centres - centres.round()).abs() > 1e-6


@settings(max_examples=40, deadline=None)
@given(
    peak=st.tuples(st.integers(0, 27), st.integers(0, 19)),
    part=st.tuples(st.floats(0, 27), st.floats(0, 19)),
    box=st.tuples(st.floats(20, 60), st.floats(20, 60)),
)
def test_the_exact_pointing_game_is_pck(peak: tuple[int, int], part: Point, box: tuple[float, float]) -> None:
    """The percentage of correct keypoints at 0.1: the peak is within 0.1 max(w, h) of the point."""
    assume(not on_the_edge(peak, part, 0.1 * max(box)))
    height = torch.zeros(1, 20, 28)
    height[0, peak[1], peak[0]] = 1
    mask = Discs("", (part,), 0.1 * max(box)).read(Frame(20, 28))[None]
    assert planted_maps.values("pointing_game@exact", height, mask) == [float(dist(peak, part) <= 0.1 * max(box))]


def test_an_image_without_a_visible_part_is_not_applicable() -> None:
    maps = planted_maps.random_maps(2)
    for metric in ("pointing_game@exact", "energy_pointing_game", "max_box_acc"):
        assert all("no mask" in reason for reason in planted_maps.why(metric, maps, None))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"parts": "beek"}, "parts: unknown part 'beek'. Did you mean 'beak'"),
        ({"parts": 3}, "parts: .*all, or a list of names"),
        ({"part_radius": 0.2}, "part_radius: there are no parts"),
        ({"parts": "all", "part_radius": 0}, "part_radius: .*greater than 0"),
    ],
)
def test_what_is_no_part_is_said(params: dict[str, object], words: str, root: Path) -> None:
    with pytest.raises(BenchError, match=words):
        dataset_called("cub200", root=root, **params)


@pytest.mark.parametrize("name", ["parts", "parts/parts.txt", "parts/part_locs.txt"])
def test_a_missing_folder_of_parts_says_what_to_download(name: str, root: Path) -> None:
    (root / "CUB_200_2011" / name).rename(root / "away")
    with pytest.raises(BenchError) as caught:
        dataset_called("cub200", root=root, parts="all")
    words = str(caught.value)
    assert words.startswith("parts: ")
    assert all(part in words for part in ("is not there", "CUB_200_2011.tgz", "https://", "parts/part_locs.txt"))
    assert "\n" not in words
    assert dataset_called("cub200", root=root).boxed, "without parts they are not read"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1 2 4.0 5.0 1\n", "", "image 1 has no line for the part 'beak'"),
        ("1 2 4.0 5.0 1", "1 2 4.0 5.0 2", "cannot read the line '1 2 4.0 5.0 2'"),
        ("1 2 4.0 5.0 1", "1 2 4.0", "cannot read the line '1 2 4.0'"),
    ],
)
def test_a_broken_line_is_named(old: str, new: str, words: str, root: Path) -> None:
    file = root / "CUB_200_2011/parts/part_locs.txt"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(BenchError, match=words):
        dataset_called("cub200", root=root, parts="beak")
