"""Real photographs of objects with exact masks: Debian's stamps on seeded backgrounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import BenchError
from ...models.load import imagenet_classes
from ...registry import dataset
from ...types import Sample
from ..sources.decode import open_rgba
from ..sources.file_dataset import fingerprint
from . import backgrounds
from .stamps import STAMPS

ROOT = Path("/usr/share/tuxpaint/stamps")  # where Debian's package installs them
CANVAS = 320
FRAME = 256  # the middle of the canvas: a centre crop of 224 out of 256 keeps 280, so the object survives it whole
LONGER = (160, 224)  # the object's longer side is drawn from here,
ENLARGED = 2.0  # but no stamp is enlarged more than this
RECIPE = "1"  # of the pictures: a change of what compose() draws raises it, as a test of the pictures demands
_INSTALL = "Install it with: apt-get install tuxpaint-stamps-default; or give root: a folder laid out like it"
_PAINTERS = {"plain": backgrounds.plain, "gradient": backgrounds.gradient, "texture": backgrounds.texture}


@dataclass(frozen=True)
class Cutout:
    """One stamp on one background."""

    stamp: str
    label: int
    background: str

    @property
    def id(self) -> str:
        return f"{self.stamp.removesuffix('.png')}/{self.background}"


@dataclass(frozen=True)
class Cutouts:
    """A Dataset of cut-outs, composed when asked for: the same seed gives the same pictures."""

    concurrent: ClassVar[bool] = True  # threads may read it at once
    name: str
    root: Path
    seed: int
    cutouts: Sequence[Cutout]
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> Sequence[str]:
        return [cutout.id for cutout in self.cutouts]

    @cached_property
    def groups(self) -> Sequence[str | None]:
        """The stamp: its pictures on several backgrounds are not independent."""
        return [cutout.stamp for cutout in self.cutouts]

    @cached_property
    def labels(self) -> Sequence[int]:
        """By index, without composing."""
        return [cutout.label for cutout in self.cutouts]

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """ImageNet's."""
        return imagenet_classes()

    def __getitem__(self, index: int) -> Sample:
        """An RGB picture of 320 x 320 with its mask.

        Raises:
            BenchError: the stamp cannot be decoded, or is empty or fully opaque, so that it has no object.
        """
        cutout = self.cutouts[index]
        image, mask = compose(open_rgba(self.root / cutout.stamp), cutout.background, f"{self.seed}/{cutout.id}")
        return Sample(cutout.id, image, cutout.label, mask, cutout.stamp)

    def fingerprint(self, index: int) -> str:
        """Of the stamp's bytes, the label, the seed, and the recipe that composes."""
        cutout = self.cutouts[index]
        try:
            stamp = (self.root / cutout.stamp).read_bytes()
        except OSError as error:
            raise BenchError(f"the stamp cannot be read: {error.strerror}", where=cutout.stamp) from None
        return fingerprint(stamp, cutout.id, str(cutout.label), str(self.seed), RECIPE)


@dataset("cutouts", title="Cut-outs")
def cutouts(
    *,
    background: Literal["plain", "gradient", "texture", "all"] = "all",
    count: int | None = None,
    seed: int = 0,
    root: Path = ROOT,
) -> Cutouts:
    """Photographs of ImageNet objects with exact masks, from Debian's tuxpaint-stamps-default, on seeded backgrounds.

    The stamps that are photographs of exactly one ImageNet-1k class, by a table made by eye (see ``stamps.py``). Each
    is composited on a canvas of 320 x 320: its longer side is 160 to 224 pixels, enlarged at most twice, and it lies
    whole, at a seeded place, in the middle 256 x 256, so that the usual centre crop keeps all of it. The mask is where
    alpha, at the composite's size, is more than a half. Objects on made-up backgrounds are not what networks are
    trained on: see the run's accuracy before trusting a ranking. The pictures of one stamp are a group, which tests and
    intervals count once.

    Args:
        background: plain, gradient or texture; or all three, for three samples of each stamp.
        count: how many samples, a seeded choice; all if not given.
        seed: of the choice, the places, the sizes and the backgrounds.
        root: the folder of the stamps.

    Raises:
        BenchError: the folder is not there or has none of the stamps, or ``count`` is more than there are.
    """
    if not root.is_dir():
        raise BenchError(f"no stamps: there is no folder {root}", where="cutouts", hint=_INSTALL)
    stamps = {name: label for name, label in sorted(STAMPS.items()) if (root / name).is_file()}
    if not stamps:
        raise BenchError(f"none of the {len(STAMPS)} stamps is in {root}", where="cutouts", hint=_INSTALL)
    kinds = list(_PAINTERS) if background == "all" else [background]
    chosen = _choose([Cutout(name, stamps[name], kind) for name in stamps for kind in kinds], count, seed)
    about = {
        "source": f"{len(stamps)} photographs among the stamps of Debian's package tuxpaint-stamps-default, in {root}",
        "made": f"{len(chosen)} composites of {CANVAS} x {CANVAS} pixels, background {background}, seed {seed}",
        "labels": "ImageNet-1k class indices, chosen by eye",
        "licence": "the package is under the GPL, version 2; the stamps are read where they are and not copied",
    }
    return Cutouts("cutouts", root, seed, chosen, about)


def compose(stamp: Image.Image, background: str, seed: str) -> tuple[Image.Image, Tensor]:
    """The stamp (RGBA) on a background: an RGB picture of 320 x 320, and its mask, bool (320, 320).

    Raises:
        BenchError: the stamp has no transparent pixel or no opaque one.
    """
    low, high = stamp.getchannel("A").getextrema()
    if low == high:
        raise BenchError("the stamp has no object: its alpha is the same everywhere")
    source = torch.Generator().manual_seed(int(fingerprint(seed)[:12], 16))
    canvas = Image.fromarray(_bytes(_PAINTERS[background](CANVAS, source))).convert("RGBA")
    layer = Image.new("RGBA", canvas.size)
    layer.paste(*_placed(stamp.crop(stamp.getbbox()), source))
    mask = torch.from_numpy(np.array(layer)[:, :, 3] > 127)
    return Image.alpha_composite(canvas, layer).convert("RGB"), mask


def _placed(stamp: Image.Image, source: torch.Generator) -> tuple[Image.Image, tuple[int, int]]:
    """The stamp at its size in the picture, and its upper left corner."""
    share, across, down = torch.rand(3, generator=source).tolist()
    longer = LONGER[0] + share * (LONGER[1] - LONGER[0])
    scale = min(longer / max(stamp.size), ENLARGED)
    width, height = (max(1, round(side * scale)) for side in stamp.size)
    # PIL weighs colours by alpha here, so that what is hidden does not bleed into the object's edge
    resized = stamp.resize((width, height), Image.Resampling.BICUBIC)
    margin = (CANVAS - FRAME) // 2
    return resized, (margin + int(across * (FRAME - width + 1)), margin + int(down * (FRAME - height + 1)))


def _choose(everything: list[Cutout], count: int | None, seed: int) -> list[Cutout]:
    if count is None:
        return everything
    if not 1 <= count <= len(everything):
        raise BenchError(f"count is {count}", where="cutouts", hint=f"Give 1 to {len(everything)}: there are no more")
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed)).tolist()
    return [everything[i] for i in sorted(order[:count])]


def _bytes(picture: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return (picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
