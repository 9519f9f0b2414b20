"""A segmentation network as a classifier: each class's score averaged over a set of pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn

from ..errors import BenchError
from ..types.changed_forward import with_forward
from .pixel_sets import MaskedPixels, pixel_score

Pixels: TypeAlias = str | tuple[float, ...]


def segmenter(network: nn.Module, pixels: Pixels | Path = "won", *, trunk: str = "backbone") -> nn.Module:
    """A segmentation network as a classifier: logits (B, C), each class's score averaged over a set of pixels.

    Layers keep their names, and the weights are shared. Vinogradova et al. 2020, arXiv:2002.11434.

    Args:
        network: returns class scores (B, C, H, W), alone or as ``["out"]`` of a dictionary.
        pixels: ``"won"``, the pixels at which no other class has a higher score, found anew on every input; a box
            (x0, y0, x1, y1) or a point (x, y) in fractions of the input's width and height; or the path of an image
            whose pixels that are not black are the set. A class that wins nowhere has its score at the pixel at which
            it is nearest to winning.
        trunk: the module whose blocks ``last`` and ``stages`` choose from; empty to choose from all of the network.

    Returns:
        A network that maps images (B, 3, H, W) to one score per class, (B, C), for every method and target.

    Raises:
        BenchError: ``pixels`` is none of these; the first call, where the network returns something else.

    Example:
        >>> maps = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1)).eval()
        >>> bb.segmenter(maps, (0.25, 0.25, 0.75, 0.75), trunk="")(images).shape
        torch.Size([2, 4])
    """
    score, name = pixel_score(pixels)

    def call(forward: Callable[[Any], Any], images: Tensor) -> Tensor:
        return score(_class_maps(forward(images)))

    changed = with_forward(network, "Segmenter", call, **({"benchbench_trunk": trunk} if trunk else {}))
    content = score.mask.numpy().tobytes() if isinstance(score, MaskedPixels) else b""
    changed.benchbench_score = f"pixels {name} {hashlib.sha256(content).hexdigest()[:16]}"  # type: ignore[assignment]
    return changed


def _class_maps(output: Any) -> Tensor:
    maps = output["out"] if isinstance(output, Mapping) and "out" in output else output
    if not hasattr(maps, "topk") or (isinstance(maps, Tensor) and maps.ndim != 4):
        kind = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        hint = "Return a tensor, or a dictionary with the key out"
        raise BenchError(f"the network returned {kind}, where class scores (B, C, H, W) are needed", hint=hint)
    return maps  # type: ignore[no-any-return]
