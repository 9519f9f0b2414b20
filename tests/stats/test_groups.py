"""Mean ranks and critical-difference groups, against planted ones and scipy's ranks."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.stats import Ranked, letters, pairs, ranked
from benchbench.stats.rank_groups import letter_groups

from .planted import FAILED, NOT_APPLICABLE, SCALES, Values, results


def of(values: Values, metric: str = "score", controls: frozenset[str] = frozenset()) -> list[Ranked]:
    table = results(values, metric)
    return ranked(table, SCALES, pairs(table, SCALES, controls), controls)


def steps(images: int = 60, **shifts: float) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {name: shift + draw.normal(0, 0.02, images) for name, shift in shifts.items()}


def test_two_clusters_are_two_groups() -> None:
    (ranking,) = of(steps(a=0.50, b=0.501, c=0.2, d=0.201, e=0.199))
    assert set(ranking.methods[:2]) == {"a", "b"}
    assert ranking.groups == ((0, 1), (2, 3, 4))
    assert ranking.n == 60


def test_a_chain_is_overlapping_groups() -> None:
    """a and c differ, and b lies between without differing from either."""
    draw = np.random.default_rng(4)
    a = draw.normal(0.5, 0.1, 50)
    values = {"a": a, "b": a - draw.normal(0.005, 0.02, 50), "c": a - draw.normal(0.009, 0.02, 50)}
    (ranking,) = of(values)
    tested = pairs(results(values), SCALES).set_index(["method", "other"])["p_holm"] < 0.05
    assert tested.to_dict() == {("a", "b"): False, ("a", "c"): True, ("b", "c"): False}
    assert ranking.methods == ("a", "b", "c")
    assert ranking.groups == ((0, 1), (1, 2))


def test_the_ranks_are_scipys_with_one_the_best() -> None:
    values = {name: np.random.default_rng(i).integers(0, 4, 25) / 4 for i, name in enumerate("abcd")}
    (ranking,) = of(values)
    expected = scipy.stats.rankdata(-np.column_stack(list(values.values())), axis=1).mean(0)
    assert dict(zip(ranking.methods, ranking.ranks, strict=True)) == pytest.approx(
        dict(zip("abcd", expected, strict=True))
    )
    assert list(ranking.ranks) == sorted(ranking.ranks)
    (lower,) = of(values, "loss")
    assert dict(zip(lower.methods, lower.ranks, strict=True)) == pytest.approx(
        {name: 5 - rank for name, rank in zip("abcd", expected, strict=True)}
    )


def test_a_failure_is_last_on_its_image_and_two_failures_share_it() -> None:
    (ranking,) = of({"a": [0.9, FAILED], "b": [0.1, 0.2], "c": [0.5, FAILED]})
    assert dict(zip(ranking.methods, ranking.ranks, strict=True)) == {"a": 1.75, "b": 2.0, "c": 2.25}


def test_controls_and_methods_on_other_images_are_not_ranked() -> None:
    values: Values = {"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.1], "c": [0.9, NOT_APPLICABLE, 0.9], "random": [1, 1, 1]}
    (ranking,) = of(values, controls=frozenset({"random"}))
    assert set(ranking.methods) == {"a", "b"}
    assert of({"a": [0.1], "random": [0.2]}, controls=frozenset({"random"})) == []


def insert_and_absorb(apart: np.ndarray) -> set[frozenset[int]]:
    """Piepho (2004), section 3, word by word: the columns of the display before it is swept.

    A column that joins all; for each pair that differs, each column that joins the two is replaced by two copies, each
    without one of them, and a column that is part of another one is absorbed by it.
    """
    columns = {frozenset(range(len(apart)))}
    for i, j in itertools.combinations(range(len(apart)), 2):
        if apart[i, j]:
            split = {column - {place} for column in columns if {i, j} <= column for place in (i, j)}
            columns = {column for column in columns if not {i, j} <= column} | split
            columns = {column for column in columns if not any(column < other for other in columns)}
    return columns


@given(st.integers(1, 9), st.data())
@settings(max_examples=300, deadline=None)
def test_every_letter_is_a_column_of_piephos_insert_and_absorb(size: int, data: st.DataObject) -> None:
    """And his columns say nothing more: they join the same pairs. What is left out is redundant (his sweeping)."""
    apart = verdicts(size, data)
    columns, groups = insert_and_absorb(apart), letter_groups(apart)
    assert {frozenset(group) for group in groups} <= columns
    joined, shown = (
        {pair for column in each for pair in itertools.combinations(sorted(column), 2)} for each in (columns, groups)
    )
    assert joined == shown
    assert set().union(*groups) == set(range(size))


def verdicts(size: int, data: st.DataObject) -> np.ndarray:
    """(size, size): which two differ, at random."""
    apart = np.zeros((size, size), dtype=np.bool_)
    for i, j in itertools.combinations(range(size), 2):
        apart[i, j] = apart[j, i] = data.draw(st.booleans())
    return apart


def test_piephos_display_of_a_chain() -> None:
    """Five methods of which neighbours do not differ: four letters, as in a line display."""
    apart = np.abs(np.arange(5)[:, None] - np.arange(5)) > 1
    assert {frozenset(group) for group in letter_groups(apart)} == insert_and_absorb(apart)
    assert letters(5, letter_groups(apart)) == ["a", "ab", "bc", "cd", "d"]


@given(st.integers(1, 9), st.data())
@settings(max_examples=300, deadline=None)
def test_two_methods_share_a_letter_iff_they_do_not_differ(size: int, data: st.DataObject) -> None:
    """On any matrix of verdicts; and no letter is there for nothing."""
    apart = verdicts(size, data)
    groups = letter_groups(apart)
    labels = letters(size, groups)
    assert all(labels)
    for i, j in itertools.combinations(range(size), 2):
        assert bool(set(labels[i]) & set(labels[j])) == (not apart[i, j])
    for group in groups:
        rest = [set(itertools.combinations(other, 2)) for other in groups if other != group]
        assert len(group) == 1 or set(itertools.combinations(group, 2)) - set().union(*rest)


def test_a_pair_that_differs_between_two_that_do_not_has_letters_of_its_own() -> None:
    """Ranked 1 2 3 4: only 2 and 3 differ. One run of neighbours cannot say that 1 and 4 are alike to both."""
    apart = np.zeros((4, 4), dtype=np.bool_)
    apart[1, 2] = apart[2, 1] = True
    assert letter_groups(apart) == ((0, 1, 3), (0, 2, 3))
    assert letters(4, letter_groups(apart)) == ["ab", "a", "b", "ab"]


def test_sixty_methods_have_their_letters_at_once() -> None:
    """Twenty triples, all of which differ inside and not outside: 3^20 largest sets, and a display all the same."""
    same = np.arange(60)[:, None] // 3 == np.arange(60)[None] // 3
    groups = letter_groups(same & ~np.eye(60, dtype=np.bool_))
    shared = np.zeros((60, 60), dtype=np.bool_)
    for group in groups:
        shared[np.ix_(group, group)] = True
    np.testing.assert_array_equal(shared, ~same | np.eye(60, dtype=np.bool_))


def test_every_contest_has_its_own_ranking() -> None:
    table = pd.concat([results(steps(a=0.5, b=0.2), layer="one"), results(steps(a=0.1, b=0.2), layer="two")])
    rankings = ranked(table, SCALES, pairs(table, SCALES))
    assert [(ranking.key[2], ranking.methods) for ranking in rankings] == [("one", ("a", "b")), ("two", ("b", "a"))]
