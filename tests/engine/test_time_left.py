"""The time left is right within 20 % after the first tenth of a run, whatever the work is: on a clock of ours."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.engine.time_left import Outlook, Piece, TimeLeft

STEPS = 12  # looks at the clock within a piece


@dataclass(frozen=True)
class Work:
    """A piece as it is planned, and what is true of it."""

    piece: Piece
    seconds: float
    forwards: float = 0.0
    images: bool = False  # whether it says when a batch is done


def shards(
    count: int, seconds: float, *, group: str = "a", weight: float = 1000, planned: float = 900, true: float = 900
) -> list[Work]:
    """Shards of 32 images: the plan's weight and forwards, the true forwards."""
    return [Work(Piece((group, k), "shard", group, weight, planned, images=32), seconds, true) for k in range(count)]


def costs(count: int, call: float, unit: float, group: str = "cost") -> list[Work]:
    """Methods measured alone: a call takes so many seconds; ten calls are timed, fewer where these take long."""
    timed = min(10, max(3, -(-3.0 // call)))
    return [Work(Piece((group, k), "cost", group, call / unit), call * (timed + 4)) for k in range(count)]


def noisy(work: list[Work], share: float, seed: int = 0) -> list[Work]:
    draw = random.Random(seed)
    return [replace(each, seconds=each.seconds * draw.uniform(1 - share, 1 + share)) for each in work]


def steady() -> list[Work]:
    return shards(40, 3.0)


def warming_up() -> list[Work]:
    first, *others = noisy(shards(60, 2.0), 0.2)
    return [replace(first, seconds=6.0), *others]


def forwards_planned_wrongly() -> list[Work]:
    return shards(30, 5.0, planned=90, true=900)


def without_forwards() -> list[Work]:
    return shards(30, 1.0, planned=0, true=0)


def few_shards() -> list[Work]:
    return shards(3, 40.0)


def a_single_shard_in_batches() -> list[Work]:
    return [replace(each, images=True) for each in shards(1, 60.0, planned=800, true=900)]


def smaller_last_shard() -> list[Work]:
    *others, last = shards(12, 10.0)
    small = replace(last.piece, weight=250, forwards=225, images=8)
    return [*others, Work(small, 2.5, 225)]


def two_networks() -> list[Work]:
    """The second is eight times slower, which was measured, with an error of a tenth."""
    load = Work(Piece("load", "load", "load", 20.0), 22.0)
    return [*shards(10, 10.0, weight=10), load, *shards(10, 80.0, group="b", weight=88)]


def costs_are_half() -> list[Work]:
    return [*shards(10, 10.0), *noisy(costs(30, 0.25, 0.01), 0.2)]


def slow_costs() -> list[Work]:
    return [*shards(8, 10.0), *noisy(costs(4, 4.0, 0.01), 0.1)]


def costs_alone() -> list[Work]:
    return noisy(costs(40, 0.5, 0.02), 0.15)


def resumed() -> list[Work]:
    """Of some shards one metric is missing, of others everything."""
    return [*shards(20, 1.0, group="one metric", weight=100, planned=90, true=90), *shards(20, 9.0, group="all")]


def maps_of_a_whole_data_set() -> list[Work]:
    return [*shards(20, 4.0), *shards(20, 1.2, group="derived", weight=300, planned=300, true=300)]


def tables_last() -> list[Work]:
    return [*shards(20, 4.0), Work(Piece("check", "check", "check", 384), 1.5), Work(Piece("t", "tables", "t", 2), 2.2)]


MEASURED = (two_networks,)  # the weights are in seconds
PROFILES = [
    *(steady, warming_up, forwards_planned_wrongly, without_forwards, few_shards, a_single_shard_in_batches),
    *(smaller_last_shard, two_networks, costs_are_half, slow_costs, costs_alone, resumed, maps_of_a_whole_data_set),
    tables_last,
]


def told(work: list[Work], unit: float | None = None) -> Iterator[tuple[float, float | None, Work]]:
    """The clock at every look, the time left by the estimate, and the piece at work."""
    clock, left = 0.0, TimeLeft([each.piece for each in work], unit)
    for each in work:
        left.begin(each.piece.key, clock)
        for step in range(STEPS):
            clock += each.seconds / STEPS
            left.advance(each.forwards / STEPS)
            if each.images and step % 3 == 2:
                left.images(each.piece.images // 4)
            yield clock, left.seconds(clock), each
        left.end(clock)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.__name__)
def test_it_is_right_within_a_fifth_after_the_first_tenth(profile: object) -> None:
    """Of what is left, and of the piece at work: nobody knows how the last piece differs from those before."""
    assert callable(profile)
    work = profile()
    whole = sum(each.seconds for each in work)
    for clock, left, piece in told(work, 1.0 if profile in MEASURED else None):
        if clock >= whole / 10:
            assert left is not None, clock
            allowed = 0.2 * (whole - clock + piece.seconds)
            assert abs(left - (whole - clock)) <= allowed, (clock / whole, left, whole - clock)


def test_a_machine_that_gets_slower_is_noticed() -> None:
    work = [*shards(40, 2.0), *[replace(each, seconds=5.0) for each in shards(80, 2.0)[40:]]]
    whole = sum(each.seconds for each in work)
    late = [(clock, left) for clock, left, _ in told(work) if clock > 80 + 17 * 5]
    assert all(left is not None and abs(left - (whole - clock)) <= 0.2 * (whole - clock) + 5 for clock, left in late)


def test_nothing_is_told_before_there_is_anything_to_tell_it_by() -> None:
    left = TimeLeft([each.piece for each in steady()])
    assert left.seconds(0.0) is None
    left.begin(("a", 0), 0.0)
    assert left.seconds(1.0) is None
    left.advance(90)  # a tenth of the shard
    assert left.seconds(1.0) == pytest.approx(399, rel=0.01)
    assert TimeLeft([], None).seconds(0.0) is None


def test_a_shard_that_was_there_already_says_nothing_of_others() -> None:
    left = TimeLeft([each.piece for each in shards(3, 4.0)])
    left.begin(("a", 0), 0.0)
    left.end(0.0, counts=False)
    left.begin(("a", 1), 0.0)
    left.end(4.0)
    assert left.seconds(4.0) == pytest.approx(4.0)
    left.begin("not planned", 4.0)
    left.advance(100)
    left.end(9.0)
    assert left.seconds(9.0) == pytest.approx(4.0)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.01, 50), st.floats(0.1, 100)), min_size=1, max_size=12),
    st.sampled_from([None, 1.0, 0.01]),
)
@settings(max_examples=50, deadline=None)
def test_it_is_never_negative_and_ends_at_nothing(rows: list[tuple[str, float, float]], unit: float | None) -> None:
    pieces = [Piece(k, "shard", group, weight, weight, 8) for k, (group, weight, _) in enumerate(rows)]
    work = [Work(piece, seconds, piece.forwards) for piece, (_, _, seconds) in zip(pieces, rows, strict=True)]
    looks = [left for _, left, _ in told(work, unit) if left is not None]
    assert all(left >= 0 for left in looks)
    left, clock = TimeLeft(pieces, unit), 0.0
    for each in work:
        left.begin(each.piece.key, clock)
        clock += each.seconds
        left.end(clock)
    assert left.seconds(clock) == pytest.approx(0.0, abs=1e-6)


def test_the_part_of_the_time_that_is_over() -> None:
    assert Outlook(3, 12, 30.0, 90.0).part == pytest.approx(0.25)
    assert Outlook(0, 12, 30.0, None).part == 0.0
