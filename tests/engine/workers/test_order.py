"""What cannot be sent to another process is named."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from torch import Tensor

from benchbench.engine.workers.order import pickled
from benchbench.errors import BenchError

from ...networks import Pooled, seeded
from .conftest import study


def with_a_lock(part: Any) -> Any:
    part.lock = threading.Lock()
    return part


class Locked(list[Any]):
    """Images with a lock, as of a reader of files."""


@pytest.mark.parametrize(("key", "place"), [("models", "models: net"), ("datasets", "datasets: data"), ("neither", "")])
def test_what_cannot_be_sent_is_named(key: str, place: str, images: Tensor) -> None:
    parts: dict[str, Any] = {"models": seeded(Pooled), "datasets": Locked(images)}
    if key in parts:
        with_a_lock(parts[key])
    asked = study(images, models={"net": parts["models"]}, datasets={"data": parts["datasets"]})
    if not place:
        assert pickled(asked)
        return
    with pytest.raises(BenchError, match=r"cannot be sent to another process: TypeError: .*lock") as error:
        pickled(asked)
    assert error.value.where == place
