"""What the numbers of a plugin depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchbench.registry import METHODS
from benchbench.registry import method as add_method
from benchbench.study.identity import identity
from benchbench.types import Layer

NESTED = {"alone": "read from a file", "inside": "smoothed", "two deep": "inverted"}


@pytest.mark.parametrize("where", NESTED)
def test_a_parameter_that_is_a_file_counts_by_its_content(where: str, tmp_path: Path) -> None:
    @add_method("read from a file", needs="activation")
    def from_file(layer: Layer, *, file: Path = Path()) -> Any:
        """A method."""
        return layer.activation.mean(1)

    file = tmp_path / "weights.txt"
    of: dict[str, Any] = {"name": "read from a file", "file": str(file)}
    params: dict[str, dict[str, Any]] = {
        "alone": {"file": str(file)},
        "inside": {"of": of},
        "two deep": {"of": {"name": "smoothed", "of": of}},
    }
    plugin = METHODS[NESTED[where]]

    def now() -> Any:
        return identity(plugin, plugin.bind(params[where]))

    try:
        file.write_text("one")
        first, same = now(), now()
        file.write_text("other")
        assert first == same
        assert now() != first
        file.rename(tmp_path / "elsewhere.txt")
        of["file"] = params["alone"]["file"] = str(tmp_path / "elsewhere.txt")
        (tmp_path / "elsewhere.txt").write_text("one")
        assert now() == first, "by its content alone"
    finally:
        METHODS.remove("read from a file")
