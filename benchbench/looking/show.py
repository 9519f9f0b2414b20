"""``bb.show``: pictures and their maps on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from torch import nn

from ..datasets import as_dataset
from ..digests import digest
from ..paths import expanded
from ..study.choices import ModelChoice
from ..types import Dataset, ModelSpec, Sample
from ..viz.style import COLOURS, Style
from .film.film_frames import FRAMES, film_frames
from .film.source import films_among
from .look import LookRequest, look
from .looked import Looked
from .named_pictures import DATA, picture_files, pictures
from .sheet_layout import AUTO, SheetLayout, check_columns
from .sheet_of_maps import MapSheet

_Words = str | int | Sequence[Any]


def show(
    network: nn.Module | ModelSpec | str | dict[str, Any],
    images: Any,
    *,
    methods: _Words = "gradcam",
    layers: str | Sequence[str] = "last",
    classes: _Words = "predicted",
    scores: bool = False,
    columns: str = AUTO,
    style: str = "overlay",
    colours: str = COLOURS,
    alpha: float = 0.5,
    seed: int = 0,
    device: str = "auto",
    frames: int = FRAMES,
) -> MapSheet:
    """Pictures and their maps on one sheet, with the classes, their probabilities and, on request, their scores.

    The maps and the scores are those of a ``Study`` of the pictures: the same code, conventions and seeds.

    Args:
        network: returns logits (B, C); a ModelSpec; a registered name, or
            ``{"name": ..., key: value}`` with parameters.
        images: paths of photographs, of folders or patterns; the path of a film or an animation; PIL images; or data as
            ``Study(datasets=...)`` takes them, such as a tensor (N, channels, H, W) or ``(images, labels)``.
        methods: a registered name or several; ``{"name": ..., key: value}`` sets parameters.
        layers: ``last``, ``stages``, a module's path or several.
        classes: ``predicted``; ``top5``, the five most likely of each image; ``top-2``, the second alone; a class's
            name or number; ``label``; ``281-285``, the difference of two classes; or several of these in a list.
        scores: put deletion and insertion of the image under each map.
        columns: ``methods``, ``layers`` or ``classes``; ``auto`` takes the first of these of which there are several.
        style, colours, alpha: see ``benchbench.viz.style.Style``.
        seed: of methods that draw at random, and of the scores.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        frames: of a film, how many are shown, from the first to the last; ``benchbench explain`` draws every frame.

    Returns:
        The sheet: one row per image; notebooks display it, and ``save`` writes it.

    Raises:
        BenchError: an unknown name, or images that the network cannot take.

    Example:
        >>> sheet = bb.show(network, images[:2], methods="gradcam", layers="features", classes="top2")
        >>> len(sheet.rows), len(sheet.rows[0])  # two images; the picture and two classes
        (2, 3)
    """
    check_columns(columns)
    looks = Style(style, colours, alpha)  # type: ignore[arg-type]  # it checks
    data = _data(images, frames)
    request = LookRequest(
        _choice(network),
        data,
        _listed(methods),
        layers,
        _listed(classes),
        scores,
        seed,
        device,
        labels=any(label is not None for label in getattr(data, "labels", ())),
    )
    with TemporaryDirectory(prefix="benchbench-look-") as folder:
        return map_sheet(look(request, Path(folder)), columns, looks)


def map_sheet(looked: Looked, columns: str, style: Style) -> MapSheet:
    """The sheet of what was looked at."""
    sheet = SheetLayout(looked, columns, style).sheet()
    notes = tuple(map(str, looked.record.info["warnings"]))
    return MapSheet(sheet.rows, sheet.heads, sheet.colours, sheet.title, sheet.panel, notes)


def _choice(network: Any) -> Any:
    """A network as a study takes it: its name, or itself under the name of its spec or class."""
    if isinstance(network, (str, dict)):
        return network
    return ModelChoice(network.name if isinstance(network, ModelSpec) else type(network).__name__, value=network)


def _listed(words: Any) -> list[Any]:
    return list(words) if isinstance(words, (list, tuple)) else [words]


def _data(images: Any, frames: int) -> Dataset:
    several = images if isinstance(images, (list, tuple)) else [images]
    if several and all(isinstance(each, (str, Path)) for each in several):
        film = films_among([str(each) for each in several])
        if film is not None:
            names, shown = film_frames(expanded(film), frames)
            return Opened(shown, names=names)
        return pictures(picture_files(several))
    if several and all(isinstance(each, Image.Image) for each in several):
        return Opened(tuple(each.convert("RGB") for each in several))
    return as_dataset(DATA, images)


@dataclass(frozen=True, eq=False)
class Opened:
    """A Dataset of pictures that are open. ``names``: their ids; empty for ``image 1`` and so on."""

    images: tuple[Image.Image, ...]
    name: str = DATA
    about: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @property
    def ids(self) -> Sequence[str]:
        return self.names or [f"image {number}" for number in range(1, len(self.images) + 1)]

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], self.images[index])

    def fingerprint(self, index: int) -> str:
        image = self.images[index]
        return digest(image.size, image.tobytes())
