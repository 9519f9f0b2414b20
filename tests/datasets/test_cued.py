"""Scenes with a spurious cue: the twin differs on the tag alone, and rho is how often the tag agrees with the class."""

from __future__ import annotations

import colorsys
import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.datasets.builtin.cued import RECIPE, Cued
from benchbench.datasets.builtin.shapes import shapes
from benchbench.errors import BenchError
from benchbench.models.cue_classes import CUE_CLASSES, CUE_LABELS
from benchbench.registry import DATASETS
from benchbench.types import Sample


def cued(**params: object) -> Cued:
    plugin = DATASETS["cued"]
    dataset = plugin.function(**plugin.bind(params))
    assert isinstance(dataset, Cued)
    return dataset


def pixels(sample: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array(sample.image)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), index=st.integers(0, 239), size=st.sampled_from([32, 64, 100]))
def test_the_twin_differs_on_the_tag_alone(seed: int, index: int, size: int) -> None:
    data = cued(seed=seed, size=size)
    sample, twin, bare = data[index], data.cue_twin(index), data.without_cue(index)
    tag, shown = data.cue_mask(index).numpy(), data.object_mask(index).numpy()
    assert ((pixels(sample) != pixels(twin)).any(2) == tag).all()
    assert not (pixels(sample) != pixels(bare)).any(2)[~tag].any()
    assert not (tag & shown).any()
    assert shown.any()
    assert tag.sum() == round(0.16 * size) ** 2
    assert sample.label == twin.label == bare.label
    assert [twin.id, bare.id] == [f"{sample.id}/swapped", f"{sample.id}/without"]


@settings(max_examples=12, deadline=None)
@given(index=st.integers(0, 239))
def test_the_colour_of_the_tag_is_that_of_its_kind(index: int) -> None:
    data = cued(count=index + 1)
    top, left = (int(k) for k in data.cue_mask(index).nonzero()[0])
    for sample, kind in ((data[index], data.kinds[index]), (data.cue_twin(index), 1 - data.kinds[index])):
        hue, _, _ = colorsys.rgb_to_hsv(*(pixels(sample)[top, left] / 255))
        assert (0.27 < hue < 0.37) if kind == 0 else (0.79 < hue < 0.89)
    assert data.cue(index).kind == data.kinds[index]


def test_rho_is_how_often_the_tag_agrees() -> None:
    agreement = {}
    for rho in (0.0, 0.5, 0.8, 1.0):
        data = cued(count=600, rho=rho)
        agreement[rho] = np.array(data.kinds) == np.array(data.labels)
    assert not agreement[0.0].any()
    assert agreement[1.0].all()
    assert abs(agreement[0.5].mean() - 0.5) < 0.06
    assert abs(agreement[0.8].mean() - 0.8) < 0.05
    assert agreement[0.8][agreement[0.5]].all()  # what agrees at a small rho agrees at a larger one
    kinds, labels = np.array(cued(count=600).kinds), np.array(cued(count=600).labels)
    assert abs(kinds[labels == 0].mean() - kinds[labels == 1].mean()) < 0.12  # at 0.5 the tag says nothing


def test_the_scenes_are_those_of_shapes_and_the_mask_is_chosen() -> None:
    data, other = cued(count=8), cued(count=8, mask="cue")
    assert sorted(data.labels) == [0] * 4 + [1] * 4
    assert data.class_names == CUE_CLASSES
    twelve = [shapes(count=12)[k].label for k in range(12)]
    assert data.labels[:2] == [CUE_LABELS.index(label) for label in twelve if label in CUE_LABELS]
    for i in range(8):
        mask, tag = data[i].mask, other[i].mask
        assert mask is not None
        assert tag is not None
        assert torch.equal(mask, data.object_mask(i))
        assert torch.equal(tag, data.cue_mask(i))
        assert pixels(data[i]).tobytes() == pixels(other[i]).tobytes()
        assert data.fingerprint(i) != other.fingerprint(i)
        assert CUE_CLASSES[data[i].label or 0].replace(" ", "-") in data.ids[i]


def test_the_tag_is_away_from_the_objects() -> None:
    """Of 60 scenes nearly all have room for a tag with a margin around it."""
    data, touching = cued(count=60), 0
    for i in range(60):
        tag = data.cue(i)
        around = torch.zeros(64, 64, dtype=torch.bool)
        around[max(0, tag.top - 2) : tag.top + tag.side + 2, max(0, tag.left - 2) : tag.left + tag.side + 2] = True
        touching += bool((around & data.object_mask(i)).any())
    assert touching <= 1


def test_splits_share_no_scene_and_a_larger_count_continues() -> None:
    test, train = cued(count=6), cued(count=6, split="train")
    assert not {pixels(test[i]).tobytes() for i in range(6)} & {pixels(train[i]).tobytes() for i in range(6)}
    longer = cued(count=9)
    assert [pixels(test[i]).tobytes() for i in range(6)] == [pixels(longer[i]).tobytes() for i in range(6)]
    assert test.fingerprint(2) == longer.fingerprint(2)


def test_the_pictures_are_those_of_the_recipe() -> None:
    """Else: raise RECIPE in cued.py, train the networks anew (make bias), and put the new digest here."""
    drawn = b"".join(pixels(cued(count=4)[i]).tobytes() for i in range(4))
    assert (RECIPE, hashlib.sha256(drawn).hexdigest()[:16]) == ("1", "5a9499b5819e98ff")


@pytest.mark.parametrize("params", [{"rho": 1.5}, {"rho": -0.1}, {"count": 0}, {"mask": "tag"}, {"size": 8}])
def test_other_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(BenchError, match=next(iter(params))):
        cued(**params)
