"""One forward and one backward for every layer asked for; and the network behind a layer.

The network is left as it was found: no hook, mode or requires_grad survives, also after an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..errors import BenchError, NotApplicable
from ..plugin_guard import no_exit
from ..tracing.reading import Reading, read
from ..types import INPUT, Activation, Score
from ..types.token_grid import Layout
from ..vocabulary import LOGIT
from .checks import check_logits
from .explained_score import explained_score

GradientsWanted: TypeAlias = bool | Collection[str] | Mapping[str, Collection[str]]
NO_GRADIENT = "no gradient flows from"
WHY = (
    ": the logit does not depend on it, or the forward runs under torch.no_grad() or in a way that torch does not "
    "differentiate"
)


@dataclass(frozen=True, eq=False)
class Capture:
    """What one pass over a batch left: logits (B, C), targets (B,), and per layer activation and gradient (B, K, h, w).

    ``classifier`` is the linear layer whose output the logits are, or None. ``layouts``: how each layer holds its map.
    ``gradients`` are those of the target's logit; ``by_score`` has the gradients of other scores, by score and layer.
    """

    logits: Tensor
    targets: Tensor
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]
    classifier: nn.Linear | None
    layouts: dict[str, Layout]
    by_score: dict[str, dict[str, Tensor]] = field(default_factory=dict)


@contextmanager
def eval_frozen(network: nn.Module) -> Iterator[None]:
    """The network in eval mode with parameters that need no gradient; everything is put back at the end."""
    modes = [(module, module.training) for module in network.modules()]
    needed = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    try:
        network.eval()
        for parameter, _ in needed:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, need in needed:
            parameter.requires_grad_(need)


def capture(
    network: nn.Module,
    images: Tensor,
    layers: Sequence[str],
    choose: Callable[[Tensor], Tensor],
    *,
    gradient: GradientsWanted = True,
    score: Score | None = None,
    mark: Callable[[], None] | None = None,
    reading: Reading | None = None,
    activation: Activation = "softmax",
) -> Capture:
    """Activations, and gradients of the target's logit, at all layers by one forward and at most one backward.

    Each further score whose gradient is wanted takes one more backward of the same forward.

    Args:
        images: (B, 3, H, W).
        layers: module paths; INPUT is the images themselves.
        choose: from logits (B, C) to the targets (B,).
        gradient: the layers whose gradient is wanted; True for all of them, False for none. A mapping names them for
            each score, a word of ``benchbench.vocabulary.SCORES``.
        score: what is differentiated in place of the target's logit: from logits (B, C) to (B,).
        mark: called before every backward.
        reading: of the network on images of this size, if there is one; else one more forward of one image makes it.
        activation: what makes probabilities of logits.

    Activations, gradients and logits are float32, whatever the network computes in.

    Raises:
        BenchError: a layer does not exist, did not run, or ran more than once; the output is not logits (B, C).
        NotApplicable: a layer's output is not a spatial map; or its gradient is wanted, and the target's logit does not
            depend on it in a way that torch differentiates.
    """
    by_score = wanted_by_score(gradient, layers)
    wanted = frozenset().union(*by_score.values())
    kept: dict[str, Tensor] = {}
    layouts: dict[str, Layout] = {}
    with ExitStack() as stack, eval_frozen(network), no_exit("the network"):
        stack.enter_context(torch.set_grad_enabled(bool(wanted)))
        if INPUT in layers:
            images = images.detach().requires_grad_(INPUT in wanted)
            kept[INPUT], layouts[INPUT] = images, Layout("first", images.shape[2], images.shape[3])
        modules = {name: module_of(network, name) for name in layers if name != INPUT}
        known = (reading or read(network, images)) if modules else None
        for name, module in modules.items():
            stack.enter_context(hook(module, _keeper(name, len(images), known, kept, layouts, name in wanted)))
        linears = _linears(network, stack)
        output = check_logits(network(images), images)
        logits = widened(output)
        _check_ran(layers, kept)
        targets = choose(logits.detach())
        gradients: dict[str, dict[str, Tensor]] = {}
        for left, (explained, places) in zip(reversed(range(len(by_score))), by_score.items(), strict=True):
            if mark is not None:
                mark()
            aim = _aim(logits, targets, explained, score, activation)
            here = {name: tensor for name, tensor in kept.items() if name in places}
            gradients[explained] = _gradients(aim, here, again=left > 0)
    return Capture(
        logits.detach(),
        targets,
        {name: tensor.detach().contiguous() for name, tensor in kept.items()},
        gradients.pop(LOGIT, {}),
        next((m for m, result in reversed(linears) if result is output), None),
        layouts,
        gradients,
    )


def wanted_by_score(gradient: GradientsWanted, layers: Sequence[str]) -> dict[str, frozenset[str]]:
    """By score, the layers whose gradient is wanted: the logit first, and no score without a layer.

    Args:
        gradient: as of ``capture``.
        layers: all that are captured.
    """
    if not isinstance(gradient, Mapping):
        gradient = {LOGIT: layers if gradient is True else gradient or ()}
    order = sorted(gradient, key=lambda name: name != LOGIT)
    return {name: frozenset(gradient[name]) for name in order if gradient[name]}


def _aim(logits: Tensor, targets: Tensor, name: str, score: Score | None, activation: Activation) -> Tensor:
    """The score (B,) that is differentiated; ``score`` stands in place of the target's logit."""
    explained = score if name == LOGIT else explained_score(name, targets, activation)
    return logits.gather(1, targets[:, None])[:, 0] if explained is None else explained(logits)


def _linears(network: nn.Module, stack: ExitStack) -> list[tuple[nn.Linear, Tensor]]:
    """A list that the forward fills with every linear layer and its output, as long as the stack is open."""
    linears: list[tuple[nn.Linear, Tensor]] = []
    for module in network.modules():
        if isinstance(module, nn.Linear):
            stack.enter_context(hook(module, lambda m, _i, o: linears.append((m, o))))
    return linears


def widened(tensor: Tensor) -> Tensor:
    """The tensor in float32, where a forward under autocast computes in less."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def layout_at(network: nn.Module, images: Tensor, layer: str) -> Layout:
    """How a layer that can be captured holds its map."""
    with eval_frozen(network):
        layout = read(network, images).layout(layer)
    assert layout is not None, "the layer was captured"
    return layout


def _keeper(
    name: str, count: int, reading: Reading | None, kept: dict[str, Tensor], layouts: dict[str, Layout], gradient: bool
) -> Callable[..., Tensor]:
    def keep(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        assert reading is not None, "it was made"
        if not reading.runs[name]:
            raise NotApplicable(f"layer {name!r} runs in some forwards and not in others")
        if name in kept or reading.runs[name] > 1:
            raise NotApplicable(f"layer {name!r} runs more than once in one forward, or again for its gradient")
        layout = reading.layout(name) if isinstance(output, Tensor) else None
        if isinstance(output, Tensor) and output.ndim in (3, 4) and len(output) != count:
            raise NotApplicable(f"layer {name!r} returns {len(output)} maps for {count} images (windows or patches)")
        if layout is None:
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise NotApplicable(f"layer {name!r} returns {shape}, not a spatial map (B, K, h, w), nor tokens of a grid")
        if tuple(output.shape[1:]) != reading.outputs[name].shape[1:]:
            raise NotApplicable(f"the shape of what layer {name!r} returns depends on the images")
        activation = widened(layout.map_of(output))
        if gradient and not activation.requires_grad:
            activation = activation.detach().requires_grad_()  # the graph starts here, at the shallowest layer
        kept[name], layouts[name] = activation, layout
        # whatever overwrites its input behind this layer overwrites the clone
        return layout.output_of(activation.to(output.dtype, copy=True), output)

    return keep


def _check_ran(layers: Sequence[str], kept: dict[str, Tensor]) -> None:
    for name in layers:
        if name not in kept:
            raise BenchError(f"layer {name!r} did not run in the network's forward", hint="Choose a layer that runs")


def _gradients(score: Tensor, kept: dict[str, Tensor], *, again: bool) -> dict[str, Tensor]:
    """``again``: another backward of the same forward follows."""
    if not score.requires_grad:
        raise NotApplicable(f"{NO_GRADIENT} the logits to {' or '.join(map(repr, kept))}{WHY}")
    gradients = torch.autograd.grad(score.sum(), list(kept.values()), allow_unused=True, retain_graph=again)
    for name, gradient in zip(kept, gradients, strict=True):
        if gradient is None:
            raise NotApplicable(f"{NO_GRADIENT} the target's logit to {name!r}{WHY}")
    return {name: gradient.contiguous() for name, gradient in zip(kept, gradients, strict=True)}


def module_of(network: nn.Module, name: str) -> nn.Module:
    """The module of this path.

    Raises:
        BenchError: there is none.
    """
    try:
        return network.get_submodule(name)
    except AttributeError:
        raise BenchError(f"the network has no layer {name!r}", hint="See layers.resolve") from None


@contextmanager
def hook(module: nn.Module, function: Callable[..., Any]) -> Iterator[None]:
    """A forward hook, for as long as the block runs."""
    handle = module.register_forward_hook(function)
    try:
        yield
    finally:
        handle.remove()
