"""torch has no more threads than there are processors for the process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchbench.engine import threads
from benchbench.engine.threads import fitting_threads


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("usable", "expected"), [(1, 1), (2, 2), (3, 3), (64, 3)])
def test_at_most_as_many_as_processors(usable: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "usable_processors", lambda: usable)
    with fitting_threads():
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_what_the_user_asked_for_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "usable_processors", lambda: 1)
    monkeypatch.setenv(name, "3")
    with fitting_threads():
        assert torch.get_num_threads() == 3
