"""``benchbench explain``: photographs, a network, some methods; an overlay of each, and what the network says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .api import explain
from .capture import quiet
from .datasets.decode import decode
from .errors import BenchError
from .overlays import Overlay, laid
from .preprocess import denormalise, prepare
from .ready import aimed, ready_spec
from .study import Study
from .targets import chooser, is_scored
from .types import ModelSpec


@dataclass(frozen=True, eq=False)
class Illustrated:
    """What the command writes and says.

    Attributes:
        said: a line per image: its name, the explained class, and its probability.
        warning: of the network, such as random weights; empty without.
    """

    overlay: Overlay
    said: tuple[str, ...]
    warning: str


def illustrate(
    files: Sequence[Path], model: Any, methods: Sequence[Any], layer: str = "last", target: int | str = "predicted"
) -> Illustrated:
    """A row per image: what the network sees of it, and it under the map of each method.

    Args:
        model, methods: as in a study.
        target: ``predicted``, a class, ``top-2``, or ``281-285`` for what tells one class from another.

    Raises:
        BenchError: a file that is no image; an unknown model, method, layer or target.
    """
    layers = layer if layer == "last" else [layer]
    study = Study(
        models=[model], datasets=["photos"], methods=list(methods), metrics=["deletion"], layers=layers, target=target
    )
    if target == "label":
        raise BenchError("a photograph has no label", where="target", hint="Give a class, or leave it out")
    pictures = [_decoded(file) for file in files]
    spec = aimed(ready_spec(study.models[0], torch.device("cpu")), study)
    images = torch.stack([prepare(picture, None, spec.preprocess)[0] for picture in pictures])
    classes, said = _classes(spec, images, study.targets[0])
    aim = None if is_scored(spec.network) else classes
    maps = [
        explain(spec.network, images, method=m.plugin.name, layer=layer, target=aim, seed=study.seed, **m.params)
        for m in study.methods
    ]
    seen = [Image.fromarray(denormalise(image, spec.preprocess).numpy()) for image in images]
    rows = tuple((one, *(laid(one, each[i]) for each in maps)) for i, one in enumerate(seen))
    heads = (spec.name, *(m.label for m in study.methods))
    captions = tuple(f"{file.name}\n{words}" for file, words in zip(files, said, strict=True))
    lines = tuple(f"{file}: {words}" for file, words in zip(files, said, strict=True))
    return Illustrated(Overlay(rows, heads, captions), lines, spec.warning)


def _decoded(file: Path) -> Image.Image:
    try:
        return decode(file)
    except BenchError as error:
        raise BenchError(error.what, where=str(file), hint=error.hint) from None


def _classes(spec: ModelSpec, images: Tensor, target: Any) -> tuple[Tensor, list[str]]:
    """The class of each image that is explained, and what is said of it."""
    with quiet(spec.network), torch.no_grad():
        logits = spec.network(images)
    if isinstance(target, int) and target >= logits.shape[1]:
        raise BenchError(f"class {target} is not one of the {logits.shape[1]} classes", where="target")
    only = is_scored(spec.network)
    classes = chooser(target, [None] * len(images), only=only)(logits)
    chances = logits.softmax(1).gather(1, classes[:, None])[:, 0].tolist()
    names = [spec.classes[c] if c < len(spec.classes) else f"class {c}" for c in classes.tolist()]
    said = [name if only else f"{name}, probability {_chance(p)}" for name, p in zip(names, chances, strict=True)]
    return classes, said


def _chance(p: float) -> str:
    return "> 0.999" if 0.9995 <= p < 1 else "< 0.001" if 0 < p < 0.0005 else f"{p:.3f}"
