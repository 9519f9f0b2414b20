"""A copy of the network for scoring: batch norm folded, channels-last. It proves itself, or is not used.

On request it computes in bfloat16, or is compiled; how far it is then from the network is measured and told.
"""

from __future__ import annotations

import copy
import math
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import BenchError
from ..types import Precision
from .capture import eval_frozen, hook

TOLERANCE = 1e-4  # of the largest logit


@dataclass(frozen=True, eq=False)
class Prepared:
    """The network that scores, and what is known of it.

    ``difference`` is the largest difference of a logit on the proof's images, as a share of the largest logit;
    ``probability_difference`` that of a softmax probability.
    """

    network: nn.Module
    used: bool
    difference: float | None
    reason: str
    probability_difference: float | None = None
    precision: Precision = "float32"
    compiled: bool = False
    fast: bool = True  # whether the device has instructions for the precision

    @property
    def warning(self) -> str:
        """What the run must say loudly, or ""."""
        if self.precision == "float32":
            return ""
        gap = f"a probability differs by up to {self.probability_difference:.1e}" if self.probability_difference else ""
        sentence = f"scored in bfloat16: on the first images {gap or 'no probability differs'} from float32"
        slow = "this processor has no instructions for it, so it is slower than float32"
        return sentence if self.fast else f"{sentence}; {slow}"


def prepare(
    network: nn.Module,
    images: Tensor,
    *,
    precision: Precision = "float32",
    compiled: bool = False,
    batch: int | None = None,
) -> Prepared:
    """The prepared copy, if its logits on ``images`` (B, 3, H, W) equal the network's to 1e-4; else the network.

    In bfloat16 the copy is used whatever its difference, which is asked for and told.

    Args:
        precision: what the copy computes in. The network itself, maps and metrics stay in float32.
        compiled: whether the copy goes through torch.compile.
        batch: the size that a compiled copy will be given, and is compiled for.

    Raises:
        BenchError: bfloat16 or compilation was asked for, and the copy cannot be made or is wrong.
    """
    required = precision != "float32" or compiled
    try:
        prepared = _proven(network, images, precision, compiled, batch or len(images))
    except Exception as error:  # a network that cannot be copied is scored as it is, and the run says so
        if required:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise _cannot(precision, compiled, reason) from error
        return Prepared(network, False, None, f"the copy failed: {type(error).__name__}: {error}")
    if required and not prepared.used:
        raise _cannot(precision, compiled, prepared.reason)
    return prepared


def _cannot(precision: Precision, compiled: bool, reason: str) -> BenchError:
    where = "compile: true" if compiled else f"precision: {precision}"
    hint = "Leave it out" + (", or install a C++ compiler" if compiled else "")
    return BenchError(f"the copy of the network that scores cannot be used: {reason}", where=where, hint=hint)


def _proven(network: nn.Module, images: Tensor, precision: Precision, compiled: bool, batch: int) -> Prepared:
    twin = copy.deepcopy(network).eval().requires_grad_(False)
    folded = fold_batch_norm(twin, images[:1])
    twin = twin.to(memory_format=torch.channels_last)
    changes = f"{folded} batch norms folded, channels-last"
    if precision == "bf16":
        twin, changes = Half(twin.bfloat16()), f"{changes}, bfloat16"
    fast = precision == "float32" or images.is_cuda or has_bfloat16()
    if compiled:
        twin.compile(dynamic=False)
        changes = f"{changes}, compiled"
        images = images.repeat(-(-batch // len(images)), 1, 1, 1)[:batch]
    with eval_frozen(network), torch.no_grad():
        expected = network(images)
    with torch.inference_mode():
        logits = twin(channels_last(images)).clone()
    sound = torch.isfinite(expected).all(1)
    if not sound.any():
        return Prepared(network, False, None, "the network's logits on the first images are not finite numbers")
    difference = float((logits - expected)[sound].abs().max() / expected[sound].abs().max().clamp_min(1e-12))
    shown = difference if math.isfinite(difference) else None
    if not difference <= (TOLERANCE if precision == "float32" else math.inf) or shown is None:
        return Prepared(network, False, shown, f"its logits differ from the network's by {difference:.1e}")
    gap = float((logits.softmax(1) - expected.softmax(1))[sound].abs().max())
    return Prepared(twin, True, difference, changes, gap, precision, compiled, fast)


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 (AVX-512 BF16, AMX); without that, it is several times slower.

    True where torch cannot tell, as on processors for which it has no oneDNN.
    """
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    if supported is None or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return True
    return bool(supported())


class Half(nn.Module):
    """A network in bfloat16 behind a float32 face."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images.bfloat16())
        return logits.float()


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
    convolutions: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # holds the tensors, so that no id is used twice
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    runs: dict[int, int] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        runs[id(module)] = runs.get(id(module), 0) + 1
        if isinstance(module, nn.Conv2d):
            convolutions[id(output)] = (module, output)
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in convolutions:
            pairs.append((convolutions[id(inputs[0])][0], module))

    with ExitStack() as stack, torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                stack.enter_context(hook(module, note))
        network(images)
    return [(c, n) for c, n in pairs if runs[id(c)] == runs[id(n)] == 1 and _foldable(n)]


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
