"""Fast-GEF: against plain numpy, on maps whose value is known, and by a run from end to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchbench.network.randomise import with_noisy_weights
from benchbench.registry import METRICS
from benchbench.types import Reexplained, Scored, Seen
from benchbench.types.views import NoisyWeights

from ..networks import Pooled, seeded
from . import field
from .again_plain import Plain
from .test_again_against_plain import done, photographs


def disturbed(levels: int, draws: int, map_of: Callable[[int, int], Tensor], z: Tensor) -> dict[Any, Reexplained]:
    """What the engine gives of the disturbed networks: maps (h, w) and logits (draws, levels)."""
    plugin = METRICS["fast_gef"]
    views = plugin.views(**plugin.bind({"levels": levels, "draws": draws}))  # type: ignore[misc]
    assert all(isinstance(view, NoisyWeights) for view in views)
    assert len({view.index for view in views}) == levels * draws, "every size is drawn anew"
    ones = torch.ones(1)
    return {
        view: Reexplained(
            map_of(k // levels, k % levels)[None],
            ones,
            z[k // levels, k % levels][None],
            ones > 0,
            ones,
            ("",),
            ("ok",),
        )
        for k, view in enumerate(views)
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_fast_gef_equals_plain_numpy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    base, moved = torch.rand(3, 4, generator=generator), torch.rand(3, 5, 3, 4, generator=generator)
    z = torch.randn(3, 5, generator=generator)
    blank, whole = torch.zeros(1, 1), torch.tensor([0.3])
    views = disturbed(5, 3, lambda m, k: moved[m, k], z)
    seen = Seen(blank, blank, blank, whole, whole, base[None], None, base[None], None, views)
    value = METRICS["fast_gef"].function(seen, levels=5, draws=3).value
    wanted = field.gef(base.double().numpy(), moved.double().numpy(), 0.3, z.double().numpy())
    assert float(value) == pytest.approx(wanted, abs=1e-5)


def test_fast_gef_of_a_map_that_follows_and_of_one_that_does_not() -> None:
    """A map that moves by as much as the logit has 1; one that moves the less the more the logit does has -1."""
    z = torch.tensor([[0.1, -0.2, 0.4, 0.8, 1.6]])
    base, aside = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    blank, zero = torch.zeros(1, 1), torch.zeros(1)

    def value(map_of: Callable[[int, int], Tensor], first: Tensor = base) -> Scored:
        seen = Seen(blank, blank, blank, zero, zero, first[None], None, first[None], None, disturbed(5, 1, map_of, z))
        result: Scored = METRICS["fast_gef"].function(seen, draws=1)
        return result

    assert float(value(lambda _, k: base + k * aside).value) == pytest.approx(1)
    assert float(value(lambda _, k: 9 * (base + k * aside)).value) == pytest.approx(1), "a map's scale is not its move"
    assert float(value(lambda _, k: base + (4 - k) * aside).value) == pytest.approx(-1)
    assert float(value(lambda *_: base).value) == 0, "a map that stays"
    assert value(lambda *_: base, torch.ones(1, 2)).inapplicable[0]


def test_a_run_equals_plain_numpy(tmp_path: Path) -> None:
    """Of two methods: the disturbed networks are those of the study's seed."""
    network = seeded(Pooled, seed=4)
    asked: dict[str, Any] = {"name": "fast_gef", "levels": 4, "draws": 2, "largest": 0.8}
    record = done(
        network, tmp_path, methods=["layercam", "saliency"], metrics=[asked], datasets={"data": photographs()[:3]}
    )
    pictures = photographs().double().numpy()
    with torch.no_grad():
        targets = network(photographs()).argsort(1)[:, -2].tolist()
    sizes = [1e-3, 0.2673333333333333, 0.5336666666666667, 0.8]
    others = [[noisy(network, 4 * m + z, sizes[z]) for z in range(4)] for m in range(2)]
    measured, wanted = [], []
    for row in record.results.itertuples():
        i = int(str(row.sample))
        plain = Plain(network, pictures[i], str(row.sample), targets[i], str(row.method))
        again = [[replace(plain, network=other) for other in draw] for draw in others]
        moved = np.array([[each.map() for each in draw] for draw in again])
        answers = np.array([[each.logits()[plain.target] for each in draw] for draw in again])
        wanted.append(field.gef(plain.map(), moved, float(plain.logits()[plain.target]), answers))
        measured.append(float(str(row.value)))
    assert len(measured) == 6
    assert np.ptp(wanted) > 0.05
    np.testing.assert_allclose(measured, wanted, atol=1e-6)


def noisy(network: Pooled, index: int, size: float) -> Pooled:
    disturbed_network = with_noisy_weights(network, NoisyWeights(index, size), 0).requires_grad_()
    assert isinstance(disturbed_network, Pooled)
    return disturbed_network
