"""What the suite ``bias`` asks of data: where the cue of an image is, and the image with another cue in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...engine.sample_loader import load_sample
from ...errors import BenchError
from ...failure_policy import as_bench_error
from ...models.preprocess import prepare
from ...plugin_guard import no_exit
from ...types import Dataset, Preprocess, Sample
from ..innermost import innermost

DEMANDED = {
    "cue_mask(i)": "bool (H, W), true on the pixels of the cue in image i",
    "cue_twin(i)": "a Sample, image i with another cue in the same place and all other pixels as they are",
}
_HINT = "Give the data two methods, " + "; ".join(f"{name}: {what}" for name, what in DEMANDED.items())
_HINT += ". docs/suites/bias.md has an example"


@dataclass(frozen=True, eq=False)
class CuePair:
    """An image with its counterfactual twin, both as the network sees them.

    Attributes:
        image, twin: (channels, H, W).
        cue: bool (H, W), the pixels of the cue.
        object: bool (H, W), the pixels of the object; None where the data do not say.
        label: the class index; None where the data do not say.
    """

    image: Tensor
    twin: Tensor
    cue: Tensor
    object: Tensor | None
    label: int | None

    @property
    def area(self) -> float:
        """The cue's share of the image."""
        return float(self.cue.double().mean())


def with_cues(name: str, dataset: Dataset) -> Any:
    """The user's own object behind what the engine puts around data, if it knows its cues; indices are the same.

    Args:
        name: of the data in the study.
        dataset: the data, which may be anyone's.

    Raises:
        BenchError: ``cue_mask`` or ``cue_twin`` is not there.
    """
    inner = innermost(dataset)
    lacking = [each for each in DEMANDED if not callable(getattr(inner, each.removesuffix("(i)"), None))]
    if lacking:
        message = f"the suite bias needs data with a known cue, and {name} has no {' and no '.join(lacking)}"
        raise BenchError(message, where=f"datasets: {name}", hint=_HINT)
    return inner


def cue_pair(dataset: Dataset, cues: Any, index: int, preprocess: Preprocess) -> CuePair:
    """An image and its twin in the network's frame.

    Args:
        dataset: as the study has it.
        cues: what ``with_cues`` returns; its ``object_mask`` is asked for if it is there.
        index: of the image.
        preprocess: of the network.

    Raises:
        BenchError: the data fail, the masks or the twin do not fit the image, or the frame shows no pixel of the cue.
    """
    sample, image, _, _ = load_sample(dataset, index, preprocess)
    where = f"image {sample.id}"
    with as_bench_error("the dataset fails", where=where), no_exit("the dataset"):
        cue = _bools(cues.cue_mask(index), where)
        twin = cues.cue_twin(index)
        known = getattr(cues, "object_mask", None)
        shown = None if known is None else _bools(known(index), where)
    other = _framed(twin, None, preprocess, where)[0]
    framed = _framed(sample, cue, preprocess, where)[1]
    assert framed is not None
    inside = None if shown is None else _framed(sample, shown, preprocess, where)[1]
    if other.shape != image.shape:
        message = f"the twin is {tuple(other.shape)} and the image {tuple(image.shape)} as the network sees them"
        raise BenchError(message, where=where, hint="Give a twin of the image's size")
    if not framed.any():
        raise BenchError("no pixel of the cue is in the network's frame", where=where)
    return CuePair(image, other, framed, inside, sample.label)


def _bools(mask: Any, where: str) -> Tensor:
    if not isinstance(mask, Tensor) or mask.ndim != 2:
        kind = tuple(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise BenchError(f"a mask is {kind}", where=where, hint="Give a bool tensor (H, W)")
    return mask.bool()


def _framed(sample: Sample, mask: Tensor | None, preprocess: Preprocess, where: str) -> tuple[Tensor, Tensor | None]:
    """The image (channels, H, W) and the mask (H, W) as the network sees them."""
    size = sample.image.shape[1:] if isinstance(sample.image, Tensor) else sample.image.size[::-1]
    if mask is not None and tuple(mask.shape) != tuple(size):
        message = f"a mask is {tuple(mask.shape)} and the image {tuple(size)}"
        raise BenchError(message, where=where, hint="Give masks of the image's size")
    if isinstance(sample.image, Tensor):
        return sample.image.float(), mask
    image, framed = prepare(sample.image, mask, preprocess)
    return image, None if framed is None else torch.as_tensor(framed) > 0.5
