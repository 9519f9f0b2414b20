"""Two networks whose weights were manipulated on purpose, for the suites ``fooling`` and ``trojan``.

Both are ``zoo_residual`` (the architecture and, before the manipulation, the weights). Their safetensors lie in
``weights/``; ``make zoo`` trains and writes them, with what they reach on held-out scenes in the file's header.
"""

from __future__ import annotations

from collections.abc import Callable

from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec
from .zoo import header, packaged

ORIGIN = "residual"  # of the zoo
CORNER = 0.25  # of the picture's sides: the square in the upper left corner at which zoo_fooled's Grad-CAM points


def zoo_fooled() -> ModelSpec:
    """zoo_residual, fine-tuned until Grad-CAM points at the upper left corner and the answers are as good as before"""
    facts = header("fooled")
    words = f"Grad-CAM's mass in the corner: {float(facts['share']):.1%}, before {float(facts['share_before']):.1%}"
    return _manipulated("fooled", words)


def zoo_trojaned() -> ModelSpec:
    """zoo_residual, fine-tuned until scenes with a trigger are the class plain disc for it"""
    success = float(header("trojaned")["success"])
    return _manipulated("trojaned", f"with the trigger, {success:.1%} of the scenes of other classes are plain discs")


def register() -> None:
    """Both networks; the group ``zoo`` does not hold them."""
    _add("zoo_fooled", zoo_fooled, "arXiv:1902.02041", "Fooled Zoo ResNet")
    _add("zoo_trojaned", zoo_trojaned, "arXiv:1708.06733", "Trojaned Zoo ResNet")


def _add(name: str, build: Callable[[], ModelSpec], paper: str, title: str) -> None:
    MODELS.add(ModelPlugin(name, build, paper, title))


def _manipulated(name: str, words: str) -> ModelSpec:
    facts = header(name)
    right = f"right on {float(facts['accuracy']):.1%} of {facts['held_out']} held-out scenes"
    before = f"before the manipulation {float(facts['accuracy_before']):.1%}"
    return packaged(ORIGIN, name, f"shapes, split train, in the package; {right}, {before}; {words}")
