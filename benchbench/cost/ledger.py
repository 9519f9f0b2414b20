"""Who caused which seconds and passes while a study's maps are made, and what several methods had in common.

A method's own work is what runs while it makes its maps. What was made for several, as one forward and backward for
every method at every layer, is divided into equal parts among those who used it, whoever asked first.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..types import CostShare

User: TypeAlias = tuple[str, str, str]  # dataset, layer, method


@dataclass
class Passes:
    """Images that went through the network: forwards, backwards, and ``rests``, through what is behind a layer alone.

    And probes and maps: asked for, and scored.
    """

    forwards: int = 0
    backwards: int = 0
    rests: int = 0
    probes_asked: int = 0
    probes_scored: int = 0
    maps_asked: int = 0
    maps_scored: int = 0

    def add(self, other: Passes) -> None:
        """Count what another account counted."""
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)

    def forward(self, output: Tensor, *, behind: bool = False) -> None:
        """Count a forward pass by its output, one row per image, and every backward pass that starts there.

        Args:
            behind: the pass is through what is behind a layer alone.
        """
        if behind:
            self.rests += len(output)
        else:
            self.forwards += len(output)
        if output.requires_grad:
            output.register_hook(self._backward)  # type: ignore[no-untyped-call]

    def _backward(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)


def count_forwards(network: nn.Module, passes: Passes, *, behind: bool = False) -> RemovableHandle:
    """Count the network's passes, and those of its copies, by a hook on it; ``behind``: see ``Passes.forward``."""

    def count(_module: nn.Module, _inputs: Any, output: Any) -> None:  # a closure: copies of the network share it
        if isinstance(output, Tensor):
            passes.forward(output, behind=behind)

    return network.register_forward_hook(count)


@dataclass(frozen=True)
class Usage:
    """Wall seconds, and images through the network."""

    seconds: float = 0.0
    forwards: float = 0.0
    backwards: float = 0.0
    rests: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Usage) -> Usage:
        return self + other * -1

    def __mul__(self, factor: float) -> Usage:
        return Usage(*(getattr(self, f.name) * factor for f in fields(self)))


@dataclass(eq=False)
class _Page:
    """What was spent: by user alone, and by thing in common, with its users; and how many images a user explained."""

    exclusive: dict[User, Usage] = field(default_factory=dict)
    images: dict[User, int] = field(default_factory=dict)
    common: dict[Hashable, Usage] = field(default_factory=dict)
    users: dict[Hashable, set[User]] = field(default_factory=dict)

    def add(self, other: _Page) -> None:
        for user, spent in other.exclusive.items():
            self.exclusive[user] = self.exclusive.get(user, Usage()) + spent
            self.images[user] = self.images.get(user, 0) + other.images[user]
        for what, spent in other.common.items():
            self.common[what] = self.common.get(what, Usage()) + spent
            self.users.setdefault(what, set()).update(other.users[what])


@dataclass(eq=False)
class Ledger:
    """The account of one model's maps. What it is told counts once ``commit`` follows: an attempt that failed does not.

    Attributes:
        passes: what the network's passes are counted in.
        asked: whether any metric wants it; nothing is timed otherwise.
        opened: whether the shard at work counts.
    """

    passes: Passes = field(default_factory=Passes)
    asked: bool = False
    opened: bool = False
    _total: _Page = field(default_factory=_Page)
    _draft: _Page = field(default_factory=_Page)
    _under: list[Usage] = field(default_factory=list)  # by open block, what was spent in blocks inside it
    _user: User | None = None

    def begin(self) -> None:
        """A batch of images; what was not committed is forgotten."""
        self._draft, self._under, self._user = _Page(), [], None

    def commit(self) -> None:
        """The batch was worked on to its end."""
        self._total.add(self._draft)
        self.begin()

    def merge(self, other: Ledger) -> None:
        """Add what another ledger has, such as that of another process."""
        self._total.add(other._total)

    def shares(self) -> dict[User, CostShare]:
        """By user its own work and its parts of what it had in common, per image."""
        shares = {}
        for user, exclusive in self._total.exclusive.items():
            parts = [self._total.common[w] * (1 / len(u)) for w, u in self._total.users.items() if user in u]
            whole, images = sum(parts, exclusive), self._total.images[user]
            shares[user] = CostShare(
                whole.seconds / images,
                exclusive.seconds / images,
                whole.forwards / images,
                whole.backwards / images,
                whole.rests / images,
                images,
            )
        return shares

    @property
    def spent(self) -> Usage:
        """All that is in the account."""
        return sum([*self._total.exclusive.values(), *self._total.common.values()], Usage())

    @contextmanager
    def charge_to(self, user: User, images: int) -> Iterator[None]:
        """The block is the user's own work on so many images, but for what it has in common with others."""
        if not (self.asked and self.opened):
            yield
            return
        self._user = user
        try:
            with self._measured() as usages:
                yield
        finally:
            self._user = None
        self._draft.exclusive[user] = self._draft.exclusive.get(user, Usage()) + usages[0]
        self._draft.images[user] = self._draft.images.get(user, 0) + images

    def apart(self) -> AbstractContextManager[Any]:
        """The block is the study's own care, and no method's cost."""
        return nullcontext() if self._user is None else self._measured()

    def shared(self, what: Hashable) -> AbstractContextManager[None]:
        """The block makes, or finds made, something that whoever asks for ``what`` has in common."""
        return nullcontext() if self._user is None else self._shared(what, self._user)

    @contextmanager
    def _shared(self, what: Hashable, user: User) -> Iterator[None]:
        usages: list[Usage] = []
        try:
            with self._measured() as usages:
                yield
        finally:
            self._note(what, usages[0], [user])

    @contextmanager
    def charge_capture(
        self, users: Sequence[User], gradient: Sequence[Sequence[User]]
    ) -> Iterator[BackwardStarts | None]:
        """The block is one forward for all ``users`` and, from each mark on, one backward for those of a ``gradient``.

        Args:
            gradient: the users of every backward, in the order of the marks.

        A block that fails is nobody's.
        """
        if not (self.asked and self.opened and users):
            yield None
            return
        mark, start = BackwardStarts(), self._now()
        yield mark
        whole = self._now() - start
        times = [*mark.times, start.seconds + whole.seconds]
        forth = replace(whole, seconds=times[0] - start.seconds, backwards=0.0)
        self._note(("forward", mark), forth, users)
        for number, (askers, begin, end) in enumerate(zip(gradient, times, times[1:], strict=False)):
            spent = Usage(end - begin, backwards=whole.backwards / len(gradient))
            self._note(("backward", mark, number), spent, askers)

    def _note(self, what: Hashable, spent: Usage, users: Sequence[User]) -> None:
        self._draft.common[what] = self._draft.common.get(what, Usage()) + spent
        self._draft.users.setdefault(what, set()).update(users)

    @contextmanager
    def _measured(self) -> Iterator[list[Usage]]:
        """A list that the end of the block fills: what was spent in it, less what was in blocks inside."""
        usages: list[Usage] = []
        self._under.append(Usage())
        start = self._now()
        try:
            yield usages
        finally:
            gross = self._now() - start
            usages.append(gross - self._under.pop())
            if self._under:
                self._under[-1] += gross

    def _now(self) -> Usage:
        return Usage(now(), self.passes.forwards, self.passes.backwards, self.passes.rests)


@dataclass(eq=False)
class BackwardStarts:
    """Called where a forward ends and its first backward begins, and where every further backward does."""

    times: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        self.times.append(now())


def now() -> float:
    """Seconds on the clock, once the device has done what it was given."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
    return time.perf_counter()
