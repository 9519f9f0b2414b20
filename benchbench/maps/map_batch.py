"""Maps of a batch of images, with why an image has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..per_image import PerImage
from ..vocabulary import Status


@dataclass(frozen=True, eq=False)
class MapBatch(PerImage):
    """One map cell's maps (B, h, w) on one chunk; per image its status, and the reason why it has none, or "".

    ``notes``: per image what its method left in the network, or ""; empty where nobody looked.
    """

    tensor: Tensor | None
    reasons: tuple[str, ...]
    statuses: tuple[Status, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def none(cls, count: int, reason: str, status: Status) -> MapBatch:
        """No map of any image, for one reason."""
        return cls(None, (reason,) * count, (status,) * count)

    @classmethod
    def join(cls, parts: Sequence[MapBatch]) -> MapBatch:
        """One after the other; NaN where one has no map."""
        size = next((p.tensor.shape[1:] for p in parts if p.tensor is not None), None)
        reasons = tuple(reason for part in parts for reason in part.reasons)
        statuses = tuple(status for part in parts for status in part.statuses)
        notes = tuple(note for part in parts for note in part.notes or ("",) * len(part.reasons))
        if size is None:
            return cls(None, reasons, statuses, notes)
        tensors = [
            torch.full((len(p.reasons), *size), float("nan")) if p.tensor is None else p.tensor.cpu() for p in parts
        ]
        return cls(torch.cat(tensors), reasons, statuses, notes)
