"""Images, labels, masks and boxes of a program, each as a Sample holds it, or an error that names the place."""

from __future__ import annotations

import operator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import BenchError
from ...models.boxes import check_boxes
from .decode import to_rgb
from .input_kinds import as_tensor, class_of


def as_image(value: object, where: str) -> Image.Image | Tensor:
    """A PIL image as RGB, or a float tensor or NumPy array (channels, H, W) as a float32 tensor on the CPU.

    Raises:
        BenchError: anything else, values that are not finite, or no pixels.
    """
    if isinstance(value, Image.Image):
        try:
            return to_rgb(value)
        except BenchError as error:
            raise error.at(where) from None
    value = as_tensor(value)
    if not isinstance(value, Tensor):
        hint = "Give a float tensor or array (channels, H, W), or a PIL image: Image.open(file)"
        raise BenchError(f"{type(value).__name__} is neither a tensor nor a PIL image", where=where, hint=hint)
    if not value.is_floating_point():
        hint = (
            "Give what the network expects: images.float() / 255, normalised; or PIL images, Image.fromarray(array), "
            "which are prepared for you"
        )
        raise BenchError(f"the tensor's dtype is {value.dtype}, not a float", where=where, hint=hint)
    if value.ndim != 3 or 0 in value.shape or channels_last(value):
        last = value.ndim == 3 and channels_last(value)
        plane = "Use image[None] for one channel" if value.ndim == 2 else "Give channels first, without a batch"
        hint = "Use .permute(2, 0, 1): channels come first" if last else plane
        raise BenchError(f"a tensor {tuple(value.shape)}, not (channels, H, W)", where=where, hint=hint)
    image = value.detach().cpu().float()
    if not bool(image.isfinite().all()):
        raise BenchError(
            "the tensor has values that are not finite", where=where, hint="Look for NaN or infinity in it"
        )
    return image


def channels_last(image: Tensor) -> bool:
    """Whether an image (a, b, c) must be (H, W, channels): else it would have more channels than its few columns."""
    return image.shape[-1] in (1, 3, 4) and image.shape[-3] > max(3, image.shape[-1])


def as_label(value: object, where: str) -> int | None:
    """An int of at least 0 from an int, integer tensor or array of one value, or a one-hot vector; None from None."""
    if value is None:
        return None
    value = as_tensor(class_of(value, where))
    try:
        label = None if _is_bool(value) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        label = None
    if label is None or not 0 <= label < 2**31:
        raise BenchError(f"{value!r} is not a class index", where=where, hint="Give an integer of at least 0, or None")
    return label


def as_mask(mask: object, image: Image.Image | Tensor, where: str) -> Tensor | None:
    """A bool (H, W) of the image's size from bools or integers, a tensor or array: not 0 is object; None from None."""
    if mask is None:
        return None
    mask = as_tensor(mask)
    if not isinstance(mask, Tensor):
        hint = "Use torch.from_numpy(np.array(mask))"
        raise BenchError(f"{type(mask).__name__} is not a tensor", where=where, hint=hint)
    if mask.is_floating_point() or mask.is_complex():
        raise BenchError(f"the mask's dtype is {mask.dtype}", where=where, hint="Use mask > 0.5")
    size = tuple(image.shape[1:]) if isinstance(image, Tensor) else (image.height, image.width)
    if tuple(mask.shape) != size:
        raise BenchError(f"the mask is {tuple(mask.shape)} and its image {size} (height, width)", where=where)
    return mask.detach().cpu() != 0


def as_boxes(boxes: object, where: str) -> Tensor | None:
    """Boxes as float32 (n, 4) from numbers (n, 4), a tensor, an array or lists; None from None.

    Raises:
        BenchError: anything else, or a box that ends before it begins.
    """
    if boxes is None:
        return None
    try:
        numbers = boxes if isinstance(boxes, Tensor) else torch.as_tensor(np.asarray(boxes, dtype=np.float64))
    except (TypeError, ValueError):
        hint = "Give x0, y0, x1, y1 of each box"
        raise BenchError(f"{type(boxes).__name__} is no list of boxes (n, 4)", where=where, hint=hint) from None
    numbers = numbers.detach().cpu().float()
    try:
        return check_boxes(numbers.reshape(0, 4) if numbers.numel() == 0 else numbers)
    except BenchError as error:
        raise error.at(where) from None


def boxes_text(boxes: Tensor | None) -> list[str]:
    """What makes the boxes what they are, for a fingerprint; nothing for None."""
    return [] if boxes is None else [f"boxes {boxes.tolist()}"]


def as_group(group: object, where: str) -> str | None:
    """A text from a text that is not empty, or from an integer; None from None.

    Raises:
        BenchError: anything else.
    """
    if group is None:
        return None
    if isinstance(group, str) and group.strip():
        return group.strip()
    try:
        return str(operator.index(group))  # type: ignore[arg-type]
    except TypeError:
        hint = "Give a text or an integer, or None where the image is independent"
        raise BenchError(f"{group!r} is not a group", where=where, hint=hint) from None


def image_bytes(image: Image.Image | Tensor) -> bytes:
    """All that makes the image what it is, as bytes."""
    if isinstance(image, Tensor):
        return f"tensor {tuple(image.shape)} ".encode() + image.contiguous().numpy().tobytes()
    return f"{image.mode} {image.size} ".encode() + image.tobytes()


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == torch.bool)
