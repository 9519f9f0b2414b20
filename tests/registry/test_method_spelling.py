"""The method that a method takes: ``of``, or ``method`` as other tools spell it."""

from __future__ import annotations

import pytest

from benchbench.errors import BenchError
from benchbench.registry import METHODS


@pytest.mark.parametrize("name", ["lowpass", "smoothed", "inverted", "sess"])
def test_method_is_of(name: str) -> None:
    plugin = METHODS[name]
    assert plugin.bind({"method": "layercam"}) == plugin.bind({"of": "layercam"})
    assert plugin.label(plugin.bind({"method": "layercam"})) == plugin.label(plugin.bind({"of": "layercam"}))


def test_both_spellings_are_refused() -> None:
    with pytest.raises(BenchError, match="no parameter 'method'"):
        METHODS["lowpass"].bind({"method": "layercam", "of": "gradcam"})


def test_a_method_that_takes_none_has_no_such_parameter() -> None:
    with pytest.raises(BenchError, match="no parameter 'method'"):
        METHODS["gradcam"].bind({"method": "layercam"})
