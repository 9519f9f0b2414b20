"""How a table that holds several networks, data and layers names each, and what they share."""

from __future__ import annotations

from collections.abc import Sequence

from ..wording import several
from .board import Block


def short_titles(blocks: Sequence[Block]) -> dict[str, str]:
    """By a block's title, the parts of it that differ among the blocks; empty where there is one block."""
    varies = [len({parts(block)[place] for block in blocks}) > 1 for place in range(3)]
    return {
        block.title: ", ".join(part for part, shown in zip(parts(block), varies, strict=True) if shown)
        for block in blocks
    }


def constant_title(blocks: Sequence[Block]) -> str:
    """What the blocks share, and by what they differ: ``tinynet, photos, by layer``."""
    names = ("network", "dataset", "layer")
    values = [list(dict.fromkeys(parts(block)[place] for block in blocks)) for place in range(3)]
    shared = [own[0] for own in values if len(own) == 1]
    differing = [name for name, own in zip(names, values, strict=True) if len(own) > 1]
    by = [f"by {' and '.join(differing)}"] if differing else []
    return ", ".join([*shared, *by])


def images_of(blocks: Sequence[Block]) -> str:
    """``20 images``, or ``12 to 20 images``."""
    counts = sorted({block.images for block in blocks if block.images})
    if len(counts) > 1:
        return f"{counts[0]:,} to {several(counts[-1], 'image')}"
    return several(counts[0] if counts else 0, "image")


def parts(block: Block) -> tuple[str, str, str]:
    return block.model, block.dataset, f"layer {block.layer}"
