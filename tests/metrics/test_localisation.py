"""Pointing, energy, ranks and precision on planted maps, against plain numpy, scikit-learn and Quantus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.maps.normalise import upsample
from benchbench.metrics._regions import EMPTY, NO_MASK, NO_TRUTH, WHOLE, boxed, within
from benchbench.registry import METRICS

from . import plain_maps as plain
from .planted_maps import arrays, random_maps, random_masks, values, why

ALL = [
    f"{name}@{protocol}"
    for name in (
        *("pointing_game", "energy_pointing_game", "relevance_rank_accuracy"),
        *("topk_intersection", "attribution_auc", "pxap"),
    )
    for protocol in METRICS[name].protocols
]
CONSTANT = {"pointing_game": 0.0, "energy_pointing_game": 0.0, "attribution_auc": 0.5}  # else the mask's share
PLAIN: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "pointing_game@torchray-15": lambda s, m: plain.pointing_game(s, m, 15),
    "pointing_game@exact": lambda s, m: plain.pointing_game(s, m, 1),
    "energy_pointing_game@minmax-mask": plain.energy,
    "energy_pointing_game@scorecam-box": lambda s, m: plain.energy(s, plain.box(m)),
    "relevance_rank_accuracy@arras": lambda s, m: plain.in_top(s, m, int(m.sum())),
    "topk_intersection@top-5-percent": lambda s, m: plain.in_top(s, m, round(0.05 * s.size)),
    "attribution_auc@mid-ranks": plain.auc,
    "pxap@wsol-1000": lambda s, m: plain.pxap(s, m, np.append(np.arange(0, 1, 0.001), 1.0)),
    "pxap@wsol-100": lambda s, m: plain.pxap(s, m, np.append(np.arange(0, 1, 0.01), 1.0)),
    "pxap@exact": lambda s, m: plain.pxap(s, m, s),
}


def block(height: int = 40, width: int = 50) -> Tensor:
    """(1, H, W): a mask of 12 x 15 pixels, 0.09 of 40 x 50."""
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, 10:22, 20:35] = True
    return mask


@pytest.mark.parametrize("name", ALL)
def test_perfect_inverted_and_constant_maps(name: str) -> None:
    mask = block()
    area, metric = int(mask.sum()), name.partition("@")[0]
    best = min(1.0, area / 1000) if name == "topk_intersection@quantus-1000" else 1.0
    assert values(name, mask.float(), mask) == pytest.approx([best])
    worst = area / mask.numel() if metric == "pxap" else 0.0  # all pixels are shown before one of the object is
    if name == "pointing_game@torchray-15":
        inverted = torch.zeros(1, 40, 50)
        inverted[0, 39, 0] = 1
        assert values(name, inverted, mask) == [0]
    else:
        assert values(name, 1 - mask.float(), mask) == pytest.approx([worst])
    for constant in (0.0, 0.7):
        if name == "energy_pointing_game@positive-mask" and constant:
            continue  # a positive map has its mass everywhere: below
        scores = values(name, torch.full((1, 40, 50), constant), mask)
        assert scores == pytest.approx([CONSTANT.get(metric, area / mask.numel())])


@pytest.mark.parametrize("name", ALL)
def test_where_it_does_not_apply(name: str) -> None:
    maps, mask = random_maps(3, 40, 50), block().repeat(3, 1, 1)
    mask[1], mask[2] = False, True
    boxes_too = name.startswith("pointing_game") or name.endswith("-box")
    assert why(name, maps, None) == [NO_TRUTH if boxes_too else NO_MASK] * 3
    assert why(name, maps, mask) == ["", EMPTY, WHOLE]


def test_a_margin_or_a_box_that_covers_the_image_does_not_apply() -> None:
    corners = torch.zeros(1, 20, 20, dtype=torch.bool)
    corners[0, 0, 0] = corners[0, -1, -1] = True
    maps = random_maps(1, 20, 20)
    assert why("energy_pointing_game@scorecam-box", maps, corners) == [WHOLE]
    assert why("energy_pointing_game@minmax-mask", maps, corners) == [""]
    middle = torch.zeros(1, 20, 20, dtype=torch.bool)
    middle[0, 10, 10] = True
    assert why("pointing_game@torchray-15", maps, middle) == [WHOLE], "its farthest pixel is 14.1 away"
    assert why("pointing_game@exact", maps, middle) == [""]


def test_the_margin_is_strict_and_round() -> None:
    mask = torch.zeros(4, 60, 60, dtype=torch.bool)
    mask[:, 30, 30] = True
    maps = torch.zeros(4, 60, 60)
    for k, (i, j) in enumerate([(30, 44), (30, 45), (39, 42), (40, 41)]):  # 14, 15, 15 and 14.87 pixels away
        maps[k, i, j] = 1
    assert values("pointing_game", maps, mask) == [1, 0, 0, 1]
    assert values("pointing_game@exact", maps, mask) == [0, 0, 0, 0]


@pytest.mark.parametrize("tolerance", [1, 2, 5, 15, 500])
def test_the_margin_by_distances(tolerance: int) -> None:
    masks = random_masks(3, 17, 31)
    for mask, near in zip(masks, within(masks, tolerance), strict=True):
        apart = [
            [min(np.hypot(*(p - [i, j])) for p in np.argwhere(mask.numpy())) for j in range(31)] for i in range(17)
        ]
        np.testing.assert_array_equal(near, np.array(apart) < tolerance)


def test_the_box_of_a_mask() -> None:
    masks = random_masks()
    for mask, box in zip(masks, boxed(masks), strict=True):
        np.testing.assert_array_equal(box, plain.box(mask.numpy()))


def test_of_equal_pixels_the_first_points() -> None:
    maps = torch.zeros(2, 30, 30)
    maps[:, 3, 4] = maps[:, 20, 20] = 1
    mask = torch.zeros(2, 30, 30, dtype=torch.bool)
    mask[0, 3, 4] = mask[1, 20, 20] = True
    assert values("pointing_game@exact", maps, mask) == [1, 0]


def test_positive_mass_leaves_out_what_is_negative() -> None:
    raw = torch.tensor([[[-4.0, 3.0], [1.0, -1.0]], [[-1.0, -2.0], [-3.0, -4.0]], [[2.0, 2.0], [2.0, 2.0]]])
    mask = torch.tensor([[[False, True], [False, False]]]).repeat(3, 1, 1)
    assert values("energy_pointing_game@positive-mask", raw, mask) == pytest.approx([0.75, 0, 0.25])
    assert values("energy_pointing_game@minmax-mask", raw, mask) == pytest.approx([7 / 15, 2 / 6, 0])
    large = raw.repeat_interleave(1, 0)
    up = upsample(large.double(), (8, 8)).clamp_min(0).numpy()
    wide = mask.repeat_interleave(4, 1).repeat_interleave(4, 2)
    scores = values("energy_pointing_game@positive-mask", large, wide, (8, 8))
    assert scores == pytest.approx([plain.energy(m, k) for m, k in zip(up, wide.numpy(), strict=True)])


def test_more_pixels_than_the_image_has() -> None:
    assert (
        why("topk_intersection", random_maps(2, 20, 28), random_masks(2))
        == ["the image has 560 pixels, not more than k = 1000: every map takes all of them"] * 2
    )


def test_k_is_a_count_or_a_share() -> None:
    bind = METRICS["topk_intersection"].bind
    assert bind({"k": 7}) == {"k": 7}
    assert bind({"k": 0.5}) == {"k": 0.5}
    for wrong in (0, 0.0, 1.5, -3):
        with pytest.raises(BenchError):
            bind({"k": wrong})


@pytest.mark.parametrize("name", PLAIN)
def test_equals_plain_numpy(name: str) -> None:
    raw, mask = random_maps(), random_masks()
    wanted = [PLAIN[name](s, m) for s, m in zip(arrays(raw), mask.numpy(), strict=True)]
    applies = [not reason for reason in why(name, raw, mask)]
    scores = values(name, raw[applies], mask[applies])
    sampled = name.partition("@")[0] in ("relevance_rank_accuracy", "topk_intersection")
    np.testing.assert_allclose(scores, np.array(wanted)[applies], atol=0.01 if sampled else 1e-9)


@pytest.mark.parametrize("name", ["relevance_rank_accuracy", "topk_intersection@top-5-percent"])
def test_equals_plain_numpy_where_no_pixels_are_equal(name: str) -> None:
    raw, mask = random_maps()[1::2], random_masks()[1::2]
    wanted = [
        PLAIN[f"{name}{'' if '@' in name else '@arras'}"](*p) for p in zip(arrays(raw), mask.numpy(), strict=True)
    ]
    np.testing.assert_allclose(values(name, raw, mask), wanted, atol=1e-12)


def test_equals_scikit_learn() -> None:
    learn = pytest.importorskip("sklearn.metrics")
    raw, mask = random_maps(), random_masks()
    pairs = [(m.ravel(), s.ravel()) for s, m in zip(arrays(raw), mask.numpy(), strict=True)]
    np.testing.assert_allclose(
        values("attribution_auc", raw, mask), [learn.roc_auc_score(*p) for p in pairs], atol=1e-12
    )
    np.testing.assert_allclose(
        values("pxap@exact", raw, mask), [learn.average_precision_score(*p) for p in pairs], atol=1e-12
    )


def test_equals_quantus_where_no_pixels_are_equal() -> None:
    """Quantus' AUC and relevance mass; its pointing game counts an empty mask as a hit, and any of equal pixels."""
    quantus = pytest.importorskip("quantus")
    raw, mask = random_maps(6, 40, 50)[1::2], random_masks(6, 40, 50)[1::2]
    maps = np.stack(arrays(raw))[:, None]
    masks = mask.numpy()[:, None]
    peers = {
        "relevance_rank_accuracy": quantus.RelevanceRankAccuracy,
        "topk_intersection": quantus.TopKIntersection,
        "pointing_game@exact": quantus.PointingGame,
        "attribution_auc": quantus.AUC,
        "energy_pointing_game": quantus.AttributionLocalisation,
    }
    for name, peer in peers.items():
        metric = peer(abs=False, normalise=False, disable_warnings=True, display_progressbar=False)
        peer_values = metric.evaluate_batch(x_batch=np.zeros((3, 3, 40, 50)), a_batch=maps.copy(), s_batch=masks.copy())
        np.testing.assert_allclose(
            values(name, raw, mask), np.ravel(peer_values).astype(float), atol=1e-8, err_msg=name
        )


@pytest.mark.parametrize("name", [n for n in ALL if METRICS[n.partition("@")[0]].ranks_only])
@pytest.mark.parametrize("change", [torch.exp, torch.atan, lambda m: 5 * m - 2], ids=["exp", "atan", "affine"])
def test_ranks_alone_matter_where_it_says_so(name: str, change: Callable[[Tensor], Tensor]) -> None:
    raw, mask = random_maps(4, 40, 50).double(), block().repeat(4, 1, 1)
    np.testing.assert_allclose(values(name, change(raw), mask), values(name, raw, mask), atol=1e-12)


@pytest.mark.parametrize("name", [n for n in ALL if not n.startswith("pointing_game") and "box" not in n])
def test_where_pixels_lie_does_not_matter(name: str) -> None:
    """For all but the pointing game, whose margin and first of equals are places, and the box."""
    raw, mask = random_maps(4, 40, 50), random_masks(4, 40, 50)
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(1))

    def moved(tensor: Tensor) -> Tensor:
        return tensor.flatten(1)[:, order].view_as(tensor)

    np.testing.assert_allclose(values(name, moved(raw), moved(mask)), values(name, raw, mask), atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_batches_change_nothing(name: str) -> None:
    raw, mask = random_maps(4, 40, 50), random_masks(4, 40, 50)
    alone = [values(name, raw[i : i + 1], mask[i : i + 1])[0] for i in range(4)]
    assert values(name, raw, mask) == alone


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_values_stay_in_the_range_and_rise_with_the_object(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 10_000))
    raw, mask = random_maps(2, 34, 36, seed), random_masks(2, 34, 36, seed)
    applies = [not reason for reason in why(name, raw, mask)]
    low, high = METRICS[name.partition("@")[0]].range
    before = values(name, raw[applies], mask[applies])
    after = values(name, (raw + 100 * mask)[applies], mask[applies])
    for lower, higher in zip(before, after, strict=True):
        assert low <= lower <= higher + 1e-12 <= high + 2e-12


def test_a_random_map_scores_chance() -> None:
    mask = block().repeat(40, 1, 1)
    maps = torch.rand(40, 40, 50, generator=torch.Generator().manual_seed(3))
    chance = {"attribution_auc": 0.5}
    for name in ("energy_pointing_game", "relevance_rank_accuracy", "topk_intersection", "attribution_auc", "pxap"):
        assert np.mean(values(name, maps, mask)) == pytest.approx(chance.get(name, 0.09), abs=0.01)
