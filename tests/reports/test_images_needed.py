"""What a run says of the images that its open pairs would take, also of a single pair."""

from __future__ import annotations

from typing import Any

import pytest

from benchbench.reports.html.images_needed import ImagesNeeded


@pytest.mark.parametrize(
    ("verdicts", "median", "sentence"),
    [
        (
            (30, 10, 20),
            78,
            "14 images decide 40 of 60 pairs, 10 of them as equivalent. 78 images in total would decide half of the "
            "20 others.",
        ),
        ((0, 0, 1), 77, "14 images decide 0 of 1 pair. 77 images in total would decide it."),
        ((2, 0, 1), 77, "14 images decide 2 of 3 pairs. 77 images in total would decide the other one."),
        ((2, 0, 1), None, "14 images decide 2 of 3 pairs. For the other one no number can be estimated."),
        ((0, 0, 3), None, "14 images decide 0 of 3 pairs. For the 3 others no number can be estimated."),
        ((3, 0, 0), None, "14 images decide 3 of 3 pairs."),
    ],
)
def test_the_sentence(verdicts: tuple[int, int, int], median: int | None, sentence: str) -> None:
    metric: Any = None
    assert ImagesNeeded(metric, *verdicts, (14, 14), median, ()).sentence == sentence
