"""``benchbench explain``: photographs, a network, some methods; an overlay of each, and what the network says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..datasets.sources.decode import decode
from ..engine.study_sources import check_target, ready_spec, returning_logits, with_target_score
from ..errors import BenchError
from ..failure_policy import as_bench_error
from ..models.preprocess import denormalise, prepare
from ..network.capture import eval_frozen
from ..network.custom_score import activation_of, is_scored
from ..network.scorer import target_scores
from ..network.targets import chooser
from ..study.spec import MethodChoice, StudySpec
from ..types import ModelSpec
from ..viz.overlay import Overlay, laid
from .explain import explain


@dataclass(frozen=True, eq=False)
class Illustrated:
    """What the command writes and says.

    Attributes:
        lines: one per image: its name, the explained class, and its probability.
        warning: of the network, such as random weights; empty without.
    """

    overlay: Overlay
    lines: tuple[str, ...]
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
    study = StudySpec(
        models=[model], datasets=["photos"], methods=list(methods), metrics=["deletion"], layers=layers, target=target
    )
    if target == "label":
        raise BenchError("a photograph has no label", where="target", hint="Give a class, or leave it out")
    pictures = [_decoded(file) for file in files]
    loaded = ready_spec(study.models[0], torch.device("cpu"))
    images = torch.stack([prepare(picture, None, loaded.preprocess)[0] for picture in pictures])
    with _no_answer(loaded, images):
        loaded = returning_logits(loaded, images[:1], study.probability)
    check_target(study, loaded.network, _logits(loaded, images).shape[1], loaded.name)
    spec = with_target_score(loaded, study)
    classes, descriptions = _classes(spec, images, study.targets[0])
    aim = None if is_scored(spec.network) else classes
    maps = [_maps(spec, images, method, layer, aim, study.seed) for method in study.methods]
    seen = [Image.fromarray(denormalise(image, spec.preprocess).numpy()) for image in images]
    rows = tuple((image, *(laid(image, each[i]) for each in maps)) for i, image in enumerate(seen))
    heads = (spec.name, *(m.label for m in study.methods))
    captions = tuple(f"{file.name}\n{words}" for file, words in zip(files, descriptions, strict=True))
    lines = tuple(f"{file}: {words}" for file, words in zip(files, descriptions, strict=True))
    return Illustrated(Overlay(rows, heads, captions), lines, spec.warning)


def _decoded(file: Path) -> Image.Image:
    try:
        return decode(file)
    except BenchError as error:
        raise BenchError(error.what, where=str(file), hint=error.hint) from None


def _maps(
    spec: ModelSpec, images: Tensor, method: MethodChoice, layer: str, target: Tensor | None, seed: int
) -> Tensor:
    name = method.plugin.name
    with as_bench_error("the method fails", where=f"{method.label} on {spec.name}", contain_memory=True):
        return explain(spec.network, images, method=name, layer=layer, target=target, seed=seed, **method.params)


def _logits(spec: ModelSpec, images: Tensor) -> Tensor:
    """What the network answers.

    Raises:
        BenchError: it cannot take the photographs, or its answer is no logits (B, C).
    """
    with _no_answer(spec, images), eval_frozen(spec.network), torch.no_grad():
        answer = spec.network(images)
    if isinstance(answer, Tensor) and answer.ndim == 2 and len(answer) == len(images):
        return answer
    kind, way = _described(answer)
    hint = f"Return the logits from forward, or give bb.scored(network, lambda out: {way})"
    message = f"the network returns {kind}, where logits (B, C) are needed"
    raise BenchError(message, where=f"models: {spec.name}", hint=hint)


def _no_answer(spec: ModelSpec, images: Tensor) -> AbstractContextManager[None]:
    """What the network raises within, as an error that names its input."""
    shape = f"(B, {', '.join(map(str, images.shape[1:]))})"
    hint = f"It is given {shape}; a ModelSpec with its own Preprocess says another size"
    where = f"models: {spec.name}"
    return as_bench_error("the network fails on the photograph", where=where, hint=hint, contain_memory=True)


def _described(answer: Any) -> tuple[str, str]:
    """What a network returned, and how the logits might be read off it."""
    if isinstance(answer, Tensor):
        return f"a tensor of the shape {tuple(answer.shape)}", "..."
    if isinstance(answer, Mapping):
        names = ", ".join(map(repr, list(answer)[:5]))
        return f"a {type(answer).__name__} with the keys {names}", f"out[{next(iter(answer), '')!r}]"
    if isinstance(answer, (tuple, list)):
        return f"a {type(answer).__name__} of {len(answer)} values", "out[0]"
    return f"a {type(answer).__name__}", "out.logits" if hasattr(answer, "logits") else "..."


def _classes(spec: ModelSpec, images: Tensor, target: Any) -> tuple[Tensor, list[str]]:
    """The class of each image that is explained, and what is said of it."""
    logits = _logits(spec, images)
    only = is_scored(spec.network)
    classes = chooser(target, [None] * len(images), only=only)(logits)
    chances = target_scores(logits, classes, activation_of(spec.network)).probability.tolist()
    names = [spec.classes[c] if c < len(spec.classes) else f"class {c}" for c in classes.tolist()]
    descriptions = [
        name if only else f"{name}, probability {_chance(p)}" for name, p in zip(names, chances, strict=True)
    ]
    return classes, descriptions


def _chance(p: float) -> str:
    return "> 0.999" if 0.9995 <= p < 1 else "< 0.001" if 0 < p < 0.0005 else f"{p:.3f}"
