"""The network that the app has in memory: loaded once, and freed when another one is asked for."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from ..engine.device import device_of
from ..engine.study_sources import ready_spec
from ..errors import BenchError, nearest
from ..looking.class_chances import class_chances
from ..looking.film.command import FilmRequest
from ..looking.film.frame_maps import FrameExplainer
from ..network.layers import WORDS
from ..registry import MODELS
from ..study.choices import ModelChoice
from ..study.item_text import parse_item
from ..study.spec import StudySpec
from ..types import ModelSpec

_MOST_EXPLAINERS = 4  # of live frames, that are kept ready


@dataclass(frozen=True, eq=False)
class LoadedNetwork:
    """A network in memory.

    Attributes:
        name: as the visitor chose it. choice: as a study takes it, without loading it again.
        title: the name in reports. device: where it is.
    """

    name: str
    choice: ModelChoice
    spec: ModelSpec
    title: str
    device: torch.device
    _explainers: dict[tuple[Any, ...], FrameExplainer] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """What a visitor may choose: ``last``, ``stages`` and the paths of all modules."""
        return (*WORDS, *(path for path, _ in self.spec.network.named_modules() if path and path not in WORDS))

    def chances(self, picture: Image.Image) -> tuple[float, ...]:
        """The probability of every class; empty where there are none.

        Raises:
            BenchError: the network does not take the picture.
        """
        return class_chances(self.spec, picture, self.device)

    def explainer(self, methods: Sequence[str], layer: str, word: str) -> FrameExplainer:
        """What explains frames, made ready once.

        Raises:
            BenchError: an unknown name, or a method that needs other images.
        """
        key = (*methods, layer, word)
        if key not in self._explainers:
            while len(self._explainers) >= _MOST_EXPLAINERS:
                del self._explainers[next(iter(self._explainers))]
            request = FilmRequest(self.choice, list(map(parse_item, methods)), layer, [word], device=str(self.device))
            self._explainers[key] = request.explainer()
        return self._explainers[key]


@dataclass(eq=False)
class NetworkShelf:
    """Holds one network. Not for several threads at once: the app computes one thing at a time.

    Args:
        models: by name, the networks of the command line as a study takes them. Registered names are there besides.
    """

    models: Mapping[str, Any]
    device: str = "auto"
    _held: LoadedNetwork | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the command line first."""
        return tuple(dict.fromkeys([*self.models, *MODELS.names()]))

    def known(self, name: str) -> str:
        """The name, if there is such a network.

        Raises:
            BenchError: there is none.
        """
        if name not in self.names:
            raise BenchError(f"no network {name!r}", where="network", hint=nearest(name, self.names))
        return name

    def network(self, name: str) -> LoadedNetwork:
        """The network of this name; the one before it is freed first.

        Raises:
            BenchError: there is no such name, or the network cannot be loaded.
        """
        if self._held is None or self._held.name != name:
            self.known(name)
            self._held = None
            gc.collect()
            torch.cuda.empty_cache()
            self._held = loaded(name, self.models.get(name, name), self.device)
        return self._held


def loaded(name: str, item: Any, device: str) -> LoadedNetwork:
    """A network, loaded as ``benchbench explain`` loads it.

    Raises:
        BenchError: it cannot be loaded.
    """
    draft = StudySpec(models=[item], datasets=["photos"], methods=["gradcam"], metrics=["map_mean"], device=device)
    (asked,) = draft.models
    target = device_of(draft)
    spec = ready_spec(asked, target)
    return LoadedNetwork(name, ModelChoice(asked.label, value=spec), spec, asked.title, target)
