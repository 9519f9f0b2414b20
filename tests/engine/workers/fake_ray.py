"""A cluster without processes: it has places for so many actors, and a test decides which of them end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """What Ray raises."""


class RayTaskError(RayError):
    """Of an error in an actor's code."""

    cause: Exception | None = None


class DiedError(RayError):
    """An actor is gone."""

    actor_init_failed = False


@dataclass(eq=False)
class Answer:
    """What a call of an actor will return; a call of ``ready`` or ``close`` has no job."""

    actor: FakeActor
    job: Any = None
    error: RayError | None = None


@dataclass(eq=False)
class FakeActor:
    """An actor that may have a place; ``alive``: until it is killed; ``dismissed``: how often it was closed."""

    number: int
    alive: bool = True
    dismissed: int = 0

    @property
    def ready(self) -> Any:
        return SimpleNamespace(remote=lambda: Answer(self))

    @property
    def close(self) -> Any:
        return SimpleNamespace(remote=self._close)

    def _close(self) -> Answer:
        self.dismissed += self.alive
        return Answer(self)

    @property
    def work(self) -> Any:
        return SimpleNamespace(remote=lambda job: Answer(self, job))


@dataclass(eq=False)
class FakeRay:
    """As much of Ray as a pool uses.

    Attributes:
        machines: their resources.
        places: how many actors run at once; others wait until one ends.
        fails: of an answer that is about to be read, the error in its place.
        actors: all that were asked for.
        killed: numbers of those that the pool killed.
    """

    machines: Sequence[Mapping[str, float]]
    places: int
    fails: Callable[[Answer], RayError | None] = lambda answer: None
    actors: list[FakeActor] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": each} for each in self.machines] + [
            {"Alive": False, "Resources": {"CPU": 99.0, "GPU": 99.0}}
        ]

    def available_resources(self) -> dict[str, float]:
        return {"memory": 1.0}

    def put(self, order: Any) -> Any:
        return order

    def remote(self, **_: Any) -> Callable[[type], Any]:
        return lambda kind: SimpleNamespace(remote=self._start)

    def _start(self, *_: Any) -> FakeActor:
        self.actors.append(FakeActor(len(self.actors)))
        return self.actors[-1]

    def wait(
        self, answers: Sequence[Answer], *, num_returns: int, timeout: float | None
    ) -> tuple[list[Answer], list[Answer]]:
        placed = [actor for actor in self.actors if actor.alive][: self.places]
        came = [each for each in answers if each.actor in placed or not each.actor.alive][:num_returns]
        assert came or timeout is not None, "the pool waits for ever"
        return came, [each for each in answers if each not in came]

    def get(self, answer: Answer) -> Any:
        error = self.fails(answer)
        if error is not None or not answer.actor.alive:
            raise error or DiedError("the actor died")
        return answer.job

    def kill(self, actor: FakeActor | None) -> None:
        """None: the mailbox."""
        if actor is not None:
            actor.alive = False
            self.killed.append(actor.number)
