"""What the app does with what visitors send: it computes one thing at a time, and keeps nothing of a visitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from PIL import Image

from ..engine.threads import fitting_threads
from ..errors import BenchError
from ..looking.look import look
from ..looking.looked import chance
from ..study.item_text import parse_item
from ..viz.style import Style
from .app_options import AppOptions
from .app_question import AppQuestion
from .command_lines import RepeatedQuestion, checked_data
from .live_frames import checked_live, live_page
from .map_cards import page_of
from .network_shelf import LoadedNetwork, NetworkShelf
from .picture_door import camera_frame, sent_picture
from .run_library import RunLibrary

RULES = (("the predicted class", "predicted"), ("the five most likely", "top5"))
_PATIENCE = 0.5  # seconds that a camera's frame waits for its turn; then a newer one comes


@dataclass(frozen=True)
class NetworkWords:
    """What the page says of a network, and offers.

    Attributes:
        sentence: the prediction for the picture, or what the network is.
        classes: (what is shown, its value) of every class, the most likely first.
    """

    sentence: str
    layers: tuple[str, ...]
    classes: tuple[tuple[str, str], ...]


@dataclass(eq=False)
class VisitorDesk:
    """The app without its page.

    Args:
        uploads: the folder of visitors' files.
    """

    options: AppOptions
    uploads: Path
    shelf: NetworkShelf = field(init=False)
    library: RunLibrary = field(init=False)
    _turn: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.shelf = NetworkShelf(self.options.models, self.options.device)
        self.library = RunLibrary(self.options.runs, self.options.local)

    def network_words(self, name: str, payload: Any) -> NetworkWords:
        """Of a network and the visitor's picture, if there is one.

        Raises:
            BenchError: the network or the picture cannot be read.
        """
        picture = sent_picture(payload, self.uploads).decoded() if payload else None
        with self._network(name) as network:
            return _words(network, picture)

    def maps_page(self, name: str, payload: Any, question: AppQuestion, style: str) -> str:
        """The maps of a picture as HTML: those of ``benchbench explain``, by the same code.

        Raises:
            BenchError: the picture, the network or the question is refused, or the network fails on the picture.
        """
        looks = Style(style)  # type: ignore[arg-type]  # it checks
        self._check(question)
        picture = sent_picture(payload, self.uploads)
        picture.decoded()  # what is wrong with the file is said of the file, before the network is asked
        with self._network(name) as network, TemporaryDirectory(prefix="benchbench-app-") as folder:
            looked = look(question.request(network, picture), Path(folder))
            notes = tuple(map(str, looked.record.info["warnings"]))
            return page_of(replace(looked, network=network.title), looks, notes)

    def live(self, name: str, payload: Any, methods: Any, layer: Any, word: Any, slow: Any) -> str | None:
        """A frame's maps as HTML; None of a frame whose turn did not come: a newer one follows it.

        Raises:
            BenchError: the frame, the network or the methods are refused.
        """
        frame = camera_frame(payload)
        chosen = AppQuestion.of(methods, layer or "last", word or "predicted")
        self._check(chosen)
        checked = checked_live(chosen.methods, bool(slow))
        if not self._turn.acquire(timeout=_PATIENCE):
            return None
        try:
            return live_page(self.shelf.network(str(name)), frame, checked, chosen.layers[0], chosen.classes[0])
        finally:
            self._turn.release()

    def commands(self, name: str, payload: Any, question: AppQuestion, data: Any, path: Any) -> tuple[str, str, str]:
        """``benchbench explain``, ``benchbench run`` and the Python lines that repeat a question.

        Raises:
            BenchError: an unknown network or data set.
        """
        self._check(question)
        data, path = checked_data(data, path)
        name = self.shelf.known(str(name))
        item, words, targets = self.options.models.get(name, name), question.layer_words, question.targets
        repeated = RepeatedQuestion(name, item, question.methods, words, question.classes, targets, question.scores)
        picture = sent_picture(payload, self.uploads).name if payload else "picture.jpg"
        return repeated.explain_command(picture), repeated.run_command(data, path), repeated.python_lines(data, path)

    def _check(self, question: AppQuestion) -> None:
        """A parameter can make a method take hours: visitors of other machines choose methods without.

        Raises:
            BenchError: one has parameters, and other machines reach the app.
        """
        for text in question.methods:
            if not self.options.local and not isinstance(parse_item(text), str):
                message = f"{text!r}: parameters are taken where only this machine reaches the app"
                raise BenchError(message, where="methods", hint="Choose a method of the list")

    @contextmanager
    def _network(self, name: str) -> Iterator[LoadedNetwork]:
        """The network, while nothing else is computed."""
        with self._turn, fitting_threads():
            yield self.shelf.network(str(name))


def _words(network: LoadedNetwork, picture: Image.Image | None) -> NetworkWords:
    names = network.spec.classes
    chances = network.chances(picture) if picture is not None else ()
    count = len(chances) or len(names)
    order = sorted(range(count), key=lambda k: -chances[k]) if chances else list(range(count))
    classes = tuple((_class_text(k, names, chances), str(k)) for k in order)
    sentence = f"{network.title}: {network.spec.weights}"
    if order and chances:
        sentence = f"{network.title} sees: {', '.join(text for text, _ in classes[:3])}"
    elif network.spec.warning:
        sentence += f". Warning: {network.spec.warning}"
    return NetworkWords(sentence, network.layers, (*RULES, *classes))


def _class_text(number: int, names: tuple[str, ...], chances: tuple[float, ...]) -> str:
    name = names[number] if number < len(names) else f"class {number}"
    return f"{name} · {chance(chances[number])}" if chances else name
