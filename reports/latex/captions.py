"""How a table that holds several networks, data and layers names each, and what they share."""

from __future__ import annotations

from collections.abc import Sequence

from ..leaderboard.board import Block
from ..number_format import images


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
    shared = [distinct[0] for distinct in values if len(distinct) == 1]
    differing = [name for name, distinct in zip(names, values, strict=True) if len(distinct) > 1]
    by = [f"by {' and '.join(differing)}"] if differing else []
    return ", ".join([*shared, *by])


def images_of(blocks: Sequence[Block]) -> str:
    """``20 images``, ``12 to 20 images``, or ``48 images (6 independent)``."""
    scored, units = (sorted({n for n in counts if n}) or [0] for counts in _counts(blocks))
    if len(scored) == len(units) == 1:
        return images(units[0], scored[0])
    total, independent = (
        f"{span[0]:,} to {span[-1]:,}" if len(span) > 1 else f"{span[0]:,}" for span in (scored, units)
    )
    return f"{total} images" + (f" ({independent} independent)" if scored != units else "")


def _counts(blocks: Sequence[Block]) -> tuple[list[int], list[int]]:
    return [block.images for block in blocks], [block.units for block in blocks]


def parts(block: Block) -> tuple[str, str, str]:
    layer = block.layer if block.layer.lower().startswith("layer") else f"layer {block.layer}"
    return block.model, block.dataset, layer
