"""A copy of the network for scoring: batch norm folded, channels-last. It proves itself, or is not used."""

from __future__ import annotations

import copy
import math
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .capture import hook, quiet

TOLERANCE = 1e-4  # of the largest logit


@dataclass(frozen=True, eq=False)
class Prepared:
    """The network that scores, and what is known of it.

    ``difference`` is the largest difference of a logit on the proof's images, as a share of the largest logit.
    """

    network: nn.Module
    used: bool
    difference: float | None
    reason: str


def prepare(network: nn.Module, images: Tensor) -> Prepared:
    """The prepared copy, if its logits on ``images`` (B, 3, H, W) equal the network's to 1e-4; else the network."""
    try:
        twin = copy.deepcopy(network).eval()
        folded = fold_batch_norm(twin, images[:1])
        twin = twin.to(memory_format=torch.channels_last)
        with torch.no_grad(), quiet(network):
            expected, found = network(images), twin(channels_last(images))
            sound = torch.isfinite(expected).all(1)
            gap, scale = (found - expected)[sound].abs(), expected[sound].abs()
        if not sound.any():
            return Prepared(network, False, None, "the network's logits on the first images are not finite numbers")
        difference = float(gap.max() / scale.max().clamp_min(1e-12))
    except Exception as error:  # a network that cannot be copied is scored as it is, and the run says so
        return Prepared(network, False, None, f"the copy failed: {type(error).__name__}: {error}")
    if not difference <= TOLERANCE:
        shown = difference if math.isfinite(difference) else None
        return Prepared(network, False, shown, f"its logits differ from the network's by {difference:.1e}")
    return Prepared(twin, True, difference, f"{folded} batch norms folded, channels-last")


def channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def fold_batch_norm(network: nn.Module, images: Tensor) -> int:
    """Fold, in place, each batch norm that reads the output of one convolution; returns how many.

    Pairs are found by running the network: no tracing, so that any control flow will do. A pair is folded only where
    both modules run once.
    """
    names = {id(module): name for name, module in network.named_modules()}
    pairs = _pairs(network, images)
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(convolution, norm)
        _replace(network, names[id(convolution)], fused)
        _replace(network, names[id(norm)], _what_remains(norm))
    return len(pairs)


def _pairs(network: nn.Module, images: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # holds the tensors, so that no id is used twice
    found: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    runs: dict[int, int] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        runs[id(module)] = runs.get(id(module), 0) + 1
        if isinstance(module, nn.Conv2d):
            made[id(output)] = (module, output)
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in made:
            found.append((made[id(inputs[0])][0], module))

    with ExitStack() as stack, torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                stack.enter_context(hook(module, note))
        network(images)
    return [(c, n) for c, n in found if runs[id(c)] == runs[id(n)] == 1 and _foldable(n)]


def _foldable(norm: nn.BatchNorm2d) -> bool:
    known = type(norm) is nn.BatchNorm2d or type(norm).__name__ == "BatchNormAct2d"
    return known and norm.running_mean is not None and norm.affine


def _what_remains(norm: nn.BatchNorm2d) -> nn.Module:
    """timm's BatchNormAct2d applies an activation too."""
    act = getattr(norm, "act", None)
    return act if isinstance(act, nn.Module) else nn.Identity()


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
