"""Pixels that a data set does not judge: which they are in each archive, and that seeds leave them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.datasets.archives.archive import imagenet_index
from benchbench.evaluation.seed_counts import seed_counts, segmentation
from benchbench.registry import DATASETS

from . import layouts
from .layouts import region

CROWD = region(20, 0, 22, 4) + region(20, 8, 24, 16)


def imagenet_s(root: Path) -> Any:
    layouts.imagenet_s(root, list(imagenet_index())[::20])
    return DATASETS["imagenet_s"].function(root=root, size=50)[0]


def voc(root: Path) -> Any:
    layouts.voc(root, "2012", "val")
    return DATASETS["voc2012"].function(root=root, truth="segmentation")[0]


def pets(root: Path) -> Any:
    layouts.pets(root)
    return DATASETS["oxford_pets"].function(root=root, border="inside")[0]


def crowded(root: Path) -> Any:
    """Cats of which one is in a crowd of cats, and a crowd of persons, who are no sample."""
    pytest.importorskip("pycocotools")
    layouts.coco(root)
    file = root / "annotations/instances_val2017.json"
    notes = json.loads(file.read_text())
    crowd = {"image_id": 139, "iscrowd": 1, "area": 1, "bbox": [0, 0, 1, 1]}
    runs = {"size": [16, 24], "counts": [16 * 20 + 8, 8, 8, 8, 8, 8, 8, 8]}
    notes["annotations"].append({**crowd, "id": 9, "category_id": 1, "segmentation": runs})
    file.write_text(json.dumps(notes))
    return DATASETS["coco"].function(root=root)


def coco(root: Path) -> Any:
    return crowded(root)[0]


VOID = {
    imagenet_s: region(10, 2, 12, 4),
    voc: region(0, 0, 1, 1),
    pets: region(2, 2, 12, 10) - region(4, 4, 10, 8),
    coco: CROWD,
}


@pytest.mark.parametrize(("build", "ignored"), VOID.items(), ids=lambda part: getattr(part, "__name__", ""))
def test_the_pixels_that_are_ignored(build: Callable[[Path], Any], ignored: Any, tmp_path: Path) -> None:
    sample = build(tmp_path)
    assert sample.void is not None
    assert sample.mask is not None
    np.testing.assert_array_equal(sample.void.numpy(), ignored > 0)


@pytest.mark.parametrize("build", VOID, ids=lambda build: build.__name__)
def test_seeds_leave_them_out(build: Callable[[Path], Any], tmp_path: Path) -> None:
    """A map that is high on all of the image has its false pixels on the background alone."""
    sample = build(tmp_path)
    assert sample.void is not None
    assert sample.mask is not None
    mask, ignored = sample.mask.numpy(), (sample.void & ~sample.mask).numpy()
    counts = seed_counts([5], segmentation([mask], sample.void.numpy()), np.ones((1, 16, 24)))
    background = 16 * 24 - mask.sum() - ignored.sum()
    assert ignored.any()
    assert counts.truth.tolist() == [background, mask.sum()]
    assert counts.seed[:, 0].tolist() == [0, background + mask.sum()]


def test_the_border_of_pets_that_is_object_is_not_ignored(tmp_path: Path) -> None:
    layouts.pets(tmp_path)
    assert DATASETS["oxford_pets"].function(root=tmp_path)[0].void is None


def test_all_samples_of_an_image_ignore_its_crowds(tmp_path: Path) -> None:
    """An image without a crowd ignores nothing; another crowd is another content."""
    data = crowded(tmp_path / "crowds")
    assert data.ids == ["000000000139/cat", "000000000139/bowl"]
    for sample in (data[0], data[1]):
        np.testing.assert_array_equal(sample.void.numpy(), CROWD > 0)
    file = tmp_path / "crowds/annotations/instances_val2017.json"
    before = [data.fingerprint(i) for i in (0, 1)]
    notes = json.loads(file.read_text())
    notes["annotations"] = [note for note in notes["annotations"] if not note["iscrowd"]]
    file.write_text(json.dumps(notes))
    data = DATASETS["coco"].function(root=tmp_path / "crowds")
    assert data[0].void is None
    assert all(data.fingerprint(i) != before[i] for i in (0, 1))


def test_imagenet_s_without_a_mask_ignores_nothing(tmp_path: Path) -> None:
    layouts.imagenet_s(tmp_path, list(imagenet_index())[::20])
    next((tmp_path / "ImageNetS50/validation-segmentation").rglob("*_00000001.png")).unlink()
    sample = DATASETS["imagenet_s"].function(root=tmp_path, size=50)[0]
    assert (sample.mask, sample.void) == (None, None)
