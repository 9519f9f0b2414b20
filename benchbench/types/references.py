"""Images of the data that a method compares an image with, the same for every batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..per_image import SHARED, PerImage

NO_REFERENCES = "there is no other image of this size to compare with"


@dataclass(frozen=True, eq=False)
class References(PerImage):
    """The reference images of each image of a batch; never the image itself.

    Attributes:
        images: (R, channels, H, W), of all images of the batch.
        places: per image, which of ``images`` it has, in order.

    Example:
        >>> from benchbench.types.references import References
        >>> some = References(torch.arange(3.0).view(3, 1, 1, 1), ((1, 2), (0,)))
        >>> [(images.flatten().tolist(), present.tolist()) for images, present in some.each()]
        [([1.0, 0.0], [True, True]), ([2.0, 0.0], [True, False])]
    """

    images: Tensor = field(metadata=SHARED)
    places: tuple[tuple[int, ...], ...]

    @property
    def counts(self) -> Tensor:
        """(B,): how many each image has."""
        return torch.tensor([len(indices) for indices in self.places], device=self.images.device)

    def each(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The first reference of each image, the second, and so on: images (B, channels, H, W), and whether (B,).

        An image that has no more of them has its last one again, and False.
        """
        for k in range(max(map(len, self.places))):
            present = torch.tensor([k < len(indices) for indices in self.places], device=self.images.device)
            yield self.images[[indices[min(k, len(indices) - 1)] for indices in self.places]], present


@dataclass(frozen=True, eq=False)
class ReferencePool:
    """Images of the data in a fixed order. Each image has the first ``count`` of them that are of its size and not it.

    Attributes:
        images: each (channels, H, W).
        showing: by the id of an image, which of them show it.
        count: how many an image has at most.
    """

    images: tuple[Tensor, ...]
    showing: Mapping[str, frozenset[int]]
    count: int

    def of(self, ids: Sequence[str], images: Tensor) -> References:
        """The references of images (B, channels, H, W) with these ids, on their device."""
        fit = [k for k, image in enumerate(self.images) if image.shape == images.shape[1:]]
        stack = torch.stack([self.images[k] for k in fit]) if fit else images[:0]
        nothing: frozenset[int] = frozenset()
        places = [[n for n, k in enumerate(fit) if k not in self.showing.get(name, nothing)] for name in ids]
        return References(stack.to(images.device), tuple(tuple(indices[: self.count]) for indices in places))
