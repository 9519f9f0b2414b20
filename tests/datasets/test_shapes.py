"""Shapes: the mask is where the warm objects are, the twin differs there alone, and the index decides the scene."""

from __future__ import annotations

import colorsys
import random

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchbench.datasets.builtin.shapes import RECIPE, Shapes
from benchbench.datasets.builtin.shapes_paint import paint
from benchbench.datasets.builtin.shapes_plan import RADII, Figure, Scene
from benchbench.errors import BenchError
from benchbench.models.shape_classes import SHAPE_CLASSES, SHAPES, TEXTURES
from benchbench.registry import DATASETS


def shapes(**params: object) -> Shapes:
    plugin = DATASETS["shapes"]
    dataset = plugin.function(**plugin.bind(params))
    assert isinstance(dataset, Shapes)
    return dataset


def pixels(sample: object) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array(sample.image)  # type: ignore[attr-defined]


def warm(colour: tuple[int, int, int]) -> bool:
    """Red to yellow and saturated, told from the pixel alone."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*(value / 255 for value in colour))
    return (hue < 0.16 or hue > 0.93) and saturation > 0.7


@example(seed=2597, index=296)  # a background pixel, nearly black, whose hue is red
@example(seed=227, index=250)  # an object whose dark stripes have the least value allowed
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(-5, 10**6), index=st.integers(0, 999))
def test_the_mask_is_the_warm_objects_and_the_twin_differs_there_alone(seed: int, index: int) -> None:
    data = shapes(count=1000, seed=seed, clutter=0.0)
    sample, twin = data[index], data.twin(index)
    assert sample.mask is not None
    mask = sample.mask.numpy()
    shown = np.array([[warm(tuple(pixel)) for pixel in row] for row in pixels(sample).tolist()])
    assert shown[mask].all()
    lit = pixels(sample).max(2) > 77  # the background has dark pixels (down to black) of every hue
    assert not (shown & lit)[~mask].any()
    differs = (pixels(sample) != pixels(twin)).any(2)
    assert not differs[~mask].any()
    assert differs[mask].all(), "a background pixel as warm as the object: raise the difference of their colours"
    assert twin.label is None
    assert twin.mask is None
    assert twin.id == f"{sample.id}/without"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([32, 64, 100]))
def test_the_instances_share_no_pixel_and_make_the_mask(seed: int, size: int) -> None:
    data = shapes(seed=seed, size=size, occlusion=0.5)
    sample, instances = data[3], data.instances(3)
    assert sample.mask is not None
    assert sample.label is not None
    deciding = [instance for instance in instances if instance.decides]
    assert 1 <= len(deciding) <= 3
    assert len(instances) - len(deciding) <= 3
    assert {instance.label for instance in deciding} == {sample.label}
    assert sample.label not in {instance.label for instance in instances if not instance.decides}
    total = torch.stack([instance.mask for instance in instances]).sum(0)
    assert int(total.max()) == 1
    assert torch.equal(torch.stack([instance.mask for instance in deciding]).any(0), sample.mask)
    assert data.boxes(3) == tuple(instance.box for instance in deciding)
    masks = data.class_masks(3)
    assert torch.equal(masks[sample.label], sample.mask)
    assert set(masks) == {instance.label for instance in instances}
    for instance in instances:
        left, top, right, bottom = instance.box
        inside = torch.zeros_like(instance.mask)
        inside[top:bottom, left:right] = True
        assert not (instance.mask & ~inside).any()
        assert instance.mask[top, :].any()
        assert instance.mask[bottom - 1, :].any()
        assert instance.mask[:, left].any()
        assert instance.mask[:, right - 1].any()
        assert 0 <= instance.covered <= 0.5, "a bar covers at most half"


def test_bars_cover_some_objects_or_none() -> None:
    share = {
        occlusion: np.mean(
            [instance.covered > 0 for i in range(60) for instance in shapes(occlusion=occlusion).instances(i)]
        )
        for occlusion in (0.0, 0.3, 1.0)
    }
    assert share[0.0] == 0
    assert share[0.3] == pytest.approx(0.3, abs=0.1)
    assert share[1.0] > 0.95


def figure(label: int, **changes: object) -> Figure:
    """A red figure in the middle, two fifths of the picture's side across, not turned."""
    values: dict[str, object] = {"warm": True, "x": 0.5, "y": 0.5, "radius": 0.2, "size": "large", "turn": 0.0}
    values |= {"grain": 0.0, "phase": (0.0, 0.0), "light": (255, 0, 0), "dark": (90, 0, 0), "bar": None}
    return Figure(label=label, **(values | changes))  # type: ignore[arg-type]


AREAS = {"disc": np.pi * 0.88**2, "square": 1.4**2, "triangle": 3 * np.sqrt(3) / 4, "cross": 4 * 0.6 * 0.95 - 0.36}


@pytest.mark.parametrize("turn", [0.0, 0.4])
@pytest.mark.parametrize("label", range(12))
def test_a_shape_has_its_area_and_its_texture(label: int, turn: float) -> None:
    """In a picture of 500 x 500, against the areas of plane geometry, in squared radii."""
    painted_figure = figure(label, turn=turn, grain=turn)
    painted = paint(Scene(label, ((128, 128, 128),) * 36, (), (painted_figure,)), 500)
    inside = painted.owners == 0
    shape, texture = SHAPES[label // 3], TEXTURES[label % 3]
    assert SHAPE_CLASSES[label] == f"{texture} {shape}"
    assert inside.sum() / (0.2 * 500) ** 2 == pytest.approx(AREAS[shape], rel=0.01)
    dark = (painted.pixels[..., 0] == 90)[inside].mean()
    assert dark == 0 if texture == "plain" else dark == pytest.approx(0.5, abs=0.07)
    rows = [len(np.unique(np.diff(row.astype(int)).nonzero()[0])) for row in painted.pixels[225:275, 225:275, 0]]
    columns = [len(np.diff(column.astype(int)).nonzero()[0]) for column in painted.pixels[225:275, 225:275, 0].T]
    if turn == 0 and texture != "plain":  # 50 pixels hold two to three periods of 40 pixels, half dark each
        assert min(rows) >= 2
        assert (max(columns) == 0) == (texture == "striped")


def test_sizes_are_shares_of_the_side() -> None:
    """The same scene at another size: the same objects, with the same share of the picture."""
    small, large = shapes(size=64), shapes(size=256)
    for i in range(10):
        instance, other = small[i], large[i]
        assert (instance.id, instance.label) == (other.id, other.label)
        assert float(instance.mask.float().mean()) == pytest.approx(float(other.mask.float().mean()), rel=0.12)  # type: ignore[union-attr]
        assert small.fingerprint(i) != large.fingerprint(i)
    sizes = {instance.size for i in range(30) for instance in small.instances(i)}
    assert sizes == set(RADII)


def test_a_larger_count_continues_and_each_dozen_has_each_class() -> None:
    few, many = shapes(count=20), shapes(count=48)
    assert list(many.ids)[:20] == list(few.ids)
    assert [few.fingerprint(i) for i in range(20)] == [many.fingerprint(i) for i in range(20)]
    assert all((pixels(few[i]) == pixels(many[i])).all() for i in range(0, 20, 7))
    for start in range(0, 48, 12):
        assert sorted(many[i].label for i in range(start, start + 12)) == list(range(12))  # type: ignore[type-var]
    assert [many[i].label for i in range(12)] != [many[i].label for i in range(12, 24)]
    for i in (0, 5, 47):
        assert many.ids[i].partition("-")[2] == SHAPE_CLASSES[many[i].label].replace(" ", "-")  # type: ignore[index]
    with pytest.raises(IndexError):
        few[20]


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"split": "train"}, {"size": 65}, {"distractors": 1}, {"occlusion": 0.9}, {"clutter": 0.5}],
    ids=str,
)
def test_every_parameter_changes_pictures_and_fingerprints(change: dict[str, object]) -> None:
    usual, other = shapes(count=4), shapes(count=4, **change)
    assert any(pixels(usual[i]).tobytes() != pixels(other[i]).tobytes() for i in range(4))
    assert not {usual.fingerprint(i) for i in range(4)} & {other.fingerprint(i) for i in range(4)}


def test_no_other_random_numbers_are_read_or_moved() -> None:
    np.random.seed(1)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]
    first = pixels(shapes()[7])
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]  # type: ignore[index]
    torch.manual_seed(9)
    random.seed(9)
    assert (pixels(shapes()[7]) == first).all()


def test_without_distractors_and_clutter_there_are_none() -> None:
    data = shapes(distractors=0, clutter=0.0)
    assert all(instance.decides for i in range(20) for instance in data.instances(i))
    assert not any(data.scene(i).strokes for i in range(20))


def test_pictures_change_with_the_recipe_alone() -> None:
    """Who changes the pictures raises RECIPE, which fingerprints hold, trains the zoo again, and writes this anew."""
    data = shapes(count=12)
    drawn = [pixels(data[i]) for i in range(12)]
    assert RECIPE == "1"
    assert np.mean(drawn) == pytest.approx(MEAN, abs=0.01)
    shown = [int(data[i].mask.sum()) for i in range(12)]  # type: ignore[union-attr]
    assert shown == MASKS


MEAN = 112.592
MASKS = [676, 796, 98, 64, 534, 192, 386, 234, 279, 428, 425, 877]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"count": 0}, "count: .*greater than or equal to 1"),
        ({"size": 16}, "size: .*greater than or equal to 32"),
        ({"split": "val"}, "split: .*'train' or 'test'"),
        ({"occlusion": 1.5}, "occlusion: .*less than or equal to 1"),
        ({"distractors": 9}, "distractors: .*less than or equal to 6"),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(params: dict[str, object], error: str) -> None:
    with pytest.raises(BenchError, match=error):
        shapes(**params)


def test_a_sample_has_the_boxes_of_the_objects_that_decide() -> None:
    data = shapes(count=12, seed=4)
    for index in range(len(data.ids)):
        boxes = data[index].boxes
        assert boxes is not None
        assert [tuple(box) for box in boxes.int().tolist()] == list(data.boxes(index))
