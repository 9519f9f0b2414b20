"""Metrics that take boxes: by hand, and as a mask of the same rectangle would score."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchbench.metrics._regions import CUT_AWAY, EMPTY, NO_TRUTH
from benchbench.registry import METRICS
from benchbench.study.spec import read_metric
from benchbench.types import Scored

from .planted_maps import random_maps, scored, seen

EITHER = [
    *("pointing_game@torchray-15", "pointing_game@exact", "energy_pointing_game@scorecam-box"),
    *("max_box_acc@wsol-v1", "max_box_acc_v2@wsol-v2", "max_box_acc@wsol-v1-components"),
]
BOX = torch.tensor([[4.0, 3, 12, 9]])


def rectangle(boxes: Tensor, size: tuple[int, int] = (20, 28)) -> Tensor:
    """(H, W) bool: whole boxes drawn."""
    mask = torch.zeros(*size, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes.int().tolist():
        mask[y0:y1, x0:x1] = True
    return mask


def judged(name: str, raw: Tensor, mask: Tensor | None, *boxes: Tensor | None) -> Scored:
    return scored(name, replace(seen(raw, mask), boxes=boxes))


@pytest.mark.parametrize("name", EITHER)
def test_a_box_scores_as_a_mask_of_the_same_rectangle(name: str) -> None:
    raw = random_maps(4)
    masks = rectangle(BOX).repeat(4, 1, 1)
    by_mask, by_box = judged(name, raw, masks), judged(name, raw, None, *[BOX] * 4)
    assert torch.equal(torch.as_tensor(by_mask.value), torch.as_tensor(by_box.value))
    if by_mask.levels is not None:
        assert by_box.levels is not None
        assert torch.equal(by_mask.levels[1], by_box.levels[1])


@pytest.mark.parametrize("name", EITHER)
def test_why_an_image_has_no_truth(name: str) -> None:
    raw = random_maps(3)
    assert judged(name, raw, None, BOX, None, BOX[:0]).inapplicable == ("", NO_TRUTH, CUT_AWAY)
    assert judged(name, raw, None).inapplicable == (NO_TRUTH,) * 3
    masks = rectangle(BOX).repeat(3, 1, 1)
    masks[1] = False
    wanted = ("", EMPTY, "") if read_metric(name).plugin.truth == "mask-else-box" else (CUT_AWAY, EMPTY, "")
    assert judged(name, raw, masks, BOX[:0], None, BOX).inapplicable == wanted


def test_boxes_go_before_the_mask_in_box_metrics_and_after_it_in_the_pointing_game() -> None:
    here, there = rectangle(BOX)[None], torch.tensor([[16.0, 10, 26, 18]])
    raw = here.float()
    assert torch.as_tensor(judged("max_box_acc", raw, here, there).value).tolist() == [0]
    assert torch.as_tensor(judged("energy_pointing_game@scorecam-box", raw, here, there).value).tolist() == [0]
    assert torch.as_tensor(judged("energy_pointing_game@minmax-mask", raw, here, there).value).tolist() == [1]
    assert torch.as_tensor(judged("pointing_game@exact", raw, here, there).value).tolist() == [1]


def test_the_best_of_several_boxes_counts() -> None:
    """And energy counts on all of them: half of it is on each of two."""
    two = torch.tensor([[2.0, 2, 8, 8], [15, 10, 21, 16]])
    raw = rectangle(two[:1])[None].float()
    assert torch.as_tensor(judged("max_box_acc", raw, None, two).value).tolist() == [1]
    both = rectangle(two)[None].float()
    assert torch.as_tensor(judged("energy_pointing_game@scorecam-box", both, None, two[:1]).value).tolist() == [0.5]
    assert torch.as_tensor(judged("energy_pointing_game@scorecam-box", both, None, two).value).tolist() == [1]


def test_fractions_of_a_pixel_are_cut_off_for_iou_and_touched_for_regions() -> None:
    """IoU of 8 x 6 as the authors cut it, not of 8.9 x 6.9."""
    fractions = BOX + torch.tensor([0.0, 0, 0.9, 0.9])
    raw = rectangle(BOX)[None].float()
    assert torch.as_tensor(judged("max_box_acc_v2", raw, None, fractions).value).tolist() == [1]
    touching = torch.as_tensor(judged("energy_pointing_game@scorecam-box", 1 - raw, None, fractions).value)
    assert float(touching) == pytest.approx((9 * 7 - 8 * 6) / (20 * 28 - 8 * 6))


def test_every_localisation_metric_says_its_truth() -> None:
    truths = {
        f"{plugin.name}@{protocol}": plugin.reading_of(plugin.bind(params)).truth
        for plugin in METRICS.load().values()
        for protocol, params in plugin.protocols.items()
        if plugin.family == "localisation" and plugin.function.__module__.startswith("benchbench.metrics.")
    }
    assert all(truths.values()), truths
    assert truths["pointing_game@torchray-15"] == "mask-else-box"
    assert truths["energy_pointing_game@scorecam-box"] == "box-else-mask"
    assert (
        truths["energy_pointing_game@minmax-mask"] == truths["pxap@wsol-1000"] == truths["iou@held-out-255"] == "mask"
    )
    assert truths["max_box_acc@wsol-v1"] == truths["max_box_acc_v2@wsol-v2"] == "box-else-mask"
