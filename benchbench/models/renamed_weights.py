"""Names of weights that torchvision has changed since files with them were written, its own published files among them.

torchvision's modules read the names of old as they load; here a checkpoint is compared with a network before it is
loaded, so the names have to be today's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

Value = TypeVar("Value")
_New = str | Callable[[re.Match[str]], str]

# a pattern of the old names, and what the new ones are
_RENAMED: tuple[tuple[str, _New], ...] = (
    (r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2"),  # DenseNet
    (r"(\bmlp)\.linear_1\.", r"\1.0."),  # ViT
    (r"(\bmlp)\.linear_2\.", r"\1.3."),
    (r"\b((?:inner|layer)_blocks\.\d+)\.(weight|bias)$", r"\1.0.\2"),  # feature pyramids
    (r"(\brpn\.head\.conv)\.(weight|bias)$", r"\1.0.0.\2"),  # Faster R-CNN
    (
        r"\b((?:classification|regression)_head\.conv)\.([0246])\.(weight|bias)$",  # RetinaNet
        lambda m: f"{m[1]}.{int(m[2]) // 2}.0.{m[3]}",
    ),
    (r"(\bmask_head)\.mask_fcn(\d)\.", lambda m: f"{m[1]}.{int(m[2]) - 1}.0."),  # Mask R-CNN
)


def current_names(weights: Mapping[str, Value], wanted: Collection[str]) -> dict[str, Value]:
    """The weights by today's names, where these are among the ``wanted`` names of a network; else by their own."""
    return {_current(name, wanted): value for name, value in weights.items()}


def _current(name: str, wanted: Collection[str]) -> str:
    if name in wanted:
        return name
    renamed = (re.sub(pattern, new, name) for pattern, new in _RENAMED)
    return next((each for each in renamed if each in wanted), name)
