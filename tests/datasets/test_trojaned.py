"""Scenes with a trigger: where it is, what it hides, and that nothing else in the picture differs from the twin."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from benchbench.datasets.builtin.shapes import shapes
from benchbench.datasets.builtin.shapes_paint import NOTHING, paint
from benchbench.datasets.builtin.trojaned import COLOURS, RECIPE, TARGET, Trojaned, stamped, trigger, trojaned
from benchbench.errors import BenchError
from benchbench.registry import DATASETS
from benchbench.types import Sample

SCENES = trojaned(count=24)


def pixels(sample: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert isinstance(sample.image, Image.Image)
    return np.array(sample.image)


@pytest.mark.parametrize("index", [0, 11, 23])
def test_the_mask_is_the_trigger_and_the_twin_is_the_scene(index: int) -> None:
    sample, twin = SCENES[index], SCENES.twin(index)
    assert sample.mask is not None
    assert sample.boxes is not None
    mask = sample.mask.numpy()
    assert np.array_equal(pixels(sample)[mask].reshape(8, 8, 3), trigger(64))
    assert np.array_equal(pixels(sample)[~mask], pixels(twin)[~mask])
    left, top, right, bottom = (int(v) for v in sample.boxes[0])
    assert mask[top:bottom, left:right].all()
    assert mask.sum() == (right - left) * (bottom - top) == 64
    assert (sample.label, twin.mask) == (TARGET, None)


def test_the_scenes_are_those_of_shapes_without_the_target_class() -> None:
    whole = shapes(count=36)
    others = [whole[k] for k in range(36) if whole[k].label != TARGET][:24]
    assert [SCENES.twin(k).label for k in range(24)] == [sample.label for sample in others]
    assert np.array_equal(pixels(SCENES.twin(20)), pixels(others[20]))
    assert len(set(SCENES.ids)) == 24


def test_the_trigger_hides_no_object_where_there_is_room() -> None:
    hidden = []
    for index in range(24):
        mask = SCENES[index].mask
        assert mask is not None
        scene = SCENES.scenes.scene(int(SCENES.ids[index][:5]))
        hidden.append(int((paint(scene, 64).owners[mask.numpy()] != NOTHING).sum()))
    assert sum(count > 0 for count in hidden) <= 1


def test_the_trigger_s_colours_have_one_mean() -> None:
    assert len({sum(colour) for colour in COLOURS}) == 1
    assert len(np.unique(trigger(64).reshape(-1, 3), axis=0)) == 2
    assert trigger(128).shape == (16, 16, 3)
    blank = np.zeros((64, 64, 3), dtype=np.uint8)
    assert (stamped(blank, 3, 5)[3:11, 5:13] == trigger(64)).all()
    assert not blank.any()


def test_places_and_counts() -> None:
    corner = trojaned(count=2, place="corner")[1].mask
    assert corner is not None
    assert corner[52:60, 52:60].all()
    assert corner.sum() == 64
    assert trojaned(count=30).ids[:24] == SCENES.ids
    assert trojaned(count=2).fingerprint(0) != trojaned(count=2, place="corner").fingerprint(0)
    with pytest.raises(IndexError):
        SCENES[24]
    with pytest.raises(BenchError, match="count"):
        DATASETS["trojaned"].bind({"count": 0})


def test_another_picture_is_another_recipe() -> None:
    """If this fails, raise RECIPE, and put the new digest here."""
    samples = [trojaned(count=3, seed=2)[k] for k in range(3)]
    digest = hashlib.sha256(b"".join(pixels(sample).tobytes() for sample in samples)).hexdigest()[:16]
    assert {RECIPE: digest} == {"1": "596052ab874c521e"}


def test_it_is_registered() -> None:
    data = DATASETS["trojaned"].function(**DATASETS["trojaned"].bind({"count": 2, "size": 96}))
    assert isinstance(data, Trojaned)
    sample = data[1]
    assert sample.mask is not None
    assert sample.mask.shape == (96, 96)
    assert torch.equal(sample.mask.nonzero().amax(0) - sample.mask.nonzero().amin(0) + 1, torch.tensor([12, 12]))
