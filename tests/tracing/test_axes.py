"""Rows and columns followed through reshapes, against images whose values are their own coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.errors import NotApplicable
from benchbench.network.capture import capture
from benchbench.tracing.axes import Atom, Joined, Place, join, place_of, plain, reshaped, sliced

HEIGHT, WIDTH = 8, 12


def coordinates(copies: int = 2) -> Tensor:
    """(1, 2 copies, H, W): each cell's row in the even channels and its column in the odd ones."""
    rows = torch.arange(HEIGHT * 1.0)[:, None].expand(HEIGHT, WIDTH)
    columns = torch.arange(WIDTH * 1.0)[None].expand(HEIGHT, WIDTH)
    return torch.stack([rows, columns] * copies)[None]


class Moves(nn.Module):
    """Moves its input about, shows every step to a layer, and averages it to logits."""

    def __init__(self, *steps: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.steps = steps
        self.at = nn.ModuleList([nn.Identity() for _ in steps])

    def forward(self, images: Tensor) -> Tensor:
        values = images
        for step, show in zip(self.steps, self.at, strict=True):
            values = show(step(values))
        return values.flatten(1).mean(1, keepdim=True) * torch.tensor([[1.0, 2.0]])


def windows(side: int) -> Callable[[Tensor], Tensor]:
    """(B, H, W, K) to (B * windows, side * side, K)."""

    def step(x: Tensor) -> Tensor:
        b, h, w, k = x.shape
        parts = x.view(b, h // side, side, w // side, side, k).permute(0, 1, 3, 2, 4, 5)
        return parts.reshape(-1, side * side, k)

    return step


def back(side: int, height: int = HEIGHT, width: int = WIDTH) -> Callable[[Tensor], Tensor]:
    """The windows put together to (B, H, W, K)."""

    def step(x: Tensor) -> Tensor:
        parts = x.view(-1, height // side, width // side, side, side, x.shape[-1])
        return parts.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, x.shape[-1])

    return step


def nhwc(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def nchw(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def columns_first(x: Tensor) -> Tensor:
    return x.transpose(2, 3).flatten(2).transpose(1, 2)


def with_classes(count: int) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.cat([torch.zeros(1, count, x.shape[2]).expand(len(x), -1, -1), x], 1)


STEPS: dict[str, list[Callable[[Tensor], Tensor]]] = {
    "channels last and back": [nhwc, nchw],
    "tokens": [tokens, lambda x: x + 0.0],
    "tokens and back": [tokens, lambda x: x.transpose(1, 2).reshape(1, -1, HEIGHT, WIDTH)],
    "tokens of columns": [columns_first],
    "turned": [lambda x: x.transpose(2, 3), nhwc, lambda x: x.flatten(1, 2)],
    "class tokens": [tokens, with_classes(5), lambda x: x[:, 2:], lambda x: x[:, 3:]],
    "windows": [nhwc, lambda x: back(4)(windows(4)(x))],
    "windows by view alone": [
        nhwc,
        lambda x: x.view(1, 2, 4, 3, 4, -1),
        lambda x: x.reshape(1, 8, 12, -1),
    ],
    "split and joined": [
        lambda x: torch.cat(torch.split(x, 2, 1)[::-1], 1),
        lambda x: torch.stack(x.chunk(2, 1)).mean(0),
    ],
    "through numbers of channels": [nhwc, lambda x: x @ torch.eye(4), nchw, lambda x: x.unsqueeze(1).squeeze(1)],
    "an attention that looks at itself": [
        tokens,
        lambda x: (1e4 * ((x @ x.mT) - (x * x).sum(2)[:, None] / 2)).softmax(2) @ x,
    ],
    "in place": [lambda x: x.clone().add_(0.0), lambda x: x.mul_(1.0)],
    "written part by part": [lambda x: _written(x)],
    "padded and cut": [lambda x: nn.functional.pad(x, (0, 2, 0, 3)), lambda x: x[:, :, :HEIGHT, :WIDTH]],
    "by matrix product from the left": [tokens, lambda x: (torch.eye(4) @ x.mT).mT],
    "einsum": [nhwc, lambda x: torch.einsum("bhwk,kc->bchw", x, torch.eye(4))],
}  # fmt: skip


def _written(x: Tensor) -> Tensor:
    copied = torch.zeros(1, 4, HEIGHT, WIDTH)
    copied[:, :2] = x[:, :2]
    copied[:, 2:] = x[:, 2:]
    return copied


@pytest.mark.parametrize("name", STEPS)
def test_every_cell_of_a_map_is_at_its_place(name: str) -> None:
    """What a layer's map says of a cell is the cell's row and column, whichever way the layer holds it."""
    network, image = Moves(*STEPS[name]).eval(), coordinates()
    checked = 0
    for at in range(len(network.steps)):
        try:
            cells = capture(network, image, [f"at.{at}"], lambda z: z.argmax(1), gradient=False).activations[f"at.{at}"]
        except NotApplicable:
            assert name == "windows by view alone", "others all hold maps"
            continue
        if cells.shape[2:] != (HEIGHT, WIDTH):  # padded
            cells = cells[:, :, :HEIGHT, :WIDTH]
        torch.testing.assert_close(cells[:, :2], image[:, :2], rtol=1e-4, atol=1e-4)
        checked += 1
    assert checked


LOST: dict[str, Callable[[Tensor], Tensor]] = {
    "mirrored": lambda x: x.flip(3),
    "picked": lambda x: x[:, :, torch.arange(HEIGHT - 1, -1, -1)],
    "sorted": lambda x: x.sort(3).values,
    "half of the rows": lambda x: x[:, :, : HEIGHT // 2],
    "an operation without a rule": lambda x: torch.fft.ifft2(torch.fft.fft2(x)).real,
    "attention matrix": lambda x: (tokens(x) @ tokens(x).mT)[:, None],
    "channels in the middle": lambda x: x.permute(0, 2, 1, 3),
}


@pytest.mark.parametrize("name", LOST)
def test_what_has_no_known_place_is_no_map_of_the_image(name: str) -> None:
    """None of these is taken for a map: 8 x 12 cells and 7 channels are not to be guessed from other numbers."""
    network, image = Moves(LOST[name]).eval(), torch.cat([coordinates(), coordinates()[:, :3]], 1)
    wide = image.repeat_interleave(3, 2) if name == "an operation without a rule" else image
    if name == "an operation without a rule":
        wide = wide[:, :, :7, :7]  # seven channels, seven rows, seven columns
    with pytest.raises(NotApplicable):
        capture(network, wide, ["at.0"], lambda z: z.argmax(1), gradient=False)


ROWS, COLUMNS = plain(6, "row"), plain(4, "column")


def test_places_of_axes() -> None:
    assert place_of((*ROWS, *COLUMNS)) == Place(6, 4)
    assert place_of((*COLUMNS, *ROWS)) == Place(6, 4, 0, True)
    assert place_of(COLUMNS) == Place(1, 4)
    assert place_of(join([plain(3), (*ROWS, *COLUMNS)])) == Place(6, 4, 3)
    assert place_of(join([(*ROWS, *COLUMNS), plain(3)])) is None, "tokens behind the grid"
    assert place_of(plain(24)) is None
    assert place_of((*ROWS, *ROWS)) is None
    assert place_of(plain(24, "lost")) is None


def test_slices_of_axes() -> None:
    joined = join([plain(2), (*ROWS, *COLUMNS)])
    assert place_of(sliced(joined, 26, 2, 1, 24)) == Place(6, 4)
    assert place_of(sliced(joined, 26, 1, 1, 25)) == Place(6, 4, 1)
    assert place_of(sliced(joined, 26, 0, 1, 2)) is None
    assert sliced(ROWS, 6, 0, 2, 3) == plain(3, "row")
    assert sliced(ROWS, 6, 0, 1, 5) == plain(5, "row")
    assert sliced(ROWS, 6, 3, 1, 3) == plain(3, "lost")
    assert isinstance(joined[0], Joined)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_reshapes_there_and_back(data: Any) -> None:
    """Split into any factors and merged again, an axis is what it was; and each part keeps its place."""
    factors = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    size = int(torch.tensor(factors).prod())
    axes = (plain(size, "row"), plain(5))
    parts = reshaped(axes, (size, 5), (*factors, 5))
    assert reshaped(parts, (*factors, 5), (size, 5)) == axes
    numbers = torch.arange(size).reshape(factors)
    for d, axis in enumerate(parts[:-1]):
        for atom in axis:
            assert isinstance(atom, Atom)
            line = numbers.movedim(d, 0).reshape(factors[d], -1)[:, 0]
            assert line.tolist() == [i * atom.step for i in range(atom.size)]
