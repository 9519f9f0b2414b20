"""The settings of torch's attention are read and put back, each by its name."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from benchbench.containment.process_settings import SETTINGS, put_back, read_all

KERNELS = [match[1] for name in dir(torch.backends.cuda) if (match := re.fullmatch(r"(\w+)_sdp_enabled", name))]


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_attention_kernel_that_torch_has_is_put_back(kernel: str) -> None:
    """Also a kernel of a later version of torch."""
    read, put = (getattr(torch.backends.cuda, name) for name in (f"{kernel}_sdp_enabled", f"enable_{kernel}_sdp"))
    before, values = read(), read_all(SETTINGS)
    put(not before)
    try:
        assert put_back(SETTINGS, values) == [f"the {kernel} attention kernel"]
        assert read() == before
    finally:
        put(before)
    assert put_back(SETTINGS, values) == []


def test_half_precision_sums_in_attention_are_put_back() -> None:
    cuda: Any = torch.backends.cuda
    before, values = cuda.fp16_bf16_reduction_math_sdp_allowed(), read_all(SETTINGS)
    cuda.allow_fp16_bf16_reduction_math_sdp(not before)
    assert put_back(SETTINGS, values) == ["half-precision sums in attention"]
    assert cuda.fp16_bf16_reduction_math_sdp_allowed() == before
