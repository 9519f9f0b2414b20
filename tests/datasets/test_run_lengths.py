"""COCO's masks are checked before C code gets them: the right ones are those of pycocotools, others one reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coder

import benchbench as bb
from benchbench.datasets.archives.run_lengths import checked_mask, run_lengths

SIZE = (7, 9)


@given(st.integers(0, 2**31))
def test_compressed_masks_are_read_as_pycocotools_writes_them(seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 2, SIZE, dtype=np.uint8)
    known = coder.encode(np.asfortranarray(mask))
    text = {"size": list(known["size"]), "counts": known["counts"].decode()}
    back = coder.decode(coder.frPyObjects(checked_mask(text, SIZE, "x"), *SIZE))
    assert np.array_equal(back, mask)
    assert sum(run_lengths(text["counts"], "x")) == mask.size


def test_polygons_stay_what_they_are() -> None:
    assert checked_mask([[0, 0, 5, 0, 5, 5.5]], SIZE, "x") == [[0.0, 0.0, 5.0, 0.0, 5.0, 5.5]]


@pytest.mark.parametrize(
    "known",
    [
        {"size": [7, 9], "counts": [10**9]},
        {"size": [7, 9], "counts": [63, -1, 1]},
        {"size": [7, 9], "counts": [62]},
        {"size": [7, 9], "counts": [True] * 63},
        {"size": [70000, 9], "counts": [63]},
        {"size": None, "counts": [63]},
        {"size": [7, 9]},
        {"size": [7, 9], "counts": "ooooooooooooooooo"},
        {"size": [7, 9], "counts": "é"},
        {"size": [7, 9], "counts": "o"},
        [[0, 0, 1e300, 0, 5, 5]],
        [[0, 0, float("nan"), 0, 5, 5]],
        [[0, 0, 5, 0]],
        [[0, 0, 5, 0, 5, 5, 5]],
        [["0"] * 6],
        [],
        "polygon",
        None,
    ],
)
def test_what_is_no_mask_is_refused(known: Any) -> None:
    with pytest.raises(bb.BenchError):
        checked_mask(known, SIZE, "x")
