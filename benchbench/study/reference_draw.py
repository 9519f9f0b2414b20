"""Which images of a data set methods compare an image with: drawn by the study's seed and the ids alone."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest

from ..seeds import sample_seeds

REFERENCES = 16  # that an image is given, if the data have so many others
CANDIDATES = 2 * (REFERENCES + 1)  # among them the image itself, and such as cannot be read


def reference_candidates(ids: Sequence[str], seed: int) -> tuple[int, ...]:
    """Indices of the candidates for reference images, in their order.

    Each id has a random number of its own, and those with the smallest are taken: neither the order of the data, nor
    the subset or the number of samples that a study takes, changes which they are.
    """
    keys = sample_seeds(seed, "references", ids)
    return tuple(nsmallest(CANDIDATES, range(len(ids)), key=keys.__getitem__))
