"""A tolerance in pixels that is wide for the images of a network is among the warnings."""

from __future__ import annotations

from typing import Any

import pytest

from benchbench.reports.leaderboard.hit_tolerance import wide_tolerances


def run_info(tolerance: float | None, **sides: int) -> dict[str, Any]:
    parameters = {} if tolerance is None else {"tolerance": tolerance}
    metric = {"name": "pointing_game", "title": "pointing game", "protocol": "torchray-15", "parameters": parameters}
    models = [{"name": name, "preprocess": {"resize": None, "crop": side}} for name, side in sides.items()]
    return {"metrics": [metric, {**metric, "parameters": {"steps": 28}}], "models": models}


@pytest.mark.parametrize(
    ("tolerance", "side"), [(15, 224), (15, 150), (6, 64), (1, 8), (None, 32)], ids=lambda value: str(value)
)
def test_a_tolerance_of_a_tenth_of_the_side_is_no_warning(tolerance: float | None, side: int) -> None:
    assert wide_tolerances(run_info(tolerance, net=side)) == []


@pytest.mark.parametrize(("tolerance", "side", "part"), [(15, 64, "23 %"), (15, 149, "10 %"), (7, 64, "11 %")])
def test_a_wider_tolerance_is(tolerance: float, side: int, part: str) -> None:
    (text,) = wide_tolerances(run_info(tolerance, net=side, large=640))
    assert text.startswith(f"Pointing game (torchray-15) counts a point as a hit if it is less than {tolerance} pixels")
    assert f"That is {part} of the side of the images ({side} pixels) of net, so" in text
    assert "large" not in text.replace("large photographs", "")


def test_networks_of_one_size_are_named_together() -> None:
    first, second = wide_tolerances(run_info(15, a=64, b=32, c=64))
    assert "(64 pixels) of a and c," in first
    assert "(32 pixels) of b," in second
