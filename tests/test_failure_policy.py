"""The failure policy: what is tried again on fewer images, what is tried alone, and what goes up."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest
import torch

from benchbench.errors import BenchError, NotApplicable
from benchbench.failure_policy import Failure, as_bench_error, attempt, halved, in_pieces, isolate, try_batch

ROOT = Path(__file__).parent.parent
SHORT = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: not enough")]
OTHER = [ValueError("no"), RuntimeError("shape"), NotApplicable("no head"), BenchError("no layer"), AssertionError()]


@dataclass(frozen=True)
class Names:
    """A batch of which every image has a letter."""

    letters: str

    def __len__(self) -> int:
        return len(self.letters)

    def rows(self, start: int, stop: int) -> Self:
        return replace(self, letters=self.letters[start:stop])


def raising(error: Exception) -> str:
    raise error


@pytest.mark.parametrize("error", SHORT, ids=repr)
def test_memory_goes_up_unless_it_is_contained(error: Exception) -> None:
    with pytest.raises(type(error)):
        attempt(lambda: raising(error))
    contained = attempt(lambda: raising(error), contain_memory=True)
    assert contained == Failure("out of memory", "failed", memory=True)
    single = attempt(lambda: raising(error), images=1, contain_memory=True)
    assert single == Failure("out of memory with a single image", "failed", memory=True)


@pytest.mark.parametrize("error", OTHER, ids=repr)
@pytest.mark.parametrize("contain_memory", [True, False])
def test_any_other_error_is_a_failure_with_its_reason(error: Exception, contain_memory: bool) -> None:
    failure = attempt(lambda: raising(error), contain_memory=contain_memory)
    assert isinstance(failure, Failure)
    assert not failure.memory
    assert failure.status == ("not_applicable" if isinstance(error, NotApplicable) else "failed")
    if isinstance(error, BenchError):
        assert failure.reason == str(error)
    else:
        assert failure.reason.startswith(type(error).__name__)
        assert "(test_failure_policy.py:" in failure.reason


def test_work_that_returns_is_neither_tried_again_nor_changed() -> None:
    assert attempt(lambda: "maps") == "maps"
    assert try_batch(lambda: "maps", 4) == "maps"
    assert isolate(3, lambda: 7, str, lambda i: f"{i}", "+".join, lambda failure: failure.reason) == "7"


def test_only_the_guilty_image_fails() -> None:
    def score(letters: str) -> list[str]:
        if "c" in letters:
            raise ValueError("it is c")
        return [letter.upper() for letter in letters]

    def run(letters: str) -> list[str]:
        return isolate(
            len(letters),
            lambda: score(letters),
            list,
            lambda i: run(letters[i]),
            lambda parts: [value for part in parts for value in part],
            lambda failure: [failure.status],
        )

    assert run("abcd") == ["A", "B", "failed", "D"]
    assert run("abd") == ["A", "B", "D"]


@pytest.mark.parametrize("error", SHORT, ids=repr)
def test_memory_on_several_goes_up_or_each_is_tried_alone(error: Exception) -> None:
    def run(*, contain_memory: bool) -> str:
        return isolate(
            3,
            lambda: raising(error),
            str,
            lambda i: f"{i}",
            "+".join,
            lambda failure: "refused",
            contain_memory=contain_memory,
        )

    assert run(contain_memory=True) == "0+1+2"
    with pytest.raises(type(error)):
        run(contain_memory=False)
    alone = isolate(1, lambda: raising(error), str, str, "+".join, lambda failure: failure.reason)
    assert alone == "out of memory with a single image"


def test_the_fallback_runs_when_the_exception_and_its_frames_are_gone() -> None:
    class Big:
        pass

    alive: list[weakref.ref[Big]] = []

    def whole() -> bool:
        big = Big()
        alive.append(weakref.ref(big))
        raise ValueError(big.__class__.__name__)

    gc.disable()
    try:
        assert isolate(2, whole, bool, lambda i: alive[0]() is None, all, lambda failure: False)
    finally:
        gc.enable()


def test_an_error_in_what_follows_is_no_failure_of_the_work() -> None:
    def then(value: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        isolate(3, lambda: 7, then, lambda i: i, len, lambda failure: -1)


def test_a_reason_that_is_the_same_for_all_is_asked_once() -> None:
    class FinalError(BenchError):
        final = True

    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        raise FinalError("no need was declared")

    assert isolate(5, work, int, lambda i: i, len, lambda failure: -1) == -1
    assert len(tries) == 1


def test_pieces_are_halved_in_order_until_they_fit() -> None:
    sizes: list[int] = []
    done: list[str] = []

    def work(batch: Names) -> Sequence[Names]:
        if len(batch) > 2:
            raise MemoryError
        done.append(batch.letters)
        return ()

    in_pieces([Names("abcdefg"), Names("hi")], work, sizes.append)
    assert "".join(done) == "abcdefghi"
    assert sizes == [7, 3, 4]
    assert max(map(len, done)) == 2


def test_pieces_that_work_returns_are_next() -> None:
    done: list[str] = []

    def work(batch: Names) -> Sequence[Names]:
        if len(batch) > 1:
            return [batch.rows(i, i + 1) for i in range(len(batch))]
        done.append(batch.letters)
        return ()

    in_pieces([Names("abc"), Names("d")], work, lambda count: None)
    assert done == list("abcd")


@pytest.mark.parametrize("error", SHORT, ids=repr)
def test_memory_that_a_single_image_lacks_goes_up(error: Exception) -> None:
    with pytest.raises(type(error)):
        in_pieces([Names("abc")], lambda batch: raising(error), lambda count: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(type(error)):
        halved(lambda count: raising(error), 4)


def test_halved_gives_what_fits() -> None:
    assert halved(lambda count: count if count < 4 else raising(MemoryError()), 13) == 3
    with pytest.raises(ValueError, match="no"):
        halved(lambda count: raising(ValueError("no")), 13)


def test_what_the_users_network_raises_is_told_in_its_place() -> None:
    told = re.escape("study: the network fails: ValueError: no. Look there")
    with (
        pytest.raises(BenchError, match=told),
        as_bench_error("the network fails", where="study", hint="Look there"),
    ):
        raise ValueError("no")
    with pytest.raises(NotApplicable, match="no head"), as_bench_error("the network fails"):
        raise NotApplicable("no head")
    with pytest.raises(NotApplicable, match="no copy: no copies"), as_bench_error("no copy", kind=NotApplicable):
        raise BenchError("no copies")
    with pytest.raises(MemoryError), as_bench_error("the network fails"):
        raise MemoryError
    with (
        pytest.raises(BenchError, match="fails: out of memory"),
        as_bench_error("the network fails", contain_memory=True),
    ):
        raise MemoryError


def test_who_else_asks_whether_memory_ran_out() -> None:
    """One place for the policy: besides it, only the end of a run asks, which says it to the user."""
    assert files_with("out_of_memory(") | files_with("OutOfMemoryError") == {
        "failure_policy.py",
        "engine/run_errors.py",
    }


def test_who_else_catches_every_exception() -> None:
    """What is no part of a study's work: reading files and plugins, and what has another way if it fails."""
    files = {"datasets/sources/torch_dataset.py", "models/checkpoint_file.py"}
    files |= {
        "datasets/archives/hugging_face.py",
        "untrusted_picture.py",
        "remote/object_folder.py",
        "results/bundle.py",
    }
    files |= {"results/array_file.py", "results/table_file.py"}
    plugins = {"registry/library.py", "registry/plugin.py", "testing/session_runs.py"}
    other_ways = {
        "containment/process_settings.py",
        "network/fast_copy.py",
        "tracing/forward.py",
        "models/disconnect.py",
        "engine/workers/order.py",
    }
    assert (
        files_with("except Exception") == {"failure_policy.py", "engine/run_errors.py"} | files | plugins | other_ways
    )


def files_with(text: str) -> set[str]:
    room = ROOT / "benchbench"
    return {str(path.relative_to(room)) for path in room.rglob("*.py") if text in path.read_text(encoding="utf-8")}
