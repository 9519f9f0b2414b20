"""Networks with another forward: any number of the output as the score."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from ..digests import source_digest
from ..errors import BenchError
from ..types import Activation
from ..types.changed_forward import with_forward
from .capture import eval_frozen


def scored(network: nn.Module, score: Callable[[Any], Tensor]) -> nn.Module:
    """The network, with ``score`` of its output in place of the output; layers keep their names.

    The score decides what can be explained:

    - One number per image, (B,): the number is the only target. A number s stands for the logits (s, 0), so that its
      probability is sigmoid(s).
    - Logits (B, C), C at least 2: the result is a classifier like any other, with all targets: the predicted class, the
      label, a class, the second most likely one, the difference of two.

    The network's parameters and modules are shared, not copied.

    Args:
        network: any module that takes images (B, channels, H, W).
        score: from whatever the network returns for images (B, channels, H, W) to one of the two. It must be
            differentiable for methods that need a gradient, and return the same kind at every call.

    Returns:
        A network that returns the score of each image, for every method and metric.

    Raises:
        BenchError: ``score`` is no function, or a module in training mode. The first call of the network, and every
            later one, raises it where the score returns something else, or another kind than before.

    Example:
        >>> reference = network(images[:1]).detach()
        >>> similar = bb.scored(network, lambda output: torch.cosine_similarity(output, reference))
        >>> bb.explain(similar, images, method="gradcam", layer="features").shape
        torch.Size([2, 1, 32, 32])
    """
    if not callable(score):
        raise BenchError(f"the score is {type(score).__name__}", where="scored", hint="Give a function of the output")
    if isinstance(score, nn.Module) and any(module.training for module in score.modules()):
        raise BenchError("the score is a module in training mode", where="scored", hint="Give score.eval()")
    returned = _Returned()

    def call(forward: Callable[[Tensor], Any], images: Tensor) -> Any:
        return returned.logits(score(forward(images)), images)

    with_score = with_forward(network, "Scored", call, benchbench_returned=returned)
    inner = getattr(network, "benchbench_score", "")  # of a network that is scored already
    with_score.benchbench_score = inner + _digest(score)  # type: ignore[assignment]
    return with_score


@dataclass(eq=False)
class _Returned:
    """What a score returned at its first call, for all copies of its network.

    ``width``: None before the first call; 0 for one number per image; else the number of classes.
    """

    width: int | None = None

    def logits(self, result: Any, images: Tensor) -> Any:
        """Logits (B, C), from what the score returned for ``images`` (B, channels, H, W).

        Raises:
            BenchError: it is neither one number per image nor logits, or another kind than before.
        """
        if isinstance(result, Proxy) and self.width is not None:  # torch.fx traces what has run before
            traced: Any = result
            return traced if self.width else torch.stack([traced, torch.zeros_like(traced)], 1)
        width = _width(result, len(images))
        if self.width is None:
            self.width = width
        if width != self.width:
            message = f"the score returned {_kind(self.width)} before, and now {_kind(width)}"
            raise BenchError(message, where="scored", hint="Return the same kind for every batch")
        return result if width else torch.stack([result, torch.zeros_like(result)], 1)


def _width(result: Any, count: int) -> int:
    if isinstance(result, Tensor) and result.shape == (count,):
        return 0
    if isinstance(result, Tensor) and result.ndim == 2 and len(result) == count and result.shape[1] > 1:
        return result.shape[1]
    shape = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
    needed = "one number per image (B,) is needed, or logits (B, C)"
    message = f"the score returned {shape} for {count} images, where {needed}"
    column = isinstance(result, Tensor) and result.shape == (count, 1)
    hint = "Return its column, [:, 0]" if column else "Return a tensor of a row per image"
    raise BenchError(message, where="scored", hint=hint)


def _kind(width: int) -> str:
    return f"logits of {width} classes" if width else "one number per image"


def protect_inputs(network: nn.Module, images: Tensor) -> nn.Module:
    """The network, or, if it writes into the images that it is given, one that is given a copy of them.

    Args:
        images: (B, channels, H, W), an example; left as it is. After it ``is_scored`` can be asked of the network.
    """
    clone = images.detach().clone()
    version = clone._version
    with eval_frozen(network), torch.no_grad():
        network(clone)
    if clone._version == version:
        return network
    return with_forward(network, "Careful", lambda forward, pictures: forward(pictures.clone()))


def is_scored(network: nn.Module) -> bool:
    """Whether the network's only target is a score: one number per image. A score of many outputs is a classifier.

    Raises:
        BenchError: the network is scored and has not run, so that nobody knows what its score returns.
    """
    returned = getattr(type(network), "benchbench_returned", None)
    if returned is None:
        return False
    if returned.width is None:
        raise BenchError("the scored network has not run yet", where="scored", hint="Run it on an image first")
    return bool(returned.width == 0)


def activation_of(network: nn.Module, asked: Activation = "softmax") -> Activation:
    """What makes probabilities of the network's logits: what was ``asked``, or the network's own, as of a detector."""
    activation: Activation | None = getattr(network, "benchbench_activation", None)
    return activation or asked


ONE_TARGET = "the network is scored: its score is the target"


def _digest(score: Callable[[Any], Tensor]) -> str:
    """Of its code, and of the numbers, names and tensors that it closes over: two scores are two networks."""
    if isinstance(score, partial):
        text = f"{_digest(score.func)}{_held(score.args)}{_held(score.keywords)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    function = score if inspect.isroutine(score) else type(score).__call__
    if not hasattr(inspect.unwrap(function), "__code__"):  # of C: its name, and what it holds
        text = getattr(score, "__qualname__", None) or repr(score)
        return hashlib.sha256(f"{getattr(score, '__module__', '')}.{text}".encode()).hexdigest()[:16]
    digest = hashlib.sha256(source_digest(function).encode())
    contents = [cell.cell_contents for cell in getattr(score, "__closure__", None) or ()]
    for value in [*contents, *vars(score).values(), getattr(score, "__defaults__", None)]:
        if isinstance(value, Tensor):
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, (bool, int, float, str, bytes, tuple)):
            digest.update(repr(value).encode())
    return digest.hexdigest()[:16]


def _held(values: Any) -> str:
    """What tells the arguments of one partial function from another's."""
    listed = values.items() if isinstance(values, dict) else enumerate(values)
    return str([(key, v.tolist() if isinstance(v, Tensor) else repr(v)) for key, v in listed])
