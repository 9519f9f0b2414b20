"""Boxes go through pre-processing as the photograph does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchbench.errors import BenchError
from benchbench.maps.box_region import filled
from benchbench.models.boxes import framed_boxes
from benchbench.models.preprocess import prepare
from benchbench.types import Preprocess

CUT = Preprocess(resize=20, crop=16)


@given(st.integers(20, 90), st.integers(20, 90), st.data())
def test_a_box_goes_where_its_mask_goes(width: int, height: int, data: st.DataObject) -> None:
    """Masks are resized to the nearest pixel, so that each edge may be a pixel off."""
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[y0:y1, x0:x1] = True
    _, framed = prepare(Image.new("RGB", (width, height)), mask, CUT)
    boxes = framed_boxes(torch.tensor([[x0, y0, x1, y1]]).float(), (width, height), CUT)
    assert framed is not None
    if not len(boxes):
        assert not framed.any()
        return
    assert (boxes >= 0).all()
    assert (boxes <= 16).all()
    if framed.any():
        rows, columns = framed.any(1).nonzero()[:, 0], framed.any(0).nonzero()[:, 0]
        wanted = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert (boxes[0] - wanted).abs().max() <= 1
    assert not (framed & ~_grown(filled(boxes, (16, 16)))).any()


def _grown(region: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool2d(region[None].float(), 3, 1, 1)[0] > 0


def test_by_hand() -> None:
    """A photograph of 80 x 40 becomes 40 x 20, of which x 12 to 28 and y 2 to 18 are left."""
    boxes = torch.tensor([[30.0, 10, 50, 30], [0, 0, 80, 40], [0, 0, 24, 40], [20, 4, 24.5, 8]])
    framed = framed_boxes(boxes, (80, 40), CUT)
    assert framed.tolist() == [[3, 3, 13, 13], [0, 0, 16, 16], [0, 0, 0.25, 2]]
    assert framed_boxes(boxes[2:3], (80, 40), CUT).shape == (0, 4)


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        (torch.zeros(4), r"float32 \(4,\)"),
        (torch.zeros(1, 4).int(), "int32"),
        (torch.tensor([[0, 0, float("nan"), 1]]), "not finite"),
        (torch.tensor([[5.0, 0, 4, 1]]), "ends before it begins"),
    ],
)
def test_what_is_no_box(boxes: torch.Tensor, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        framed_boxes(boxes, (80, 40), CUT)


def test_both_sides_are_resized_and_nothing_is_cut() -> None:
    """As wsolevaluation: 40 x 20 pixels become 10 x 10, and a box is scaled with each side."""
    whole = Preprocess(resize=None, crop=10, mean=(0.0,) * 3, std=(1.0,) * 3)
    mask = torch.zeros(20, 40, dtype=torch.bool)
    mask[10:, 20:] = True
    image, framed = prepare(Image.new("RGB", (40, 20), (255, 0, 0)), mask, whole)
    assert image.shape == (3, 10, 10)
    assert image[0].eq(1).all()
    assert framed is not None
    assert framed[5:, 5:].all()
    assert framed.sum() == 25
    assert framed_boxes(torch.tensor([[20.0, 10, 40, 20]]), (40, 20), whole).tolist() == [[5, 5, 10, 10]]
