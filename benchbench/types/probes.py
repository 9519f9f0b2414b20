"""Probes: pictures that a metric wants the network's answers to, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

FillName: TypeAlias = Literal[
    "zero",
    "mean",
    "blur",
    "gaussian-15",
    "box",
    "noise",
    "grey",
    "noisy-linear",
    "noisy-linear-normalised",
    "interpolated",
]


PlainFill: TypeAlias = Literal["zero", "mean", "blur", "gaussian-15", "box", "noise", "grey"]  # whatever is removed


PIXELS = "pixels"


MAP = "map"  # the cells of the saliency map at its own resolution


PartsName: TypeAlias = Annotated[str, Field(pattern=r"^(pixels|(grid|slic)-[1-9]\d{0,3})$")]


Order: TypeAlias = Literal["most", "least"]


Ties: TypeAlias = Literal["row-major", "reversed"] | int  # k: the k-th random order of the image's seed


@dataclass(frozen=True)
class Whole:
    """The image as it is."""


@dataclass(frozen=True)
class Filled:
    """Nothing of the image: the fill alone."""

    fill: FillName


@dataclass(frozen=True)
class Remove:
    """The first round(fraction * n) of the n parts are replaced by the fill, the ``most`` (or ``least``) salient first.

    A part is a pixel, a region, whose saliency is the mean over its pixels, or a cell of the map itself (``map``).
    Parts of equal saliency go in row-major order, or as ``ties`` says.
    """

    fraction: float
    fill: FillName = "zero"
    order: Order = "most"
    parts: str = PIXELS
    ties: Ties = "row-major"


@dataclass(frozen=True)
class Keep:
    """All but the first round(fraction * n) parts are replaced by the fill, the ``most`` salient kept first."""

    fraction: float
    fill: FillName = "zero"
    order: Order = "most"
    parts: str = PIXELS
    ties: Ties = "row-major"


@dataclass(frozen=True)
class Band:
    """Of the parts in order of saliency, those from round(start * n) to round(stop * n) are replaced, and no others."""

    start: float
    stop: float
    fill: FillName = "zero"
    order: Order = "most"
    parts: str = PIXELS
    ties: Ties = "row-major"


@dataclass(frozen=True)
class Thinned:
    """Of the first round(fraction * n) parts each is replaced with the probability ``chance``, and no others.

    The ``index``-th draw of the image's seed gives every part a number, whatever the map, the fraction and the chance.
    """

    index: int
    fraction: float
    chance: float
    fill: FillName = "zero"
    order: Order = "most"
    parts: str = PIXELS
    ties: Ties = "row-major"


@dataclass(frozen=True)
class Above:
    """The pixels whose saliency is above the ``percent``-th percentile of the map's are replaced, however many.

    ``strict``: those that are equal to it stay. ``order`` "least": of 1 - map. ``keep``: the others are replaced.
    """

    percent: float
    fill: FillName = "zero"
    order: Order = "most"
    strict: bool = True
    keep: bool = False


@dataclass(frozen=True)
class Multiply:
    """image * map + fill * (1 - map), with the min-max normalised map (or 1 - map where ``inverted``)."""

    fill: PlainFill = "zero"
    inverted: bool = False


@dataclass(frozen=True)
class Region:
    """One region alone is replaced by the fill; where the image has fewer, none."""

    index: int
    fill: FillName = "zero"
    parts: str = "grid-4"


@dataclass(frozen=True)
class Random:
    """A random round(fraction * n) of the n parts are replaced: the ``index``-th such draw of the image's seed."""

    index: int
    fraction: float
    fill: FillName = "zero"
    parts: str = PIXELS


Probe: TypeAlias = Whole | Filled | Remove | Keep | Band | Thinned | Above | Multiply | Region | Random


Ordered: TypeAlias = Remove | Keep | Band | Thinned  # takes parts by their saliency


def canonical(probe: Probe) -> Probe:
    """The same picture by its simplest name: removing nothing is Whole, keeping nothing is Filled."""
    match probe:
        case Remove(fraction=0.0) | Keep(fraction=1.0) | Random(fraction=0.0):
            return Whole()
        case Remove(fraction=1.0, fill=fill) | Keep(fraction=0.0, fill=fill) | Random(fraction=1.0, fill=fill):
            return Filled(fill)
        case Band(start=0.0, stop=stop):
            return canonical(Remove(stop, probe.fill, probe.order, probe.parts, probe.ties))
        case Band(start=start, stop=1.0):
            return canonical(Keep(start, probe.fill, probe.order, probe.parts, probe.ties))
    return probe


def fill_of(probe: Probe) -> FillName | None:
    """The fill that the probe's pictures contain; None for the whole image."""
    return None if isinstance(probe, Whole) else probe.fill


def parts_of(probe: Probe) -> str:
    """What the probe removes pieces of; pixels where it removes none."""
    return probe.parts if isinstance(probe, (Ordered, Region, Random)) else PIXELS


def order_of(probe: Probe) -> tuple[Order, Ties] | None:
    """Which parts go first, and which of equal ones; None for probes without an order."""
    return (probe.order, probe.ties) if isinstance(probe, Ordered) else None


def needs_map(probe: Probe) -> bool:
    """Whether the picture depends on the map, or on the image alone."""
    return isinstance(canonical(probe), (Ordered, Above, Multiply))
