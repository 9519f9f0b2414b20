"""What a method may return: methods, derived maps, libraries in a study and in an audit are asked by one function."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchbench.containment.returned_maps import checked_maps
from benchbench.errors import BenchError

REFUSED: dict[str, tuple[Any, int | None, str]] = {
    "a list": ([torch.ones(7, 7)], 1, r"it returned list, where maps \(1, h, w\) are needed"),
    "a map too few": (torch.ones(1, 7, 7), 2, r"it returned \(1, 7, 7\), where maps \(2, h, w\) are needed"),
    "channels": (torch.ones(2, 3, 7, 7), 2, r"it returned \(2, 3, 7, 7\), where"),
    "a number": (torch.tensor(1.0), 1, r"it returned \(\), where"),
    "a map too many": (torch.ones(1, 7, 7), None, r"it returned \(1, 7, 7\), where a map \(h, w\) is needed"),
    "no cells": (torch.ones(2, 0, 7), 2, r"it returned \(2, 0, 7\), where"),
    "complex": (torch.ones(2, 7, 7, dtype=torch.complex64), 2, "a tensor of torch.complex64, where real numbers are"),
    "sparse": (torch.ones(2, 7, 7).to_sparse(), 2, "a tensor of torch.sparse_coo, where real numbers are"),
    "no data": (torch.ones(2, 7, 7, device="meta"), 2, "a tensor of meta, where real numbers are"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_map_is_refused(kind: str) -> None:
    maps, count, words = REFUSED[kind]
    with pytest.raises(BenchError, match=words):
        checked_maps(maps, count, "it")


@pytest.mark.parametrize(("shape", "count"), [((2, 7, 5), 2), ((7, 5), None)])
@pytest.mark.parametrize("kind", [torch.float16, torch.float64, torch.int64, torch.bool])
def test_numbers_of_any_kind_become_float32(shape: tuple[int, ...], count: int | None, kind: torch.dtype) -> None:
    maps = torch.ones(shape, dtype=kind)
    checked = checked_maps(maps.requires_grad_() if kind.is_floating_point else maps, count, "it")
    assert checked.dtype == torch.float32
    assert not checked.requires_grad
    assert torch.equal(checked, torch.ones(shape))
