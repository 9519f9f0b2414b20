"""Maps of a camera's frames: the newest frame alone, by methods that keep up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from PIL import Image

from ..engine.threads import fitting_threads
from ..errors import BenchError
from ..looking.film.drawing import FrameDrawing
from ..looking.film.frame_maps import FrameExplainer, FrameMaps
from ..viz.style import Style
from .app_question import is_cheap, method_of
from .map_cards import CardRow, MapCard, address_of, duration_of, rendered_rows
from .network_shelf import LoadedNetwork

MOST_LIVE = 3  # methods


def checked_live(methods: Sequence[str], slow: bool) -> tuple[str, ...]:
    """The methods of a stream.

    Raises:
        BenchError: none, too many, or a slow method that was not asked for.
    """
    if not methods:
        raise BenchError("nothing is chosen", where="methods", hint="Choose at least one")
    if len(methods) > MOST_LIVE:
        raise BenchError(f"{MOST_LIVE} methods are the most of a camera", where="methods", hint="Choose fewer")
    slower = [text for text in methods if not is_cheap(method_of(text))]
    if slower and not slow:
        message = f"{slower[0]} needs many passes for a frame"
        raise BenchError(message, where="methods", hint="Tick “Slow methods too”, or choose another one")
    return tuple(methods)


def live_page(network: LoadedNetwork, frame: Image.Image, methods: Sequence[str], layer: str, word: str) -> str:
    """A frame under its maps, drawn as a film's frames are, as HTML.

    Args:
        methods: as ``checked_live`` returns them.

    Raises:
        BenchError: an unknown name, a method that cannot explain a frame alone, or one that fails.
    """
    with fitting_threads():
        explainer = network.explainer(methods, layer, word)
        began = time.perf_counter()
        maps = explainer.explain([frame], [0])
        took = duration_of(1000 * (time.perf_counter() - began))
    words = explainer.words(int(maps.targets[0]), float(maps.probabilities[0]))
    row = CardRow(f"{words} · layer {explainer.layer} · {took}", tuple(_cards(explainer, maps, frame)))
    return rendered_rows(None, (row,))


def _cards(explainer: FrameExplainer, maps: FrameMaps, frame: Image.Image) -> Iterator[MapCard]:
    for method, each in zip(explainer.methods, maps.maps, strict=True):
        drawing = FrameDrawing.of(frame.size, explainer.spec.preprocess, ("",), Style())
        yield MapCard(address_of(drawing.draw(frame, [each[0]], "")), method.title, f"map of {method.title}")
