"""Every hypothesis test tries as many inputs as it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .profile import TRIED, refuse_fewer


@pytest.fixture(autouse=True)
def as_many_as_it_says(request: pytest.FixtureRequest) -> Iterator[None]:
    name = getattr(request.function, "counts_as", "")
    before = TRIED[name]
    yield
    if name:
        refuse_fewer(name, before)
