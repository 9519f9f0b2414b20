"""What follows when memory runs out, or when a plugin or a network fails: the whole policy of a study.

- Memory runs out on several images: the same work on fewer of them (``halved``, ``in_pieces``, ``try_batch``). A
  plugin's work is contained: each image is tried alone, and no other plugin's batch gets smaller (``isolate``).
- Anything else fails on several images: each image alone (``isolate``), so that only the guilty images fail.
- Work fails on a single image, or on what cannot be divided: a ``Failure``, which says why, and the study goes on
  (``attempt``). Where the network itself lacks the memory for a single image, the error goes up and ends the study.
- The user's network, data or plugin fails where nothing else can go on: a ``BenchError`` (``as_bench_error``).

A fallback runs after the exception is gone, as an exception holds the memory of the frames that it came through.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeVar

import torch

from .errors import BenchError, NotApplicable, message_of, raised
from .vocabulary import Status

S = TypeVar("S")
T = TypeVar("T")


class Splittable(Protocol):
    """A batch of images that can be cut into smaller batches."""

    def __len__(self) -> int: ...
    def rows(self, start: int, stop: int) -> Self: ...


B = TypeVar("B", bound=Splittable)


@dataclass(frozen=True)
class Failure:
    """Why work gave nothing.

    Attributes:
        reason: for people.
        status: of the rows that the work leaves empty.
        memory: whether memory ran out.
        final: whether to try each image alone is of no use, as the reason is the same for all.
    """

    reason: str
    status: Status = "failed"
    memory: bool = False
    final: bool = False

    @classmethod
    def of(cls, error: Exception, images: int = 0) -> Failure:
        """``images``: on how many the work failed; 0 where it is not of images."""
        memory = out_of_memory(error)
        reason = describe_exception(error) + (" with a single image" if memory and images == 1 else "")
        status: Status = "not_applicable" if isinstance(error, NotApplicable) else "failed"
        return cls(reason, status, memory, isinstance(error, BenchError) and error.final)


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out: torch has a type for it on CUDA only."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in message_of(error)


def describe_exception(error: Exception) -> str:
    """What was raised, and in which file and line."""
    if isinstance(error, BenchError):
        return message_of(error)
    if out_of_memory(error):
        return "out of memory"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{raised(error)}{place}"


def attempt(work: Callable[[], T], *, images: int = 0, contain_memory: bool = False) -> T | Failure:
    """What the work gives, or why it gives nothing.

    Args:
        images: on how many the work is done; 0 where it is not of images.
        contain_memory: whether to run out of memory is a failure like any other; otherwise that error goes up.
    """
    try:
        return work()
    except Exception as error:
        if out_of_memory(error) and not contain_memory:
            raise
        return Failure.of(error, images)


def isolate(
    count: int,
    work: Callable[[], S],
    then: Callable[[S], T],
    alone: Callable[[int], T],
    join: Callable[[Sequence[T]], T],
    refused: Callable[[Failure], T],
    *,
    contain_memory: bool = False,
) -> T:
    """What comes of ``work`` on ``count`` images; if it fails, what ``alone`` gives for each of them, joined.

    Args:
        work: what may fail: the network's or the plugin's code.
        then: from what ``work`` gave to the result. An error in it is no failure of the work, and goes up.
        alone: from the position of an image to the result for it alone.
        refused: the result where ``work`` fails on a single image, or for a reason that is the same for all.
        contain_memory: whether each image is tried alone too where memory ran out on several; otherwise that error
            goes up, to be met with a smaller batch.
    """
    outcome = attempt(work, images=count, contain_memory=contain_memory or count == 1)
    if not isinstance(outcome, Failure):
        return then(outcome)
    if count == 1 or outcome.final:
        return refused(outcome)
    return join([alone(i) for i in range(count)])


def try_batch(work: Callable[[], T], count: int) -> T | None:
    """What the work on ``count`` images gives; None where memory ran out and fewer images can be tried."""
    try:
        return work()
    except Exception as error:
        if count == 1 or not out_of_memory(error):
            raise
    return None


def halved(work: Callable[[int], T], count: int) -> T:
    """What the work gives for ``count`` images; where memory runs out for half of them, and so on."""
    while (result := try_batch(partial(work, count), count)) is None:
        count //= 2
    return result


def in_pieces(batches: Iterable[B], work: Callable[[B], Sequence[B]], shrink: Callable[[int], None]) -> None:
    """Work on each batch, in its order; where memory runs out on a batch, on its two halves, and so on.

    Args:
        work: returns the batches that are to be tried in place of its batch; none where the batch is done.
        shrink: is told the number of images that were too many, before the halves are tried.
    """
    queue = deque(batches)
    while queue:
        batch = queue.popleft()
        rest = try_batch(partial(work, batch), len(batch))
        if rest is None:
            shrink(len(batch))
            half = len(batch) // 2
            rest = (batch.rows(0, half), batch.rows(half, len(batch)))
        queue.extendleft(reversed(rest))


@contextmanager
def as_bench_error(
    what: str,
    *,
    where: str | Callable[[], str] = "",
    hint: str = "",
    kind: type[BenchError] = BenchError,
    contain_memory: bool = False,
) -> Iterator[None]:
    """What the user's network or plugin raises within, as an error of this ``kind`` that begins with ``what``.

    An error of the kind goes up as it is; so does an error that says that memory ran out, unless ``contain_memory``.

    Args:
        where: the place, or what gives it if it is asked for.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, kind) or (out_of_memory(error) and not contain_memory):
            raise
        reason = describe_exception(error) if out_of_memory(error) or isinstance(error, BenchError) else raised(error)
        raise kind(f"{what}: {reason}", where=where() if callable(where) else where, hint=hint) from error
