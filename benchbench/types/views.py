"""Views: the ways in which a metric may want a method's map again. Data, as probes are: equal views are one view.

Sizes of noise are in pixels scaled to [0, 1]. ``attribution/reexplain.py`` shows the views to the methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

NoiseKind: TypeAlias = Literal["uniform", "normal"]
DrawKind: TypeAlias = Literal["cascade", "independent"]
OtherClass: TypeAlias = Literal["runner-up", "random"]


@dataclass(frozen=True)
class Noisy:
    """The image with noise, the ``index``-th draw of the image's seed; one draw at another radius is its multiple.

    ``uniform`` in [-radius, radius], or ``normal`` with the standard deviation ``radius``. Nothing is clipped.
    """

    index: int
    radius: float
    kind: NoiseKind = "uniform"


@dataclass(frozen=True)
class Shifted:
    """The image moved by ``dx`` pixels to the right and ``dy`` down; its edge is repeated where it moved from."""

    dx: int
    dy: int


@dataclass(frozen=True)
class Jpeg:
    """The image after JPEG, of a quality of 1 to 95."""

    quality: int


@dataclass(frozen=True)
class Masked:
    """The image times the method's own map, upsampled and min-max normalised."""


@dataclass(frozen=True)
class RandomWeights:
    """The image, or a ``noise`` of it, before the network with some of its weights drawn anew; see randomise.py.

    The layers, from the logits down to the input, are ``of`` blocks. ``cascade``: the first ``index`` of them are
    random; ``independent``: the ``index``-th alone, counted from 1.
    """

    kind: DrawKind
    index: int
    of: int
    noise: Noisy | None = None


@dataclass(frozen=True)
class OtherTarget:
    """The image, explained for another class: the most likely of the others, or one drawn from the image's seed."""

    which: OtherClass = "runner-up"


@dataclass(frozen=True)
class NoisyWeights:
    """The image before the network whose every parameter w is w (1 + size n), n standard normal.

    The ``index``-th draw of the study's seed.
    """

    index: int
    size: float


@dataclass(frozen=True)
class AddedConstant:
    """The image plus a constant in every pixel, in [0, 1], before the network that first subtracts it."""

    constant: float


@dataclass(frozen=True)
class MirrorSymmetric:
    """The mean of the image and its mirror image, before the network that first averages its input in the same way."""


Single: TypeAlias = (
    AddedConstant | MirrorSymmetric | Noisy | Shifted | Jpeg | Masked | RandomWeights | NoisyWeights | OtherTarget
)


@dataclass(frozen=True)
class Averaged:
    """The mean of a method's maps on several views. They are added up as they come: none is kept."""

    views: tuple[Single, ...]


View: TypeAlias = Single | Averaged


def singles(view: View) -> tuple[Single, ...]:
    """The views that are shown for one."""
    return view.views if isinstance(view, Averaged) else (view,)
