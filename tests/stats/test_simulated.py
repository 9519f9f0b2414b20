"""Whole studies, simulated: claims that are false stay as rare as they are said to be, and true ones are found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchbench.stats import images_needed, pairs
from benchbench.stats.paired_tests import holm, mcnemar, signed_rank

from .planted import SCALES, of_models, results

STUDIES = 10_000
METHODS = 4
PAIRS = list(itertools.combinations(range(METHODS), 2))


def claims(p: np.ndarray) -> np.ndarray:
    """(studies,): whether any pair of a study is called different; p is (studies * pairs,)."""
    return np.array([(holm(family) < 0.05).any() for family in p.reshape(STUDIES, len(PAIRS))])


def differences(values: np.ndarray) -> np.ndarray:
    """(n, studies * pairs) of (studies, n, methods)."""
    gaps = np.stack([values[:, :, i] - values[:, :, j] for i, j in PAIRS], axis=2)
    return gaps.transpose(1, 0, 2).reshape(values.shape[1], -1)


@pytest.mark.parametrize("kind", ["normal", "heavy", "ties"])
def test_under_the_null_no_more_than_five_in_a_hundred_studies_claim_anything(kind: str) -> None:
    draw = np.random.default_rng(0)
    shape = (STUDIES, 24, METHODS)
    hard = draw.normal(0, 2, (STUDIES, 24, 1))
    noise = draw.standard_t(2, shape) if kind == "heavy" else draw.normal(size=shape)
    values = np.round(noise) if kind == "ties" else hard + noise
    rate = claims(signed_rank(differences(values))[0]).mean()
    assert rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert rate > 0.015, "the test is not asleep"


def test_under_the_null_mcnemar_with_holm_keeps_its_level() -> None:
    draw = np.random.default_rng(1)
    hard = draw.uniform(size=(STUDIES, 60, 1))
    values = (draw.uniform(size=(STUDIES, 60, METHODS)) < hard).astype(float)
    rate = claims(mcnemar(differences(values))[0]).mean()
    assert rate < 0.05
    assert rate > 0.005


def test_with_some_true_differences_false_ones_stay_rare() -> None:
    """Methods 0 and 1 are equal, 2 and 3 too, and the pairs differ: Holm holds the level for the equal ones."""
    draw = np.random.default_rng(2)
    values = draw.normal(0, 1, (STUDIES, 24, METHODS)) + np.array([0, 0, 1.5, 1.5])
    p = signed_rank(differences(values))[0].reshape(STUDIES, len(PAIRS))
    adjusted = np.array([holm(family) for family in p])
    equal = [PAIRS.index((0, 1)), PAIRS.index((2, 3))]
    true = [place for place in range(len(PAIRS)) if place not in equal]
    assert (adjusted[:, equal] < 0.05).any(1).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert (adjusted[:, true] < 0.05).mean() > 0.8


def test_a_study_of_the_announced_size_finds_the_planted_difference() -> None:
    """From the table to the verdict, 200 times: three methods, one better than the others by d_z = 0.6."""
    images = images_needed(3, 0.6)
    draw = np.random.default_rng(3)
    studies = {}
    for study in range(200):
        base = draw.uniform(0, 1, images)
        studies[f"net {study}"] = {
            name: base + draw.normal(shift, np.sqrt(0.5), images) for name, shift in (("a", 0.6), ("b", 0), ("c", 0))
        }
    table = pairs(of_models(studies, "loss"), SCALES, margin=0.0)
    verdicts = table["verdict"].to_numpy().reshape(200, 3)
    power, honest = (verdicts[:, 0] == "worse").mean(), (verdicts[:, 2] == "inconclusive").mean()
    assert 0.76 < power < 0.9
    assert honest > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 400)


def test_equivalence_is_claimed_falsely_no_more_than_five_times_in_a_hundred() -> None:
    """The true difference is the margin itself: 2,000 studies of 60 images."""
    draw = np.random.default_rng(4)
    gaps = draw.normal(0.01, 0.02, (2_000, 60))
    sorted_names = {f"m{i}": gap for i, gap in enumerate(gaps)}
    table = pairs(
        results({"zero": np.zeros(60), **dict(list(sorted_names.items())[:400])}),
        SCALES,
        {f"m{i}" for i in range(2000)},
    )
    rate = (table["verdict"] == "equivalent").mean()
    assert rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
