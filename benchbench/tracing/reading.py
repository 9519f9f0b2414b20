"""What is read off one forward of a network: the layout of each layer's output."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from ..errors import NotApplicable
from ..types.token_grid import Layout
from .find_layout import Tokens, clear, layout_from, layout_given, layout_of, layouts_given, proportional, tokens_of
from .forward import Output, Trace, traced


@dataclass(frozen=True, eq=False)
class Reading:
    """A network's forward on images of one ``size`` (H, W), followed operation by operation."""

    network: nn.Module
    size: tuple[int, int]
    trace: Trace

    @cached_property
    def outputs(self) -> dict[str, Output]:
        """By module path, the modules that ran exactly once, in the order of finishing."""
        return {output.name: output for output in self.trace.outputs if self.runs[output.name] == 1}

    @cached_property
    def runs(self) -> Counter[str]:
        """By module path, how often the module ran."""
        return Counter(output.name for output in self.trace.outputs)

    @cached_property
    def tokens(self) -> Tokens:
        return tokens_of(self.network)

    def layout(self, name: str) -> Layout | None:
        """How the output of a layer, which ran once, holds its map; None where it holds none.

        What was given by hand is believed. Then the operations that made the output decide; where they do not tell,
        its shape is asked.

        Raises:
            NotApplicable: neither tells, or the grid that was given contradicts the operations.
            BenchError: the output cannot have the layout that was given.
        """
        output = self.outputs[name]
        choice = layouts_given(self.network).get(name)
        if choice is not None:
            return layout_given(choice, output.shape, name)
        layout = None if output.axes is None else layout_from(output.axes, output.shape)
        if layout is not None:
            _agree(layout, self.tokens.grid, name)
            return layout
        if output.axes is not None and clear(output.axes):
            return None
        if len(output.shape) == 3 and output.shape[1] in self.trace.shuffled:
            reason = f"the network holds {output.shape[1]} tokens in another order than the image's"
            raise NotApplicable(reason, where=f"layer {name!r}", hint="Use bb.with_layout if this layer does not")
        try:
            return layout_of(output.shape, self.size, self.tokens, output.module)
        except NotApplicable as error:
            raise NotApplicable(error.what, where=f"layer {name!r}", hint=error.hint) from None

    def grid(self, count: int) -> Layout | None:
        """Where ``count`` tokens lie, by the operations that made them; None where these do not tell.

        Raises:
            NotApplicable: several grids have so many tokens, or the grid that was given contradicts the operations.
        """
        places = self.trace.places.get(count, set())
        if len(places) > 1:
            raise NotApplicable(f"the network has several grids of {count} tokens")
        layout = next((Layout("tokens", p.height, p.width, p.prefix, p.turned) for p in places), None)
        if layout is not None:
            _agree(layout, self.tokens.grid, "")
        return layout

    def told(self, name: str) -> bool:
        """Whether a layer's layout was given by hand, or is known from the operations and not from the shape."""
        output = self.outputs[name]
        known = output.axes is not None and layout_from(output.axes, output.shape) is not None
        return known or name in layouts_given(self.network)

    def has_proportions(self, layout: Layout, name: str) -> bool:
        """Whether a map of the layer may be one of the whole image: it is known to be, or is shaped like the image."""
        if self.told(name):
            return True
        grid = (layout.height, layout.width)
        return grid == self.tokens.grid or proportional(*grid, self.size)


def _agree(layout: Layout, grid: tuple[int, int] | None, name: str) -> None:
    """Raises NotApplicable where a grid of as many tokens was given by hand, and the operations tell another."""
    if layout.kind != "tokens" or grid is None or grid == (layout.height, layout.width):
        return
    if grid[0] * grid[1] == layout.height * layout.width:
        of = f" of {name!r}" if name else ""
        reason = f"the tokens{of} lie in {layout.height} x {layout.width} cells, and with_grid says {grid}"
        raise NotApplicable(reason, hint=f"Leave with_grid out, or say with_layout(network, {{{name!r}: {grid}}})")


def read(network: nn.Module, images: Tensor) -> Reading:
    """The reading of a network in eval mode, whose parameters need no gradient, on images (B, C, H, W)."""
    return Reading(network, (images.shape[2], images.shape[3]), traced(network, images))
