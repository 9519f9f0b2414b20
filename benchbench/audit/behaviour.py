"""Whether a method gives the same map twice, and whether an image's map depends on the other images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..plugin_guard import random_states_kept, set_random_states
from .map_differences import apart

SAME = 1e-6  # two calls with nothing random in them differ by less
ROUNDING = 1e-4  # another batch size rounds otherwise


@dataclass(frozen=True)
class Behaviour:
    """Largest differences of maps in 0 .. 1 between calls on the same images.

    Attributes:
        alone: each image alone against the batch; every call begins with the same seed of the global generators.
        permuted: the batch in reverse order against the batch; the same seed.
        repeated: two calls, one after the other, without a seed between them.
        seeded: two calls with the same seed.
    """

    alone: float
    permuted: float
    repeated: float
    seeded: float

    @property
    def random(self) -> bool:
        """Whether two calls give two maps."""
        return self.repeated > SAME

    @property
    def depends_on_batch(self) -> bool:
        """Whether an image's map depends on the others; never said of a method that draws at random.

        What such a method draws for an image depends on its place in the batch, and no comparison tells this from the
        method's noise.
        """
        return not self.random and max(self.alone, self.permuted) > ROUNDING


def behaviour_of(explain: Callable[[Tensor, Tensor], Tensor], images: Tensor, classes: Tensor) -> Behaviour:
    """Of a method on one batch.

    Args:
        explain: from images (B, C, H, W) and classes (B,) to maps (B, h, w).
    """
    size = (images.shape[2], images.shape[3])

    def seeded(rows: slice | Tensor) -> Tensor:
        set_random_states(0)
        return explain(images[rows].clone(), classes[rows].clone())

    with random_states_kept():
        whole = slice(None)
        together = seeded(whole)
        repeated = apart(explain(images.clone(), classes.clone()), together, size)
        again = apart(seeded(whole), together, size) if repeated > SAME else repeated
        each = torch.cat([seeded(slice(i, i + 1)) for i in range(len(images))])
        backwards = torch.arange(len(images)).flip(0)
        permuted = seeded(backwards)[backwards]
    return Behaviour(apart(each, together, size), apart(permuted, together, size), repeated, again)
