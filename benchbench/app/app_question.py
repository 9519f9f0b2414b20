"""What a visitor asks of a picture: a network, methods, layers, classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BenchError, nearest
from ..looking.class_words import targets_of
from ..looking.look import LookRequest
from ..network.layers import WORDS
from ..registry import METHODS
from ..study.spec import Target
from .network_shelf import LoadedNetwork
from .picture_door import SentPicture

MOST_MAPS = 24  # of one question: visitors share one machine
_STAGES = 5  # layers that ``stages`` counts for
DEFAULT_METHODS = ("gradcam", "layercam")
_CLASS = re.compile(r"predicted|top5|\d{1,7}")
_ONE_PASS = frozenset({"activation", "gradient", "head", "input"})


@dataclass(frozen=True)
class AppQuestion:
    """What is asked, in the words of ``benchbench explain``.

    Attributes:
        layers: ``last`` or ``stages`` alone, or paths of modules.
        classes: ``predicted``, ``top5``, or numbers of classes.

    Raises:
        BenchError: nothing is chosen, an unknown method, or what is no class.
    """

    methods: tuple[str, ...]
    layers: tuple[str, ...]
    classes: tuple[str, ...]
    scores: bool = True

    def __post_init__(self) -> None:
        for what in ("methods", "layers", "classes"):
            if not getattr(self, what):
                raise BenchError("nothing is chosen", where=what, hint="Choose at least one")
        known = METHODS.names()
        for name in self.methods:
            if name not in known:
                raise BenchError(f"no method {name!r}", where="methods", hint=nearest(name, known))
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
            list(self.methods),
            self.layer_words,
            list(self.classes),
            self.scores,
            device=str(network.device),
            times=True,
        )


def method_choices() -> list[tuple[str, str]]:
    """(display name, name) of every method."""
    plugins = METHODS.load().values()
    return [(plugin.display_name(plugin.bind({})), plugin.name) for plugin in plugins if not plugin.required]


def cheap_methods() -> frozenset[str]:
    """Methods of one forward and at most one backward pass, which keep up with a camera."""
    return frozenset(
        name for name, plugin in METHODS.load().items() if plugin.needs <= _ONE_PASS and not plugin.required
    )


def _texts(values: Any) -> tuple[str, ...]:
    if values is None:
        return ()
    listed: Sequence[Any] = values if isinstance(values, (list, tuple)) else [values]
    return tuple(dict.fromkeys(map(str, listed)))
