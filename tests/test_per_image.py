"""Every record of a batch is cut by the same function: what has a row per image is cut, the rest is shared."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.maps.map_batch import MapBatch
from benchbench.network.reference_batch import ReferenceBatch
from benchbench.network.scorer import Scorer
from benchbench.per_image import PerImage
from benchbench.types import Pixels, Reexplained, Seen
from benchbench.types.batch import ImageBatch
from benchbench.types.views import Noisy
from benchbench.vocabulary import Status

COUNT = 5
NAMES = tuple("abcde")
NETWORK = nn.Identity()


def records() -> list[PerImage]:
    images, vector = torch.rand(COUNT, 3, 4, 4), torch.arange(COUNT)
    pixels = Pixels(images, tuple(range(COUNT)), torch.zeros(3), torch.ones(3))
    pixels.cache["blur"] = images
    maps = torch.rand(COUNT, 2, 2)
    ok: Status = "ok"
    statuses = (ok,) * COUNT
    reexplained = Reexplained(maps, vector, vector, vector > 2, vector, ("",) * COUNT, statuses)
    reference = ReferenceBatch(NETWORK, Scorer(NETWORK), NAMES, pixels, None, vector, vector, 7)
    seen = Seen(
        images[:, 0],
        images[:, 0],
        images[:, 0],
        vector,
        vector,
        maps,
        pixels=pixels,
        reexplained={Noisy(0, 1): reexplained},
    )
    boxes = (None, *(torch.rand(n, 4) for n in range(COUNT - 1)))
    batch = ImageBatch(NAMES, images, tuple(range(COUNT)), maps > 0.5, NAMES, boxes)
    return [pixels, reexplained, reference, seen, batch, MapBatch(maps, NAMES, statuses)]


@pytest.mark.parametrize("record", records(), ids=lambda record: type(record).__name__)
@given(start=st.integers(0, COUNT - 1), size=st.integers(1, COUNT))
def test_rows_are_those_of_every_field(record: PerImage, start: int, size: int) -> None:
    stop = min(start + size, COUNT)
    part = record.rows(start, stop)
    assert type(part) is type(record)
    for field in fields(record):
        whole, cut = getattr(record, field.name), getattr(part, field.name)
        if field.name in ("mean", "std"):
            assert cut is whole
        elif isinstance(whole, Tensor):
            assert torch.equal(cut, whole[start:stop])
        elif isinstance(whole, tuple):
            assert cut == whole[start:stop]
        elif isinstance(whole, (nn.Module, Scorer, int)) or whole is None:
            assert cut is whole


def test_inner_records_are_cut_and_caches_are_emptied() -> None:
    pixels, _, reference, seen, *_ = records()
    assert isinstance(reference, ReferenceBatch)
    assert isinstance(seen, Seen)
    assert isinstance(pixels, Pixels)
    assert pixels.row(1).cache == {}
    assert reference.row(3).pixels.seeds == (3,)
    (reexplained,) = seen.rows(1, 3).reexplained.values()
    assert reexplained.probability.tolist() == [1, 2]
    assert len(reference.rows(1, 3)) == 2
