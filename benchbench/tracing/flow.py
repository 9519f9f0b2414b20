"""What an image's values pass through on their way to the logits: the operations of one forward as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(eq=False)
class Flow:
    """Operations in the order in which they ran, numbered; 0 is the image.

    An operation follows those whose values it passes on. What only weighs these values, as a gate or an attention
    matrix does, is not followed: see ``weighed``.

    Attributes:
        sources: by operation, those that it follows.
        above: the nearest operation before it through which everything passes that reaches it.
        depth: how many such operations there are on its way.
        squashed: its values lie between fixed bounds, as behind a sigmoid or a softmax: they weigh others.
        head: it follows nothing but pooling to a fixed size, which belongs to the head.
        sizes: the map (rows, columns) of an operation that has one, of more than one cell.
    """

    sources: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    above: list[int] = field(default_factory=lambda: [0])
    depth: list[int] = field(default_factory=lambda: [0])
    squashed: list[bool] = field(default_factory=lambda: [False])
    head: list[bool] = field(default_factory=lambda: [False])
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, sources: Sequence[int], *, squashed: bool, head: bool) -> int:
        """A new operation, that follows at least one other."""
        near = sources[0]
        for other in sources[1:]:
            near = self.meet(near, other)
        self.sources.append(tuple(sources))
        self.above.append(near)
        self.depth.append(self.depth[near] + 1)
        self.squashed.append(squashed)
        self.head.append(head)
        return len(self.sources) - 1

    def meet(self, first: int, second: int) -> int:
        """The last operation through which everything passes that reaches either of the two."""
        while first != second:
            if self.depth[first] >= self.depth[second]:
                first = self.above[first]
            else:
                second = self.above[second]
        return first

    def weighed(self, first: tuple[int, int], second: tuple[int, int]) -> int:
        """Which of two operations a product follows; each is given with how many numbers it has.

        The one with more numbers; else the one whose values are not squashed; else neither, but what both come of.
        """
        (a, many), (b, more) = first, second
        if a == b or many > more:
            return a
        if more > many:
            return b
        if self.squashed[a] != self.squashed[b]:
            return b if self.squashed[a] else a
        return self.meet(a, b)

    def way(self, end: int) -> Way:
        """The way from the image to an operation."""
        on: set[int] = set()
        left = [end]
        while left:
            at = left.pop()
            if at not in on:
                on.add(at)
                left += self.sources[at]
        through = {0}
        at = end
        while at:
            through.add(at)
            at = self.above[at]
        return Way(self, frozenset(on), frozenset(through))


@dataclass(frozen=True, eq=False)
class Way:
    """``on``: all operations whose values reach the end. ``through``: those that everything passes through."""

    flow: Flow
    on: frozenset[int]
    through: frozenset[int]

    @cached_property
    def _maps(self) -> int:
        """Sets of operations are the bits of a number: here those on the way that have a map, the head's left out."""
        flow = self.flow
        return sum(1 << node for node in self.on if node in flow.sizes and not flow.head[node])

    @cached_property
    def _before(self) -> dict[int, int]:
        """By operation, all that it follows, near and far."""
        predecessors: dict[int, int] = {}
        for node in sorted(self.on):
            predecessors[node] = 0
            for source in self.flow.sources[node]:
                predecessors[node] |= predecessors[source] | 1 << source
        return predecessors

    @cached_property
    def _after(self) -> dict[int, int]:
        """By operation, all on the way that follow it, near and far."""
        successors = dict.fromkeys(self.on, 0)
        for node in sorted(self.on, reverse=True):
            for source in self.flow.sources[node]:
                successors[source] |= successors[node] | 1 << node
        return successors

    def follows(self, later: int, node: int) -> bool:
        """Whether an operation follows another one, near or far."""
        return bool(self._after.get(node, 0) >> later & 1)

    def in_line(self, node: int) -> bool:
        """Whether each other map of the way comes before the node or follows it: no branch runs beside it."""
        return not self._maps & ~(self._before[node] | self._after[node] | 1 << node)

    def ends(self, node: int) -> set[tuple[int, int]]:
        """The sizes of the last maps behind a node, which no other map follows; without any, nothing."""
        after = self._after[node] & self._maps
        return {self.flow.sizes[at] for at in _bits(after) if not self._after[at] & self._maps}

    def joins(self, node: int) -> bool:
        """Whether what follows the node meets, in a map, what does not."""
        return any(self._around(later, node) for later in _bits(self._after[node] & self._maps))

    def _around(self, later: int, node: int) -> bool:
        at = later
        while at > node:
            at = self.flow.above[at]
        return at != node


def _bits(numbers: int) -> Iterator[int]:
    while numbers:
        low = numbers & -numbers
        yield low.bit_length() - 1
        numbers ^= low
