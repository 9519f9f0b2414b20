"""The sheets of ``fooling`` and ``trojan``: images with the truth outlined, and maps of the worst and best methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image
from torch import Tensor

from ...models.preprocess import denormalise
from ...results.suite_answer import SuitePicture
from ...types import Preprocess
from ...viz.overlay import laid
from ..map_sheet import SheetRow, enlarged, outlined, sheet
from .counterfactuals import Counterfactual


def ends(order: Sequence[str], most: int) -> list[str]:
    """The first and the last of an order, half of ``most`` each; all of them where there are no more.

    Example:
        >>> ends(["a", "b", "c", "d", "e"], 4)
        ['a', 'b', 'd', 'e']
    """
    return list(order) if len(order) <= most else [*order[: most // 2], *order[-(most // 2) :]]


def truth_sheet(
    title: str,
    caption: str,
    maps: Mapping[str, Mapping[str, Tensor]],
    pairs: Sequence[Counterfactual],
    preprocess: Preprocess,
    count: int,
) -> tuple[SuitePicture, ...]:
    """The first images that have every map; no picture where there is none.

    Args:
        title, caption: of the picture.
        maps: by heading and sample, maps (H, W).
        pairs: the images with their masks.
        preprocess: of the network, by which pictures are shown.
        count: images at most.
    """
    whole = [pair for pair in pairs if maps and all(pair.sample in of_head for of_head in maps.values())]
    rows = []
    for pair in whole[:count]:
        plain = enlarged(Image.fromarray(denormalise(pair.image, preprocess).numpy()))
        columns = {head: laid(plain, of_head[pair.sample]) for head, of_head in maps.items()}
        rows.append(SheetRow(outlined(plain, pair.mask), columns))
    return (sheet("maps", title, caption, rows, first="image and truth"),) if rows else ()
