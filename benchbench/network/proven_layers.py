"""At which layers the prepared copy may be captured in place of the network: where it gives what the network gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..failure_policy import Failure, attempt
from ..tracing.reading import Reading, read
from .capture import Capture, capture, eval_frozen
from .fast_copy import TOLERANCE, channels_last


def proven_layers(network: nn.Module, copy: nn.Module, images: Tensor, layers: Sequence[str]) -> frozenset[str]:
    """The layers at which the prepared copy gives what the network gives: logits, activation, and gradient.

    Each to 1e-4 of its largest value, image by image, on ``images`` (B, 3, H, W). The gradient counts where the network
    has one. Every layer is proven alone, so that the answer does not depend on the other layers.
    """
    with eval_frozen(network):
        reading = attempt(partial(read, network, images))
    if isinstance(reading, Failure):  # the network says why where it is used
        return frozenset()
    return frozenset(name for name in layers if _proven(network, copy, images, name, reading))


def _proven(network: nn.Module, copy: nn.Module, images: Tensor, layer: str, reading: Reading) -> bool:
    for gradient in (True, False):
        look = partial(capture, layers=[layer], gradient=gradient, reading=reading)
        expected = attempt(partial(look, network, images, choose=_most_likely), contain_memory=True)
        if isinstance(expected, Failure):  # the network has no gradient there, or fails, and says why where it is used
            if expected.memory:
                return False
            continue
        choose = partial(_chosen, expected.targets)
        copied = attempt(lambda: look(copy, channels_last(images), choose=choose), contain_memory=True)  # noqa: B023
        return not isinstance(copied, Failure) and _same(expected, copied)
    return False


def _most_likely(logits: Tensor) -> Tensor:
    return torch.argmax(logits, 1)


def _chosen(targets: Tensor, _logits: Tensor) -> Tensor:
    return targets


def _same(expected: Capture, copied: Capture) -> bool:
    pairs = [(expected.logits, copied.logits)]
    for name, activation in expected.activations.items():
        pairs.append((activation, copied.activations[name]))
    for name, gradient in expected.gradients.items():
        pairs.append((gradient, copied.gradients[name]))
    return all(value.shape == other.shape and _near(value.flatten(1), other.flatten(1)) for value, other in pairs)


def _near(expected: Tensor, other: Tensor) -> bool:
    return bool(((expected - other).abs().amax(1) <= TOLERANCE * expected.abs().amax(1)).all())
