"""What a visitor asks of a picture: a network, methods, layers, classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import BenchError
from ..looking.class_words import targets_of
from ..looking.look import LookRequest
from ..network.layers import WORDS
from ..registry import METHODS, MethodPlugin
from ..study.choices import MethodChoice
from ..study.item_text import item_texts, items
from ..study.spec import Target, read_method
from .network_shelf import LoadedNetwork
from .picture_door import SentPicture

_LONG = 200  # letters of a hint that lists every name, which the page's list shows
MOST_MAPS = 24  # of one question: visitors share one machine
_STAGES = 5  # layers that ``stages`` counts for
DEFAULT_METHODS = ("gradcam", "layercam")
TYPED = "smoothgrad:samples=20, torchcam:GradCAM"  # what a visitor may type
_CLASS = re.compile(r"predicted|top5|\d{1,7}")
_ONE_PASS = frozenset({"activation", "gradient", "head", "input"})


@dataclass(frozen=True)
class AppQuestion:
    """What is asked, in the words of ``benchbench explain``.

    Attributes:
        methods: as the command line spells them, with parameters: ``smoothgrad:samples=20``.
        layers: ``last`` or ``stages`` alone, or paths of modules.
        classes: ``predicted``, ``top5``, or numbers of classes.

    Raises:
        BenchError: nothing is chosen, an unknown method or parameter, or what is no class.
    """

    methods: tuple[str, ...]
    layers: tuple[str, ...]
    classes: tuple[str, ...]
    scores: bool = True

    def __post_init__(self) -> None:
        for what in ("methods", "layers", "classes"):
            if not getattr(self, what):
                raise BenchError("nothing is chosen", where=what, hint="Choose at least one")
        for text in self.methods:
            method_of(text)
        for word in self.classes:
            if not _CLASS.fullmatch(word):
                raise BenchError(f"no class {word!r}", where="classes", hint="Choose one of the list")
        if len(self.layers) > 1 and set(WORDS) & set(self.layers):
            raise BenchError("last and stages stand alone", where="layers", hint="Choose one of them, or modules")

    @classmethod
    def of(cls, methods: Any, layers: Any, classes: Any, scores: Any = True) -> AppQuestion:
        """Of what a browser sends."""
        return cls(_texts(methods), _texts(layers), _texts(classes), bool(scores))

    @property
    def layer_words(self) -> str | list[str]:
        """As a study takes them."""
        return self.layers[0] if self.layers[0] in WORDS else list(self.layers)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Those of a study; classes are numbers here, so that no network is needed."""
        return targets_of(self.classes, ())

    def request(self, network: LoadedNetwork, picture: SentPicture) -> LookRequest:
        """What ``benchbench explain --scores`` asks for, and the times.

        Raises:
            BenchError: an unknown class, or more maps than one question may ask for.
        """
        layers = _STAGES if self.layers == ("stages",) else len(self.layers)
        count = len(self.methods) * len(self.targets) * layers
        if count > MOST_MAPS:
            hint = "Choose fewer methods, layers or classes"
            raise BenchError(f"that is {count} maps; {MOST_MAPS} are the most", where="maps", hint=hint)
        return LookRequest(
            network.choice,
            picture.data(),
            [method_of(text) for text in self.methods],
            self.layer_words,
            list(self.classes),
            self.scores,
            device=str(network.device),
            times=True,
        )


def method_choices() -> list[tuple[str, str]]:
    """(display name, name) of every method that needs no parameter; those of installed libraries stand last."""
    plugins = [plugin for plugin in (*METHODS.load().values(), *_library_methods()) if not plugin.required]
    return [(plugin.display_name(plugin.bind({})), plugin.name) for plugin in plugins]


@cache
def _library_methods() -> tuple[MethodPlugin, ...]:
    """Of the libraries that are installed; to import them takes seconds."""
    plugins: list[MethodPlugin] = []
    for family in METHODS.open_families().values():
        with suppress(BenchError):  # the library is not installed
            plugins += [family.make(name) for name in (family.names() if family.names else ())]
    return tuple(plugins)


def all_methods(chosen: Any, typed: Any) -> list[str]:
    """What is chosen of the list, and what is typed beside it, separated by commas.

    Raises:
        BenchError: the text cannot be read.
    """
    try:
        return [*_texts(chosen), *item_texts(str(typed or ""))]
    except BenchError as error:
        raise BenchError(error.what, where="methods", hint=error.hint) from None


def method_of(text: str) -> MethodChoice:
    """A method as the command line spells it: a name, ``library:Name``, or either with parameters.

    Raises:
        BenchError: there is no such method or parameter, or the text cannot be read.
    """
    try:
        wanted = items(text)
        if len(wanted) != 1:
            raise BenchError(f"cannot read {text!r}", hint="Type the methods in their field")
        return read_method(wanted[0])
    except BenchError as error:
        hint = error.hint if len(error.hint) < _LONG else error.hint.partition("Available:")[0].strip()
        what = f"{error.where}: {error.what}" if error.where else error.what
        raise BenchError(what, where="methods", hint=hint or "Search the list") from None


def is_cheap(method: MethodChoice) -> bool:
    """Whether it takes one forward and at most one backward pass, and so keeps up with a camera."""
    return method.needs <= _ONE_PASS


def _texts(values: Any) -> tuple[str, ...]:
    if values is None:
        return ()
    listed: Sequence[Any] = values if isinstance(values, (list, tuple)) else [values]
    return tuple(dict.fromkeys(map(str, listed)))
