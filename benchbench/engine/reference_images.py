"""The images of a data set that methods compare an image with, loaded once for all shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from torch import Tensor

from ..errors import BenchError
from ..study.plan import Chosen, Shard
from ..study.reference_draw import REFERENCES
from ..study.spec import MethodChoice
from ..types import ReferencePool
from .sample_loader import load_sample

Loaded = tuple[tuple[int, Tensor], ...]  # of a data set: which candidate, and its image as the network sees it


class ReferenceImages:
    """The reference images of each data set, as one network sees them: loaded when a method first asks for them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._loaded: dict[Chosen, Loaded] = {}

    def of(self, shard: Shard, methods: Iterable[MethodChoice]) -> ReferencePool | None:
        """What the images of a shard are compared with; None if none of the methods compares them.

        An image is not compared with itself, by whatever id the data have it.
        """
        if not any("references" in method.needs for method in methods):
            return None
        if shard.whole not in self._loaded:
            self._loaded[shard.whole] = tuple(islice(self._readable(shard), REFERENCES + 1))
        loaded, marks = self._loaded[shard.whole], shard.whole.references(self._seed)
        shown = [marks[place][1:] for place, _ in loaded]
        showing = {
            name: frozenset(k for k, known in enumerate(shown) if name == known[0] or fingerprint == known[1])
            for name, fingerprint in zip(shard.ids, shard.fingerprints, strict=True)
        }
        return ReferencePool(tuple(image for _, image in loaded), showing, REFERENCES)

    def _readable(self, shard: Shard) -> Iterator[tuple[int, Tensor]]:
        """Those that can be read, each picture once."""
        known = set[str]()
        for place, (index, _, fingerprint) in enumerate(shard.whole.references(self._seed)):
            if fingerprint in known:
                continue
            try:
                _, image, _, _ = load_sample(shard.dataset, index, shard.model.preprocess)
            except BenchError:
                continue
            known.add(fingerprint)
            yield place, image
