"""What a run says of the images that its open pairs would take, also of a single pair."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from benchbench.reports.html.images_needed import ImagesNeeded, _needed


@pytest.mark.parametrize(
    ("verdicts", "decides", "more", "sentence"),
    [
        (
            (30, 10, 20),
            10,
            78,
            "14 images decide 40 of 60 pairs, 10 of them as equivalent. 78 images in total would decide half of the "
            "20 others.",
        ),
        (
            (30, 10, 21),
            4,
            78,
            "14 images decide 40 of 61 pairs, 10 of them as equivalent. 78 images in total would decide 4 of the 21 "
            "others. For the rest no number can be estimated.",
        ),
        ((0, 0, 1), 1, 77, "14 images decide 0 of 1 pair. 77 images in total would decide it."),
        ((2, 0, 1), 1, 77, "14 images decide 2 of 3 pairs. 77 images in total would decide the other one."),
        ((2, 0, 1), 0, None, "14 images decide 2 of 3 pairs. For the other one no number can be estimated."),
        ((0, 0, 3), 0, None, "14 images decide 0 of 3 pairs. For the 3 others no number can be estimated."),
        ((3, 0, 0), 0, None, "14 images decide 3 of 3 pairs."),
    ],
)
def test_the_sentence(verdicts: tuple[int, int, int], decides: int, more: int | None, sentence: str) -> None:
    metric: Any = None
    assert ImagesNeeded(metric, *verdicts, (14, 14), decides, more, ()).sentence == sentence


KEYS = {"model": "net", "dataset": "data", "layer": "last"}


def images_of(needs: list[int | None], verdicts: list[str], test: str = "wilcoxon") -> ImagesNeeded:
    """Of pairs of the method "a" with others, each with the images that it takes (None: not known) and its verdict."""
    metric: Any = None
    names = [f"m{number}" for number in range(len(needs))]
    pairs = pd.DataFrame({**KEYS, "method": "a", "other": names, "verdict": verdicts, "test": test, "n": 14})
    power = pd.DataFrame({**KEYS, "method": "a", "other": names, "needed": pd.array(needs, dtype="Int64")})
    return _needed(metric, pairs, power)


@pytest.mark.parametrize(
    ("needs", "decides", "more"),
    [
        ([100, 200, None, None], 2, 200),  # 150 would decide one alone
        ([100, 200, 300, 400], 2, 200),
        ([400, 100, 300], 2, 300),
        ([100, None, None, None], 1, 100),
        ([None, None], 0, None),
    ],
)
def test_so_many_images_decide_so_many_open_pairs(needs: list[int | None], decides: int, more: int | None) -> None:
    of_these = images_of(needs, ["inconclusive"] * len(needs))
    assert (of_these.decides, of_these.more) == (decides, more)
    assert sum(need is not None and need <= (more or 0) for need in needs) == decides


def test_decided_pairs_do_not_count() -> None:
    of_these = images_of([10, 20, 300], ["better", "equivalent", "inconclusive"])
    assert (of_these.undecided, of_these.decides, of_these.more) == (1, 1, 300)
    assert of_these.shares[0] == pytest.approx(1 / 3)


def test_mcnemars_test_has_no_number_and_no_curve() -> None:
    of_these = images_of([100, 200], ["inconclusive", "inconclusive"], test="mcnemar")
    assert of_these.more is None
    assert of_these.curve == ""
    assert of_these.sentence.endswith("For the 2 others no number can be estimated.")
