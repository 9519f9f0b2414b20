"""Batches of one size from blocks of any; and what happens when memory runs out on them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.network.scorer import Scorer, packed

from ..networks import Pooled, seeded


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 7))
def test_rows_keep_their_order_and_batches_their_size(sizes: list[int], size: int) -> None:
    rows = torch.arange(sum(sizes))
    blocks = [(part[:, None].float(), part) for part in torch.split(rows, sizes)]
    batches = list(packed(iter(blocks), lambda: size))
    assert torch.cat([targets for _, targets in batches]).tolist() == rows.tolist()
    assert all(torch.equal(images[:, 0].long(), targets) for images, targets in batches)
    assert {len(targets) for _, targets in batches[:-1]} <= {size}
    assert len(batches[-1][0]) <= size


def test_blocks_are_made_as_they_are_needed() -> None:
    begun: list[int] = []

    def blocks() -> object:
        for i in range(5):
            begun.append(i)
            yield torch.zeros(4, 1), torch.zeros(4)

    stream = packed(blocks(), lambda: 4)  # type: ignore[arg-type]
    next(stream)
    next(stream)
    assert begun == [0, 1]


class Small(nn.Module):
    """Memory runs out on more than ``most`` images."""

    def __init__(self, network: nn.Module, most: int, error: Exception) -> None:
        super().__init__()
        self.network, self.most, self.error = network, most, error
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        if len(images) > self.most:
            raise self.error
        logits: Tensor = self.network(images)
        return logits


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("most", [1, 3, 5])
def test_a_batch_that_does_not_fit_is_halved(images: Tensor, most: int, error: Exception) -> None:
    many, targets = images.repeat(3, 1, 1, 1), torch.arange(18) % 7
    expected = Scorer(seeded(Pooled), 16).answer(many, targets)
    small = Small(seeded(Pooled), most, error)
    scorer = Scorer(small, 16)
    answer = scorer.answer(many, targets)
    torch.testing.assert_close(answer.logit, expected.logit)
    torch.testing.assert_close(answer.probability, expected.probability)
    assert scorer.passes.forwards == 18, "what failed is not counted, what succeeded is counted once"
    assert scorer.batch == {1: 1, 3: 2, 5: 4}[most]
    small.sizes.clear()
    scorer.answer(many, targets)
    assert max(small.sizes) <= most, "the size that fits is kept"


def test_one_image_that_does_not_fit_is_an_error(images: Tensor) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        Scorer(Small(seeded(Pooled), 0, ERRORS[0]), 16).answer(images, torch.zeros(6, dtype=torch.long))


def test_any_other_error_is_not_taken_for_memory(images: Tensor) -> None:
    small = Small(seeded(Pooled), 0, RuntimeError("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        Scorer(small, 16).answer(images, torch.zeros(6, dtype=torch.long))
    assert small.sizes == [6]


def test_a_padded_scorer_gives_one_size_and_the_same_answers(images: Tensor) -> None:
    small = Small(seeded(Pooled), 99, RuntimeError())
    padded = Scorer(small, 4, padded=True)
    targets = torch.arange(6)
    answer = padded.answer(images, targets)
    assert small.sizes == [4, 4]
    assert padded.passes.forwards == 6
    torch.testing.assert_close(answer.logit, Scorer(seeded(Pooled), 4).answer(images, targets).logit)


def test_many_targets_of_an_image_cost_one_forward(images: Tensor) -> None:
    scorer = Scorer(seeded(Pooled), 4)
    targets = torch.tensor([[0, 3], [1, 2], [4, 4], [6, 5], [0, 1], [2, 2]])
    answer = scorer.answer(images, targets)
    assert scorer.passes.forwards == 6
    for t in range(2):
        single = Scorer(seeded(Pooled), 4).answer(images, targets[:, t])
        torch.testing.assert_close(answer.each(lambda x, t=t: x[:, t]).probability, single.probability)  # type: ignore[misc]
        assert torch.equal(answer.correct[:, t], single.correct)


@pytest.mark.parametrize("most", [1, 4])
def test_logits_are_counted_and_halved_like_answers(images: Tensor, most: int) -> None:
    scorer = Scorer(Small(seeded(Pooled), most, ERRORS[0]), 16)
    with torch.no_grad():
        torch.testing.assert_close(scorer.logits(images), seeded(Pooled)(images))
    assert scorer.passes.forwards == 6
    assert scorer.batch == {1: 1, 4: 3}[most]
