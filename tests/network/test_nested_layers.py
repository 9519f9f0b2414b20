"""``last`` does not depend on how blocks are grouped: lists, dicts, holders and tuples return no map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchbench.network.layers import resolve

from ..networks import seeded

BLOCKS = 3


def _blocks() -> list[nn.Module]:
    return [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(BLOCKS)]


class Grouped(nn.Module):
    """A stem and three blocks of one resolution; ``group`` holds the blocks, ``each`` lists them."""

    def __init__(self, group: nn.Module, each: Callable[[nn.Module], list[nn.Module]]) -> None:
        super().__init__()
        self.stem, self.group, self.fc = nn.Conv2d(3, 8, 4, 4), group, nn.Linear(8, 5)
        self.each = each

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        for block in self.each(self.group):
            features = block(features)
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits


class Holder(nn.Module):
    """Is never called: the network calls what it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.two, self.three = _blocks()


class Tupled(nn.Module):
    """Returns its last map in a tuple, with the maps before it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.two, self.three = _blocks()

    def forward(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = [self.first(features)]
        maps.append(self.two(maps[-1]))
        return self.three(maps[-1]), maps


class First(nn.Module):
    """The first of a tuple: a module that the network calls, and does not list."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.fc = nn.Conv2d(3, 8, 4, 4), Tupled(), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.body(self.stem(images))[0].mean((2, 3)))
        return logits


CNNS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "list": (lambda: Grouped(nn.ModuleList(_blocks()), lambda group: list(group)), "group.2"),  # type: ignore[call-overload]
    "dict": (
        lambda: Grouped(nn.ModuleDict(dict(zip("abc", _blocks(), strict=True))), lambda group: list(group.values())),  # type: ignore[operator]
        "group.c",
    ),
    "holder": (lambda: Grouped(Holder(), lambda group: list(group.children())), "group.three"),
    "sequence": (lambda: Grouped(nn.Sequential(*_blocks()), lambda group: [group]), "group"),
    "tuple": (First, "body.three"),
}


@pytest.mark.parametrize("name", CNNS)
def test_the_last_block_is_the_last_layer_however_blocks_are_held(name: str, images: Tensor) -> None:
    build, last = CNNS[name]
    network = seeded(build)
    assert resolve(network, images[:1], "last") == [last]
    assert resolve(network, images[:1], "stages") == [last]


class Encoder(nn.Module):
    """A vision transformer of torch's encoder layers, with ``prefix`` tokens in front of 4 x 4 patches."""

    def __init__(self, prefix: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 16, 16)
        self.front = nn.Parameter(torch.ones(1, prefix, 16))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True) for _ in range(BLOCKS)
        )
        self.head = nn.Linear(16, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images).flatten(2).mT
        tokens = torch.cat([self.front.expand(len(tokens), -1, -1), tokens], 1)
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.head(tokens[:, 0] if self.front.numel() else tokens.mean(1))
        return logits


@pytest.mark.parametrize(("prefix", "last"), [(0, "blocks.2"), (1, "blocks.1.norm2"), (5, "blocks.1.norm2")])
def test_listed_encoder_layers(prefix: int, last: str, images: Tensor) -> None:
    """Behind a class token, what the last attention reads: the block before returns the norm's output."""
    assert resolve(seeded(lambda: Encoder(prefix)), images[:1], "last") == [last]
