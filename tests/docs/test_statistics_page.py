"""docs/statistics.md: its numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from benchbench.api.run import Run
from benchbench.stats import ALPHA, MARGIN, RESAMPLES, fewest_equivalent, fewest_images, images_needed
from benchbench.stats.metric_scale import RESOLUTION
from benchbench.stats.overall_ranking import FEWEST as FEWEST_RESAMPLED
from benchbench.stats.overall_ranking import RESAMPLES as TWO_LEVEL
from benchbench.stats.paired_tests import EXACT
from benchbench.stats.split_halves import FEWEST, SPLITS
from benchbench.vocabulary import FAMILIES, QUALITY_FAMILIES, QUALITY_MEANS

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


def test_images_needed() -> None:
    rows = re.findall(r"^\| (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for methods, *needed, fewest in rows:
        assert [int(text.replace(",", "")) for text in needed] == [
            images_needed(int(methods), effect) for effect in (0.1, 0.2, 0.5)
        ]
        assert int(fewest) == fewest_images(int(methods))


def test_constants() -> None:
    assert f"{RESAMPLES:,} draws; a seed" in PAGE
    assert f"fewer than {FEWEST_RESAMPLED} independent images" in PAGE
    assert f"two-level bootstrap ({TWO_LEVEL:,} resamples)" in PAGE
    assert f"up to {EXACT} differences" in PAGE
    assert f"`p_holm` < {ALPHA}" in PAGE
    assert f"{SPLITS:,} random splits" in PAGE
    assert (MARGIN, RESOLUTION, FEWEST) == (0.01, 1e-6, 4), "1 % of the range, a millionth, fewer than four"


def test_images_needed_for_equivalence() -> None:
    rows = re.findall(r"^\| (\d+) % of the range \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [int(share) for share, _ in rows] == [1, 2, 5, 10]
    assert all(int(images) == fewest_equivalent(int(share) / 100) for share, images in rows)


def test_what_quality_is() -> None:
    """One sentence, everywhere: it names every family."""
    assert QUALITY_MEANS in PAGE
    assert QUALITY_MEANS in " ".join((Run.ranking.__doc__ or "").split()).replace("`", "")
    assert f"Quality is {' and '.join(QUALITY_FAMILIES)}" in QUALITY_MEANS
    assert all(family in QUALITY_MEANS for family in FAMILIES if family != "other")
    assert set(QUALITY_FAMILIES) < set(FAMILIES)
