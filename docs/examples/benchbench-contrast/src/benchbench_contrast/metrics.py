"""How much of the image a map names: an example, and no metric of the literature."""

from __future__ import annotations

from benchbench import Scored, Seen, metric


@metric(
    "bright_area",
    higher_is_better=False,
    needs="map",
    protocols={"half": {}, "quarter": {"level": 0.25}},
    unit="share of the image",
    family="complexity",
    range=(0, 1),
    equation="the share of pixels where the normalised map is above 1/2",
)
def bright_area(seen: Seen, *, level: float = 0.5) -> Scored:
    """The share of the image where the map is above a share of its largest value."""
    return Scored((seen.map > level).double().mean((1, 2)))
