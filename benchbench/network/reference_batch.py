"""A batch of images as they are, with the network that answers: what metrics and views of the images start from."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from ..models.preprocess import fitted
from ..per_image import SHARED, PerImage
from ..seeds import sample_seeds
from ..types import Pixels, Preprocess, ReferencePool
from ..types.batch import ImageBatch
from .scorer import Scorer


@dataclass(frozen=True, eq=False)
class ReferenceBatch(PerImage):
    """A batch of images as they are.

    Attributes:
        network: as it was loaded; the scorer may run a faster copy of it.
        ids, masks: of the images; the masks (B, H, W), if any.
        targets, predicted: (B,), the classes explained, and the most likely ones.
        seed: the study's.
        boxes: per image its boxes (n, 4), or None where unknown; empty where no image has any.
        label_places, label_explained: see types.Seen; None where no metric needs them.
        pool: images of the data that methods compare an image with; None where no method does.
    """

    network: nn.Module
    scorer: Scorer
    ids: tuple[str, ...]
    pixels: Pixels
    masks: Tensor | None
    targets: Tensor
    predicted: Tensor
    seed: int
    boxes: tuple[Tensor | None, ...] = ()
    label_places: Tensor | None = None
    label_explained: Tensor | None = None
    pool: ReferencePool | None = field(default=None, metadata=SHARED)

    def __len__(self) -> int:
        return len(self.ids)


def pixels_of(batch: ImageBatch, seed: int, preprocess: Preprocess) -> Pixels:
    """The batch's images, with what their probes are made of, in units of their own normalisation.

    Raises:
        BenchError: the Preprocess has a mean and a standard deviation for another number of channels.
    """
    images, normalisation = batch.images, fitted(preprocess, batch.images.shape[1])
    mean, std = images.new_tensor(normalisation.mean), images.new_tensor(normalisation.std)
    return Pixels(images, sample_seeds(seed, "probes", batch.ids), mean, std)
