"""What the engine takes for granted of a network, tried on the first images: what does not hold is said loudly."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..failure_policy import Failure, attempt, halved
from .capture import eval_frozen
from .checks import check_logits
from .outputs import ends_in_sigmoid

TOLERANCE = 1e-4  # of the largest logit
_SUM = 1e-4


def broken_promises(name: str, network: nn.Module, images: Tensor) -> list[str]:
    """One sentence, with the network's ``name``, for each promise that it does not keep on images (B, 3, H, W).

    That equal images have equal logits, twice and whatever is in the batch beside them; that eval() reaches every
    module; that outputs are logits, in float32. Where memory runs out, it is tried on fewer images.
    """
    return halved(lambda count: _broken(name, network, images[:count]), len(images))


def _broken(name: str, network: nn.Module, images: Tensor) -> list[str]:
    with eval_frozen(network), torch.no_grad():
        training = [path or "the network itself" for path, module in network.named_modules() if module.training]
        output = check_logits(network(images), images)
        logits = output.float()
        repeated = _gap(logits, network(images).float())
        alone = _gap(logits[:1], _beside(network, images))
    cause = f" Its eval() leaves {_few(training)} in training mode." if training else ""
    sentences = []
    if repeated > TOLERANCE:
        sentences.append(
            f"{name} is not deterministic: the same images get other logits in a second pass, by up to {repeated:.2g} "
            f"of the largest.{cause} A random operation such as dropout is active; results cannot be reproduced"
        )
    elif alone > TOLERANCE:
        sentences.append(
            f"{name} depends on the batch: beside other images, an image's logits change by up to {alone:.2g} "
            f"of the largest.{cause} The network uses batch statistics; every number depends on the batch size"
        )
    elif training:
        sentences.append(f"{name} ignores eval(): {_few(training)} stays in training mode")
    if output.dtype not in (torch.float32, torch.float64):
        kind = str(output.dtype).removeprefix("torch.")
        sentences.append(f"{name} returns {kind}, as under autocast: its logits have only two or three digits")
    return sentences + _no_logits(name, network, images, logits)


def _beside(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (1, C) of the first image beside others: its mirror image, upside down, and less bright.

    Beside fewer others where memory runs out; alone where the network takes one image at a time.
    """
    first = images[:1]
    others = torch.cat([first, first.flip(3), first.flip(2) * 0.5])

    def logits() -> Tensor:
        return check_logits(network(others), others)[:1].float()

    while len(others) > 1:
        outcome = attempt(logits, contain_memory=True)
        if not isinstance(outcome, Failure):
            return outcome
        others = others[: len(others) - 1 if outcome.memory else 1]
    return logits()


def _gap(reference: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest value; what is not finite is said elsewhere."""
    known = torch.isfinite(reference) & torch.isfinite(other)
    if not known.any():
        return 0.0
    return float((reference - other)[known].abs().max() / reference[known].abs().max().clamp_min(1e-12))


def _no_logits(name: str, network: nn.Module, images: Tensor, output: Tensor) -> list[str]:
    """Where the outputs are probabilities, or their logarithms, after a softmax or a sigmoid."""
    if bool((output <= 0).all()) and bool((output.logsumexp(1).abs() < _SUM).all()):
        return [
            f"{name} returns log-probabilities, as after a log_softmax, but logits are needed. Its probabilities are "
            "right, but maps explain the logarithm of the probability. Remove the log_softmax"
        ]
    if not bool(((output >= 0) & (output <= 1)).all()):
        return []
    if bool(((output.sum(1) - 1).abs() < _SUM).all()):
        return [f"{name} returns numbers that sum to 1, as after a softmax, but logits are needed. Remove the softmax"]
    if ends_in_sigmoid(network, network, images[:1]):
        return [
            f"{name} ends in a sigmoid, but logits are needed. Remove the sigmoid, and say probability: sigmoid for "
            "images with several labels"
        ]
    return []


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
