"""A network made ready to run: fingerprinted, its layers resolved, and what does not apply to it found out."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError, NotApplicable
from ..failure_policy import Failure, attempt
from ..models.load import answers, fingerprint
from ..network.attention import attentions
from ..network.capture import capture
from ..network.derivatives import bias_gradients
from ..network.detection_similarity import check_detector
from ..network.head import pooled_head
from ..network.hookable_copy import exported
from ..network.layers import WORDS, resolve
from ..network.patch_sampling import check_sampling
from ..network.scorer import Scorer
from ..study.plan import ReadyModel
from ..study.spec import StudySpec
from ..types import INPUT, ModelSpec
from .study_sources import check_target


def ready_model(spec: ModelSpec, study: StudySpec, example: Tensor, settings: dict[str, Any]) -> ReadyModel:
    """Layers resolved on an example (1, channels, H, W), and what does not apply at each of them.

    Raises:
        BenchError: a layer is not in the network, or the target is not one of its classes.
    """
    layers = _layers(spec, study, example)
    channels: dict[str, int] = {}
    skips: dict[tuple[str, str], str] = {}
    logits = capture(spec.network, example, [], lambda logits: logits.argmax(1), gradient=False).logits
    classes = logits.shape[1]
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
    mark = fingerprint(spec.network, logits)
    identity = (spec.name, spec.preprocess, spec.classes, mark)
    return ReadyModel(*identity, tuple(layers), channels, classes, skips, settings, answers=answers(logits))


def _layers(spec: ModelSpec, study: StudySpec, example: Tensor) -> list[str]:
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
        outcome = attempt(partial(capture, network, example, [layer], _most_likely))
        if isinstance(outcome, Failure):
            failed = "" if outcome.status == "not_applicable" else f"the backward pass to {layer!r} fails: "
            skips[layer, "gradient"] = failed + outcome.reason
    return skips


def _network_skips(network: nn.Module, example: Tensor, needs: Set[str]) -> dict[tuple[str, str], str]:
    """Why what the methods need of the network as a whole is not to be had."""
    target = torch.zeros(1, dtype=torch.long, device=example.device)
    checks: dict[str, Callable[[], object]] = {
        "modules": lambda: exported(Scorer(network), network, example),
        "biases": lambda: bias_gradients(network, example, target),
        "detections": lambda: check_detector(network),
        "attention": lambda: attentions(network, example, target, "none"),
        "tokens": lambda: check_sampling(network, example),
        "block-logits": lambda: attentions(network, example, target, "block"),
    }
    skips: dict[tuple[str, str], str] = {}
    for need in needs & set(checks):
        outcome = attempt(checks[need])
        if isinstance(outcome, Failure):
            skips[INPUT, need] = outcome.reason
    return skips
