"""Networks and data sets as a study names them, loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..datasets import as_dataset
from ..datasets.sources.serial import serial
from ..errors import BenchError
from ..failure_policy import as_bench_error
from ..models.grid_cells import division_of
from ..models.load import load_model
from ..models.preprocess import fitted
from ..network.checks import check_network
from ..network.custom_score import ONE_TARGET, is_scored, scored
from ..network.outputs import with_logits
from ..network.targets import difference, pair_of, place_of
from ..plugin_guard import contained
from ..study.plan import ReadyModel
from ..study.spec import DatasetChoice, ModelChoice, StudySpec, Target
from ..types import Activation, Dataset, ModelSpec
from .sample_loader import load_sample


def ready_spec(choice: ModelChoice, device: torch.device) -> ModelSpec:
    """The network, loaded and on the device, under the study's name for it."""
    value, params = (choice.plugin.function, choice.params) if choice.plugin else (choice.value, choice.params)
    spec = load_model(choice.label, value, params)
    return replace(spec, network=check_network(spec.network, f"models: {choice.label}").to(device))


def with_target_score(spec: ModelSpec, study: StudySpec) -> ModelSpec:
    """The network with the difference of two classes as its score, where that is the target.

    Raises:
        BenchError: a difference among several targets: each would be a network of its own.
    """
    pairs = [pair_of(target) for target in study.targets]
    if not any(pairs):
        return spec
    if len(pairs) > 1:
        raise BenchError(
            "a difference of classes must be the only target", where="target", hint="Run one study for each"
        )
    (pair,) = pairs
    assert pair is not None
    names = [spec.classes[i] if i < len(spec.classes) else str(i) for i in pair]
    classes = (f"{names[0]} rather than {names[1]}", f"{names[1]} rather than {names[0]}")
    return replace(spec, network=scored(spec.network, difference(*pair, of=spec.network)), classes=classes)


def returning_logits(spec: ModelSpec, example: Tensor, score: Activation) -> ModelSpec:
    """The network with logits (B, C) as its output, by what it returns for the example (1, channels, H, W)."""
    changed = with_logits(spec.network, example, score)
    return replace(
        spec,
        network=changed.network,
        note=". ".join(filter(None, [spec.note, changed.note])),
        warning="; ".join(filter(None, [spec.warning, f"{spec.name} {changed.warning}" if changed.warning else ""])),
    )


def ready_dataset(choice: DatasetChoice, spec: ModelSpec, score: Activation) -> Dataset:
    """The dataset; one that needs the model is made for it, with logits as its output.

    Raises:
        BenchError: the data cannot be read; or the network reads one cell of a grid, and the data have no grids.
    """
    if choice.plugin is None:
        return serial(as_dataset(choice.label, choice.value))
    needed = "model" in choice.plugin.needs
    if not needed and division_of(spec.network) is not None:
        message = f"{spec.name} reads one cell of a grid, and {choice.label} has no grids"
        raise BenchError(message, where=f"datasets: {choice.label}", hint="Use {name: mosaics, of: ...}")
    first = (returning_logits(spec, _blank(spec), score),) if needed else ()
    try:
        with contained("the dataset"), as_bench_error("the data cannot be read"):
            return serial(as_dataset(choice.label, choice.plugin.function(*first, **choice.params)))
    except BenchError as error:
        raise error.at(f"datasets: {choice.label}") from None


def example_of(dataset: Dataset, spec: ModelSpec, device: torch.device) -> Tensor:
    """The first readable image as (1, channels, H, W); without one, zeros of the network's own size and channels."""
    for image in _readable(dataset, spec):
        return image[None].to(device)
    return _blank(spec).to(device)


def _blank(spec: ModelSpec) -> Tensor:
    """Zeros of the network's own size and channels, where the network is."""
    device = next((parameter.device for parameter in spec.network.parameters()), torch.device("cpu"))
    crop = spec.preprocess.crop
    return torch.zeros(1, len(spec.preprocess.mean), crop, crop, device=device)


def suited(spec: ModelSpec, example: Tensor) -> ModelSpec:
    """The network with a Preprocess for the example's (1, channels, H, W) number of channels.

    Where images are not RGB and only ImageNet's Preprocess is known, a warning says how their values are read.

    Raises:
        BenchError: the Preprocess is another one, and has a mean for another number of channels.
    """
    channels = example.shape[1]
    try:
        preprocess = fitted(spec.preprocess, channels)
    except BenchError as error:
        raise error.at(f"models: {spec.name}") from None
    if preprocess == spec.preprocess:
        return spec
    warning = (
        f"{spec.name} has no Preprocess for images of {channels} channel{'s' * (channels > 1)}: metrics take their "
        "values as pixels in [0, 1]. If that is wrong, give a ModelSpec with Preprocess(mean=..., std=...)"
    )
    return replace(spec, preprocess=preprocess, warning="; ".join(filter(None, [spec.warning, warning])))


def with_checked_names(spec: ModelSpec, model: ReadyModel) -> ModelSpec:
    """The spec, with a warning where the class names are not as many as the network's outputs."""
    if len(spec.classes) in (0, model.classes) or is_scored(spec.network):
        return spec
    warning = f"{spec.name} has {model.classes} outputs and {len(spec.classes)} class names: names may be wrong"
    return replace(spec, warning="; ".join(filter(None, [spec.warning, warning])))


def _readable(dataset: Dataset, spec: ModelSpec) -> Iterator[Tensor]:
    for index in range(len(dataset.ids)):
        try:
            yield load_sample(dataset, index, spec.preprocess)[1]
        except BenchError:
            continue  # its rows will say why


def check_target(study: StudySpec, network: nn.Module, classes: int, name: str) -> None:
    """Refuse a target that the network's logits (B, classes) do not have.

    Raises:
        BenchError: there is no such class or place; or a class of a network with a score, which is its only target.
    """
    for target in study.targets:
        _check_one_target(target, network, classes, name)


def _check_one_target(target: Target, network: nn.Module, classes: int, name: str) -> None:
    if is_scored(network):
        if target != "predicted" and pair_of(target) is None:
            message = f"target is {target!r}, and {ONE_TARGET}"
            raise BenchError(message, where=f"models: {name}", hint="Leave target out")
        return
    place = place_of(target)
    if place is not None and place > classes:
        raise BenchError(f"{name} has {classes} classes", where="target", hint=f"Use top-1 to top-{classes}")
    if isinstance(target, int) and target >= classes:
        raise BenchError(
            f"class {target} is not one of the {classes} classes of {name}",
            where="target",
            hint=f"Give 0 to {classes - 1}",
        )
