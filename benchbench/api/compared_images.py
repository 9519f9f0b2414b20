"""What bb.explain compares images with, for methods that compare an image with others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import BenchError, NotApplicable
from ..study.reference_draw import REFERENCES
from ..types import References


@dataclass(frozen=True, eq=False)
class ComparedImages:
    """The images that a call of bb.explain is given to compare with, if any.

    Attributes:
        references: (R, channels, H, W); None for the other images of the call.
        batched: whether the images come batch by batch, so that the others of a batch depend on its size.
    """

    references: Tensor | None
    batched: bool

    def of(self, method: str, images: Tensor, times: int) -> References:
        """All that are given, or the first 16 others of the images (B, channels, H, W); never the image itself.

        Args:
            times: how often each image comes, one after the other: once for each of its classes.

        Raises:
            NotApplicable: there is nothing to compare an image with.
            BenchError: what is given has another size.
        """
        if self.references is None and self.batched:
            why = f"{method} compares an image with others, and a DataLoader's batches are explained one by one"
            raise NotApplicable(f"{why}: give references=, images as the network takes them")
        pool = images if self.references is None else self.references
        if pool.shape[1:] != images.shape[1:]:
            message = f"references are {tuple(pool.shape[1:])} each, and the images {tuple(images.shape[1:])}"
            raise BenchError(message, where="explain", hint="Give references of the images' size")
        others = [[k for k in range(len(pool)) if not torch.equal(pool[k], image)] for image in images]
        most = REFERENCES if self.references is None else len(pool)
        if not all(others):
            why = f"{method} compares an image with others, and there is none"
            raise NotApplicable(f"{why}: give references=, images as the network takes them")
        return References(pool, tuple(tuple(suitable[:most]) for suitable in others for _ in range(times)))

    def refuse_unused(self, method: str) -> None:
        """For a method that compares nothing.

        Raises:
            BenchError: references are given.
        """
        if self.references is not None:
            raise BenchError(f"{method} takes no references", where="explain", hint="Leave references out")
