"""The time left of a run by workers is right within a fifth, however many they are: simulated on a clock of ours."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.engine.crew import Crew, last_free
from benchbench.engine.time_left import Piece, TimeLeft

SHARDS, SECONDS = 1563, 600.0  # 50,000 images, and a row of docs/scale.md
LOOKS = 60  # of a run, and more at its end


def finishes(seconds: Sequence[float], workers: int, start: float = 0.0) -> list[tuple[float, int]]:
    """When each shard arrives; a worker that is free takes the next one."""
    free, arrivals = [start] * workers, []
    for number, each in enumerate(seconds):
        at = heapq.heapreplace(free, free[0] + each) + each
        arrivals.append((at, number))
    return sorted(arrivals)


def told(seconds: Sequence[float], workers: int, start: float) -> Iterator[tuple[float, float, float]]:
    """The clock, the time left by the estimate, and what is left: at arrivals, and between them."""
    left = TimeLeft([Piece(number, "shard", "a", weight=32, pool="net") for number in range(len(seconds))])
    left.by_workers("net", 0.0)
    arrivals = finishes(seconds, workers, start)
    whole, step = arrivals[-1][0], max(1, len(arrivals) // LOOKS)
    for place, (clock, number) in enumerate(arrivals):
        left.arrive(number, clock, seconds=seconds[number], writing=0.0, workers=workers)
        if place % step == 0 or (place > len(arrivals) - 2 * workers and place % 4 == 0):
            following = arrivals[min(place + 1, len(arrivals) - 1)][0]
            for look in (clock, (clock + following) / 2):
                known = left.seconds(look)
                assert known is not None
                yield look, known, whole - look


def varying(count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [SECONDS * draw.uniform(0.7, 1.3) for _ in range(count)]


def equal(count: int) -> list[float]:
    return [SECONDS] * count


@pytest.mark.parametrize("workers", [1, 8, 64])
@pytest.mark.parametrize("count", [100, SHARDS])
@pytest.mark.parametrize(("kind", "slack"), [(equal, 0.05), (varying, 0.5)], ids=["equal", "varying"])
def test_it_is_right_within_a_fifth_of_what_is_left(kind: object, slack: float, count: int, workers: int) -> None:
    """From the first tenth on, when each worker has done a shard; and of a shard, as nobody knows how the last vary."""
    assert callable(kind)
    seconds: list[float] = kind(count)
    looks = list(told(seconds, workers, start=90.0))
    whole = looks[0][0] + looks[0][2]
    each_has_done_one = finishes(seconds, workers, 90.0)[workers - 1][0]
    late = [look for look in looks if look[0] >= max(whole / 10, each_has_done_one)]
    assert len(late) > 30
    for clock, known, left in late:
        assert abs(known - left) <= 0.2 * left + slack * SECONDS, (clock / whole, known, left)


def test_results_that_come_in_bursts_do_not_look_fast() -> None:
    """64 workers and equal shards: after 156 of 1,563 shards 22 rounds of ten minutes are left."""
    looks = list(told(equal(SHARDS), 64, start=20.0))
    (known,) = [known for clock, known, _ in looks if clock == 20 + 3 * SECONDS][-1:]
    assert known == pytest.approx(22 * SECONDS, rel=0.02)


def test_workers_that_wait_for_the_command_are_as_fast_as_it_writes() -> None:
    crew = Crew()
    crew.open("net", 0.0, 101)
    crew.arrive(1.1, seconds=1.0, writing=0.1, workers=64, left=100)
    assert crew.seconds({"net": [(100, 1.0)]}, 1.1) == pytest.approx(10.0)


def test_one_network_comes_after_the_other_and_its_workers_start_again() -> None:
    """27 shards on 64 workers take as long as one of them."""
    crew = Crew()
    crew.open("a", 0.0, 28)
    crew.arrive(50.0, seconds=10.0, writing=0.0, workers=64, left=27)
    assert crew.start == 40.0
    left = crew.seconds({"a": [(27, 10.0)], "b": [(27, 10.0)], "c": [(65, 10.0)]}, 50.0)
    assert left == pytest.approx(0.02 * 10 + (40 + 10) + (40 + 20))
    crew.open("b", 60.0, 27)
    assert crew.seconds({"b": [(27, 10.0)]}, 90.0) == pytest.approx(20.0), "ten seconds until they start, and a shard"
    crew.arrive(130.0, seconds=10.0, writing=0.0, workers=64, left=26)
    assert crew.start == 60.0
    crew.open("b", 131.0, 26)
    assert crew.seconds({"b": [(26, 10.0)]}, 131.0) == pytest.approx(10.0), "they are there for what is derived"


def test_workers_that_join_and_leave_are_counted() -> None:
    crew = Crew()
    crew.open("net", 0.0, 40)
    for left, workers in ((39, 1), (38, 2), (37, 4), (36, 2)):
        clock = 10.0 * (40 - left)
        crew.arrive(clock, seconds=10.0, writing=0.0, workers=workers, left=left)
        rounds = -(-left // workers)
        assert crew.seconds({"net": [(left, 10.0)]}, clock) == pytest.approx(10.0 * rounds, abs=10.0)


@given(
    st.lists(st.floats(0, 9), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(0, 40), st.just(10.0)), min_size=1, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_equal_shards_are_divided_as_by_a_queue(free: list[float], shards: list[tuple[int, float]]) -> None:
    queue = sorted(free)
    for count, seconds in shards:
        for _ in range(count):
            heapq.heapreplace(queue, queue[0] + seconds)
    assert last_free(free, shards) == pytest.approx(max(queue))
