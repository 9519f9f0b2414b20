"""Maps side by side, each with its scores, its curves and its time, as HTML in which every text is escaped."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from jinja2 import Environment, PackageLoader
from PIL import Image

from ..errors import BenchError
from ..formatting import duration
from ..looking.looked import SCORES, Curve, Looked, MapPlace
from ..reports.html.embedded import png_file_uri
from ..reports.html.environment import environment
from ..viz.style import Style, styled

_SIDE = 448  # pixels of a picture: twice its width on the page, for fine screens
WIDTH, HEIGHT = 200, 80  # of a chart's inside, in its units
_ARROWS = {"deletion": "↓", "insertion": "↑"}


@dataclass(frozen=True)
class CurveLine:
    """A curve of a chart: ``points`` in the chart's units; ``score``: as text; ``arrow``: which way is better."""

    metric: str
    score: str
    arrow: str
    points: str


@dataclass(frozen=True)
class MapCard:
    """One map.

    Attributes:
        picture: a data address; empty where there is no map, and ``reason`` says why.
        title: the method; ``lines``: what is said below it. time: as text.
    """

    picture: str
    title: str
    alt: str
    lines: tuple[str, ...] = ()
    curves: tuple[CurveLine, ...] = ()
    time: str = ""
    reason: str = ""


@dataclass(frozen=True)
class CardRow:
    """Cards under one heading: of one class at one layer."""

    head: str
    cards: tuple[MapCard, ...]


@cache
def templates() -> Environment:
    """The app's templates, which escape every text."""
    return environment().overlay(loader=PackageLoader("benchbench.app", "templates"))


def page_of(looked: Looked, style: Style, notes: Sequence[str] = ()) -> str:
    """The maps of one picture, as HTML."""
    (sample,) = looked.samples
    seen = looked.picture(sample)
    if seen is None:
        raise BenchError(looked.why_not_read(sample), where=sample, hint="Choose another picture")
    first = MapCard(address_of(seen), "what the network sees", f"{sample}, as the network sees it", (sample,))
    return rendered_rows(first, tuple(_rows(looked, sample, seen, style)), notes)


def rendered_rows(first: MapCard | None, rows: Sequence[CardRow], notes: Sequence[str] = ()) -> str:
    """Rows of cards, as HTML."""
    return (
        templates()
        .get_template("maps.html.j2")
        .render(first=first, rows=rows, notes=notes, width=WIDTH, height=HEIGHT, scored=any(map(_scored, rows)))
    )


def message(text: str, *, wrong: bool = False) -> str:
    """A sentence as HTML; a mistake is read out at once."""
    return templates().get_template("message.html.j2").render(text=text, wrong=wrong) if text else ""


def address_of(picture: Image.Image) -> str:
    """A picture as a data address: it is in no file that another visitor could ask for."""
    small, out = picture.copy(), io.BytesIO()
    small.thumbnail((_SIDE, _SIDE))
    small.save(out, "PNG")
    return png_file_uri(out.getvalue())


def _scored(row: CardRow) -> bool:
    return any(card.curves for card in row.cards)


def _rows(looked: Looked, sample: str, seen: Image.Image, style: Style) -> Iterator[CardRow]:
    """A row for each class and layer."""
    places = [
        MapPlace(sample, setting, layer, method)
        for setting in looked.targets
        for layer in looked.layers
        for method in looked.methods
    ]
    for (setting, layer), group in groupby(places, lambda place: (place.setting, place.layer)):
        explained = looked.explained(sample, setting)
        head = f"{explained.words if explained else ''} · layer {layer}"
        yield CardRow(head, tuple(_card(looked, place, seen, style) for place in group))


def _card(looked: Looked, place: MapPlace, seen: Image.Image, style: Style) -> MapCard:
    title = looked.methods[place.method]
    saliency_map = looked.map(place)
    if saliency_map is None:
        return MapCard("", title, "", reason=looked.reason(place))
    time = looked.milliseconds(place)
    return MapCard(
        address_of(styled(seen, saliency_map, style)),
        title,
        f"map of {title} at layer {place.layer}",
        curves=tuple(_lines(looked.scores(place), looked.curves(place))),
        time="" if time is None else duration_of(time),
    )


def duration_of(milliseconds: float) -> str:
    """``8.2 ms``, ``1.4 s``, and longer times as elsewhere."""
    if milliseconds < 1000:
        return f"{milliseconds:.{1 if milliseconds < 100 else 0}f} ms"
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 60_000 else duration(milliseconds / 1000)


def _lines(scores: Mapping[str, float], curves: Mapping[str, Curve]) -> Iterator[CurveLine]:
    for metric in SCORES:
        if metric in scores:
            yield CurveLine(metric, f"{scores[metric]:.3f}", _ARROWS[metric], _points(curves.get(metric, ())))


def _points(curve: Curve) -> str:
    """In the units of a chart whose axes go from 0 to 1."""
    return " ".join(f"{x * WIDTH:.1f},{(1 - min(max(y, 0.0), 1.0)) * HEIGHT:.1f}" for x, y in curve)
