"""Models and datasets made ready to run: loaded, fingerprinted, layers resolved, and what does not apply found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from .allocator import out_of_memory
from .attention import attentions
from .capture import capture, pooled_head
from .containing import contained, no_exit
from .datasets import as_dataset, serial
from .datasets.accept import as_label
from .derivatives import bias_gradients
from .errors import BenchError, NotApplicable, raised
from .exported import exported
from .given import check_network
from .layers import WORDS, resolve
from .models import fingerprint, load_model
from .plan import ReadyModel
from .preprocess import fitted, prepare
from .scoring import Scorer
from .study import DatasetChoice, ModelChoice, Study, Target
from .targets import ONE_TARGET, difference, is_scored, pair_of, place_of, scored
from .types import INPUT, Dataset, ModelSpec, Sample


def device_of(study: Study) -> torch.device:
    """The device asked for; ``auto`` is CUDA where there is one.

    Raises:
        BenchError: it is not there.
    """
    if study.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return found_device(study.device, "device", "Use auto or cpu")


def found_device(name: str, where: str, hint: str) -> torch.device:
    """The device of a name.

    Raises:
        BenchError: this machine has none, with where it was asked for and what to say instead.
    """
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BenchError(f"this machine has no {device}", where=where, hint=hint)
    return device


def ready_spec(choice: ModelChoice, device: torch.device) -> ModelSpec:
    """The network, loaded and on the device, under the study's name for it."""
    value, params = (choice.plugin.function, choice.params) if choice.plugin else (choice.value, choice.params)
    spec = load_model(choice.label, value, params)
    return replace(spec, network=check_network(spec.network, f"models: {choice.label}").to(device))


def aimed(spec: ModelSpec, study: Study) -> ModelSpec:
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


def ready_dataset(choice: DatasetChoice, spec: ModelSpec) -> Dataset:
    """The dataset; one that needs the model is made for it."""
    if choice.plugin is None:
        return serial(as_dataset(choice.label, choice.value))
    first = (spec,) if "model" in choice.plugin.needs else ()
    try:
        with contained("the dataset"):
            return serial(as_dataset(choice.label, choice.plugin.function(*first, **choice.params)))
    except BenchError as error:
        raise error.at(f"datasets: {choice.label}") from None


def ready_model(spec: ModelSpec, study: Study, example: Tensor, settings: dict[str, Any]) -> ReadyModel:
    """Layers resolved on an example (1, channels, H, W), and what does not apply at each of them.

    Raises:
        BenchError: a layer is not in the network, or the target is not one of its classes.
    """
    layers = _layers(spec, study, example)
    channels: dict[str, int] = {}
    skips: dict[tuple[str, str], str] = {}
    logits = capture(spec.network, example, [], lambda logits: logits.argmax(1), gradient=False).logits
    classes = logits.shape[1]
    if classes < 2:
        raise BenchError(
            "the network has one output, and its softmax is always 1",
            where=f"models: {spec.name}",
            hint="Give two logits: [0, z]",
        )
    check_target(study, spec.network, classes, spec.name)
    for layer in layers:
        try:
            seen = capture(spec.network, example, [layer], _most_likely, gradient=False)
        except NotApplicable as reason:
            skips[layer, "any"] = str(reason)
            continue
        channels[layer] = seen.activations[layer].shape[1]
        try:
            pooled_head(seen, layer)
        except NotApplicable as reason:
            skips[layer, "head"] = str(reason)
    needs = {need for method in study.methods for need in method.needs}
    if "gradient" in needs:
        skips |= _gradient_skips(spec.network, example, [*channels, *([INPUT] if "input" in needs else [])])
    skips |= _network_skips(spec.network, example, needs)
    return ReadyModel(spec, fingerprint(spec.network, logits), tuple(layers), channels, classes, skips, settings)


def _layers(spec: ModelSpec, study: Study, example: Tensor) -> list[str]:
    """The study's layers on this network; none where every method explains the network as a whole.

    Raises:
        BenchError: a layer is not in the network, or there is none to choose.
    """
    wanted = study.layers_of(spec.name)
    words = {wanted} if isinstance(wanted, str) else set(wanted)
    if words <= set(WORDS) and all("input" in method.needs for method in study.methods):
        return []
    try:
        return resolve(spec.network, example, wanted)
    except BenchError as error:
        raise error.at(f"layers: {spec.name}") from None


def _most_likely(logits: Tensor) -> Tensor:
    return torch.argmax(logits, 1)


def _gradient_skips(network: nn.Module, example: Tensor, layers: Sequence[str]) -> dict[tuple[str, str], str]:
    """By layer, why the logit has no gradient there: of no concern to methods that need none."""
    skips: dict[tuple[str, str], str] = {}
    for layer in layers:
        try:
            capture(network, example, [layer], _most_likely)
        except NotApplicable as reason:
            skips[layer, "gradient"] = str(reason)
        except Exception as error:
            if out_of_memory(error):
                raise
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            skips[layer, "gradient"] = f"the backward pass to {layer!r} fails: {said}"
    return skips


def _network_skips(network: nn.Module, example: Tensor, needs: Set[str]) -> dict[tuple[str, str], str]:
    """Why what the methods need of the network as a whole is not to be had."""
    target = torch.zeros(1, dtype=torch.long, device=example.device)
    checks: dict[str, Callable[[], object]] = {
        "modules": lambda: exported(Scorer(network), network, example),
        "biases": lambda: bias_gradients(network, example, target),
        "attention": lambda: attentions(network, example, target, "none"),
        "block-logits": lambda: attentions(network, example, target, "block"),
    }
    skips: dict[tuple[str, str], str] = {}
    for need in needs & set(checks):
        try:
            checks[need]()
        except NotApplicable as reason:
            skips[INPUT, need] = str(reason)
        except Exception as error:
            if out_of_memory(error):
                raise
            skips[INPUT, need] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return skips


def load_sample(dataset: Dataset, index: int, spec: ModelSpec) -> tuple[Sample, Tensor, Tensor | None]:
    """A sample, its image (channels, H, W) as the network sees it, and its mask (H, W) in the same frame.

    Raises:
        BenchError: it cannot be decoded, or is not what the network takes.
    """
    sample = _sample(dataset, index)
    if isinstance(sample.image, Tensor):
        return sample, sample.image.float(), sample.mask
    image, mask = prepare(sample.image, sample.mask, spec.preprocess)
    return sample, image, mask


def _sample(dataset: Dataset, index: int) -> Sample:
    """A sample of a dataset, which may be anyone's code, with its label as a plain number.

    Raises:
        BenchError: the dataset raises something, or calls sys.exit; or the label is no class index.
    """
    try:
        with no_exit("the dataset"):
            sample = dataset[index]
            label = as_label(sample.label, "label")
    except BenchError:
        raise
    except Exception as error:
        said = f"the dataset fails: {raised(error)}"
        raise BenchError(said, where=f"image {dataset.ids[index]}") from None
    return sample if label is sample.label else replace(sample, label=label)


def example_of(dataset: Dataset, spec: ModelSpec, device: torch.device) -> Tensor:
    """The first readable image as (1, channels, H, W); without one, zeros of the network's own size and channels."""
    for image in _readable(dataset, spec):
        return image[None].to(device)
    own = spec.preprocess
    return torch.zeros(1, len(own.mean), own.crop, own.crop, device=device)


def suited(spec: ModelSpec, example: Tensor) -> ModelSpec:
    """The network with a Preprocess for the example's (1, channels, H, W) number of channels.

    Where images are not RGB and only ImageNet's Preprocess is known, a warning says how their values are read.

    Raises:
        BenchError: the Preprocess is another one, and has a mean for another number of channels.
    """
    channels = example.shape[1]
    try:
        own = fitted(spec.preprocess, channels)
    except BenchError as error:
        raise error.at(f"models: {spec.name}") from None
    if own == spec.preprocess:
        return spec
    said = (
        f"{spec.name} has no Preprocess for images of {channels} channel{'s' * (channels > 1)}: metrics take their "
        "values as pixels in [0, 1]. If that is wrong, give a ModelSpec with Preprocess(mean=..., std=...)"
    )
    return replace(spec, preprocess=own, warning="; ".join(filter(None, [spec.warning, said])))


def _readable(dataset: Dataset, spec: ModelSpec) -> Iterator[Tensor]:
    for index in range(len(dataset.ids)):
        try:
            yield load_sample(dataset, index, spec)[1]
        except BenchError:
            continue  # its rows will say why


def check_target(study: Study, network: nn.Module, classes: int, name: str) -> None:
    """Refuse a target that the network's logits (B, classes) do not have.

    Raises:
        BenchError: there is no such class or place; or a class of a network with a score, which is its only target.
    """
    for target in study.targets:
        _check_one_target(target, network, classes, name)


def _check_one_target(target: Target, network: nn.Module, classes: int, name: str) -> None:
    if is_scored(network):
        if target != "predicted" and pair_of(target) is None:
            said = f"target is {target!r}, and {ONE_TARGET}"
            raise BenchError(said, where=f"models: {name}", hint="Leave target out")
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
