"""The attention of a vision transformer: every block's softmax weights, and their gradients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..errors import NotApplicable
from ..tracing.reading import Reading
from ..tracing.reading import read as read_network
from ..types import Attention, AttentionGradient
from ..types.token_grid import Grid, Layout
from .capture import eval_frozen, hook, widened
from .checks import check_logits
from .patch_sampling import layout_of_tokens


def attentions(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    gradient: AttentionGradient,
    reading: Reading | None = None,
    *,
    scores: bool = False,
) -> tuple[tuple[Attention, ...], Grid]:
    """The attention of every block on images (B, 3, H, W), in their order, and where the tokens lie.

    torch's nn.MultiheadAttention and timm's attention are known. What the network computes does not change.
    ``reading``: of the network on images of this size; without it, the network is read: one forward more.
    ``scores``: whether what goes into each softmax is kept too.

    Raises:
        NotApplicable: no such block, windows or other tokens than the image's, or no head for each block's logit.
    """
    kept: list[Tensor] = []
    before = _BeforeSoftmax() if scores else None
    outputs: list[Tensor] = []
    wanted = gradient != "none"
    with eval_frozen(network), torch.enable_grad(), ExitStack() as stack:
        _refuse_unknown(network)
        reading = reading or read_network(network, images)
        for module in network.modules():
            stack.enter_context(_watched(module, kept, True, before))
        head = _head(network, outputs, stack) if gradient == "block" else None
        with before or nullcontext():
            logits = check_logits(network(images), images)
        kept = list(kept)  # what a block that is run again for its gradient leaves does not count
        scored = _scores(before, len(kept))
        grid = _grid(kept, len(images), reading)
        read = _read(logits, kept[-1])
        if head is not None:
            if len(outputs) != len(kept):
                raise NotApplicable("its blocks have no attention each")
            aims = [head(output.mean(1)).gather(1, targets[:, None]).sum() for output in outputs]
        else:
            aims = [logits.gather(1, targets[:, None]).sum()]
        gradients = _gradients(aims, kept) if wanted else [None] * len(kept)
    tensors = zip(kept, gradients, scored, strict=True)
    per_block = tuple(Attention(widened(w.detach()), _widened(g), _widened(s)) for w, g, s in tensors)
    return per_block, Grid(grid, read)


def _widened(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else widened(tensor)


class _BeforeSoftmax(TorchFunctionMode):
    """Keeps what goes into the softmax of each attention, (B, heads, tokens, tokens), without its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | None = None
        self.kept: list[Tensor] = []

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") == "softmax" and args:
            self.last = args[0].detach()
        return func(*args, **(kwargs or {}))

    def keep(self, scores: Tensor | None = None) -> None:
        """These, or what went into the last softmax."""
        scores = self.last if scores is None else scores
        self.kept += [] if scores is None else [scores]


def _scores(before: _BeforeSoftmax | None, blocks: int) -> list[Tensor | None]:
    if before is None:
        return [None] * blocks
    if len(before.kept) != blocks:
        raise NotApplicable("what goes into the softmax of its attention cannot be read")
    return list(before.kept)


def _read(logits: Tensor, last: Tensor) -> tuple[int, ...]:
    """The tokens behind the last block that the logits depend on: those whose row of its attention has a gradient.

    Raises:
        NotApplicable: there are none: the last attention is not the network's last, or it is run again (checkpoints);
            or the forward keeps no graph, which tells them.
    """
    if not logits.requires_grad:
        raise NotApplicable("the forward runs without gradients, which show the tokens that the logits are read from")
    weight = torch.linspace(1, 2, logits.shape[1], device=logits.device, dtype=logits.dtype)
    (gradient,) = torch.autograd.grad((logits * weight).sum(), last, retain_graph=True, allow_unused=True)
    rows = () if gradient is None else tuple(gradient.abs().amax((0, 1, 3)).nonzero()[:, 0].tolist())
    if not rows:
        raise NotApplicable("its logits do not depend on the last block's attention in a way that torch differentiates")
    return rows


def _refuse_unknown(network: nn.Module) -> None:
    """Raises NotApplicable where a module is an attention, by its name, of a kind that is not known."""
    for module in network.modules():
        name = type(module).__name__
        if re.search("attention|attn", name, re.IGNORECASE) and not any(map(_known, module.modules())):
            raise NotApplicable(f"it has attention of another kind ({name}) than torch's or timm's")


def _known(module: nn.Module) -> bool:
    fused = isinstance(getattr(module, "fused_attn", None), bool)
    return isinstance(module, nn.MultiheadAttention) or (
        fused and isinstance(getattr(module, "attn_drop", None), nn.Module)
    )


def _grid(kept: list[Tensor], images: int, reading: Reading) -> Layout:
    if not kept:
        raise NotApplicable("the network has no attention of a known kind (torch's or timm's)")
    if any(w.ndim != 4 for w in kept):
        raise NotApplicable("its attention is not among all patches of the image (windows, or pooled tokens)")
    count = kept[0].shape[-1]
    if any(len(w) != images or w.shape[-2:] != (count, count) for w in kept):
        raise NotApplicable("its attention is not among all patches of the image (windows, or pooled tokens)")
    grid = layout_of_tokens(count, reading)
    if grid is None:
        raise NotApplicable("its attention is not among all patches of the image (windows, or pooled tokens)")
    return grid


def _gradients(scores: list[Tensor], kept: list[Tensor]) -> list[Tensor | None]:
    """Of one score in every block's attention, or of each block's own score in its own."""
    if len(scores) == 1:
        gradients = torch.autograd.grad(scores[0], kept, allow_unused=True)
    else:
        gradients = tuple(
            torch.autograd.grad(score, weight, retain_graph=True, allow_unused=True)[0]
            for score, weight in zip(scores, kept, strict=True)
        )
    return [torch.zeros_like(w) if g is None else g for w, g in zip(kept, gradients, strict=True)]


def _head(network: nn.Module, outputs: list[Tensor], stack: ExitStack) -> Callable[[Tensor], Tensor]:
    """Logits (B, C) of mean tokens (B, width), by torchvision's and timm's names; the blocks' outputs are kept.

    Raises:
        NotApplicable: the network has neither's.
    """
    encoder = getattr(network, "encoder", None)
    if isinstance(getattr(network, "heads", None), nn.Module) and isinstance(getattr(encoder, "ln", None), nn.Module):
        blocks, parts = list(encoder.layers), [encoder.ln, network.heads]  # type: ignore[union-attr]
    elif isinstance(getattr(network, "head_dist", None), nn.Module):
        raise NotApplicable("LeGrad needs one head, and the network has two (it is distilled)")
    elif all(isinstance(getattr(network, name, None), nn.Module) for name in ("blocks", "norm", "head")):
        parts = [network.norm, getattr(network, "fc_norm", nn.Identity()), network.head]
        blocks = list(network.blocks)  # type: ignore[arg-type]
    else:
        raise NotApplicable("LeGrad reads logits off every block; only torchvision's and timm's ViT are supported")

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        outputs.append(output)

    for block in blocks:
        stack.enter_context(hook(block, keep))
    return nn.Sequential(*parts)


@contextmanager
def _watched(
    module: nn.Module, kept: list[Tensor], gradient: bool, before: _BeforeSoftmax | None = None
) -> Iterator[None]:
    """Keep the module's attention, (B, heads, tokens, tokens) and part of the graph, while the block runs."""
    if isinstance(module, nn.MultiheadAttention):
        handle = module.register_forward_pre_hook(_ask_for_weights, with_kwargs=True)
        try:
            with hook(module, partial(_replay, kept, gradient, before)):
                yield
        finally:
            handle.remove()
    elif _known(module):
        fused = module.fused_attn
        module.fused_attn = False  # type: ignore[assignment]
        try:
            with hook(module.attn_drop, partial(_keep, kept, gradient, before)):  # type: ignore[arg-type]
                yield
        finally:
            module.fused_attn = fused
    else:
        yield


def _keep(
    kept: list[Tensor], gradient: bool, before: _BeforeSoftmax | None, _module: nn.Module, _inputs: Any, output: Tensor
) -> Tensor:
    if before is not None:
        before.keep()
    kept.append(output if output.requires_grad or not gradient else output.detach().requires_grad_())
    return kept[-1]


def _ask_for_weights(module: nn.MultiheadAttention, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
    plain = module.in_proj_weight is not None and module.bias_k is None and not module.add_zero_attn
    masked = any(named.get(key) is not None for key in ("attn_mask", "key_padding_mask"))
    if len(inputs) != 3 or not plain or masked:
        raise NotApplicable("its attention is masked, or has keys of its own")
    return inputs, {**named, "need_weights": True, "average_attn_weights": False}


def _replay(
    kept: list[Tensor],
    gradient: bool,
    before: _BeforeSoftmax | None,
    module: nn.MultiheadAttention,
    inputs: Any,
    output: Any,
) -> Any:
    """torch returns a view of the weights that its own output does not hang on: the output is made of it again."""
    weight = _keep(kept, gradient, None, module, inputs, output[1])
    if before is not None:
        before.keep(_products(module, inputs[0], inputs[1]))
    return (_mixed(module, weight, inputs[2]), weight) if gradient else output


def _mixed(module: nn.MultiheadAttention, weight: Tensor, value: Tensor) -> Tensor:
    """The values (B, tokens, width), mixed by the weights, as the module gives them."""
    heads = _projected(module, value, 2)
    mixed: Tensor = module.out_proj((weight @ heads).transpose(1, 2).flatten(2))
    return mixed if module.batch_first else mixed.transpose(0, 1)


def _products(module: nn.MultiheadAttention, query: Tensor, key: Tensor) -> Tensor:
    """What goes into the softmax, (B, heads, tokens, tokens)."""
    with torch.no_grad():
        q, k = _projected(module, query, 0), _projected(module, key, 1)
        scores: Tensor = q @ k.mT / q.shape[-1] ** 0.5
        return scores


def _projected(module: nn.MultiheadAttention, tokens: Tensor, part: int) -> Tensor:
    """(B, heads, tokens, width of a head): the queries (part 0), the keys (1) or the values (2)."""
    rows = slice(part * module.embed_dim, (part + 1) * module.embed_dim)
    bias = None if module.in_proj_bias is None else module.in_proj_bias[rows]
    tokens = tokens if module.batch_first else tokens.transpose(0, 1)
    projected = F.linear(tokens, module.in_proj_weight[rows], bias)
    return projected.reshape(*projected.shape[:2], module.num_heads, -1).transpose(1, 2)
