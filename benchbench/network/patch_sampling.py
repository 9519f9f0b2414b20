"""The tokens of a vision transformer: what its blocks return, and its scores with some of the patches left out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import NotApplicable
from ..failure_policy import as_bench_error
from ..tracing.find_layout import Tokens, layout_of
from ..tracing.reading import Reading, read
from ..types.token_grid import Layout
from .capture import eval_frozen, hook, widened
from .checks import check_logits
from .masked_scores import score_pictures
from .scorer import Scorer, TargetScores


def layout_of_tokens(count: int, reading: Reading) -> Layout | None:
    """Where ``count`` tokens lie: as the operations that made them tell; else a class token before a square grid."""
    grid = reading.grid(count)
    return grid or layout_of((1, count, 1), reading.size, Tokens(frozenset({1}), reading.tokens.grid))


def block_tokens(network: nn.Module, images: Tensor, reading: Reading) -> tuple[Tensor, Layout]:
    """What all blocks return, side by side (B, tokens, channels of all blocks), and where the tokens lie.

    Raises:
        NotApplicable: the network is no vision transformer of torchvision's or timm's names, or its blocks return
            something else than one token for each patch.
    """
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs.append(output)

    with eval_frozen(network), torch.no_grad(), ExitStack() as stack:
        for block in _blocks(network):
            stack.enter_context(hook(block, keep))
        check_logits(network(images), images)
    shapes = {tuple(output.shape[:-1]) if isinstance(output, Tensor) else () for output in outputs}
    shape = next(iter(shapes))
    grid = layout_of_tokens(shape[1], reading) if len(shapes) == 1 and len(shape) == 2 else None
    if grid is None or shape[0] != len(images):
        raise NotApplicable("its blocks do not return one token for each patch of the image")
    return widened(torch.cat(outputs, -1)), grid


def score_tokens(
    network: nn.Module, scorer: Scorer, images: Tensor, targets: Tensor, grid: Layout, kept: Tensor
) -> TargetScores:
    """Answers (B, n) of the network whose first block gets some patches alone, and the tokens before the patches.

    Args:
        kept: (B, n, k), the numbers of the patches that stay, in the tokens' order; no number twice.

    Raises:
        NotApplicable: the network is no vision transformer of torchvision's or timm's names, or its blocks take more
            than their tokens, such as places.
    """
    sampled = replace(scorer, network=_Sampled(network, grid), last=False, padded=False, proven=None)

    def pictures(image: Tensor, mask: Tensor) -> Tensor:
        flags = images.new_zeros(len(image), images.shape[2] * images.shape[3])
        flags.scatter_(1, kept[image, mask], 1)
        return torch.cat([images[image], flags.view(-1, 1, *images.shape[2:])], 1)

    with eval_frozen(network), torch.no_grad():
        scores = score_pictures(sampled, targets, pictures, kept.shape[1])
    scorer.batch = sampled.batch
    return scores


def check_sampling(network: nn.Module, example: Tensor) -> None:
    """Raises NotApplicable where the network does not run without half of the example's patches."""
    with eval_frozen(network):
        reading = read(network, example)
    _, grid = block_tokens(network, example, reading)
    half = torch.arange(max(1, grid.height * grid.width // 2), device=example.device)
    targets = torch.zeros(len(example), dtype=torch.long, device=example.device)
    with as_bench_error("the network does not run without some of its patches", kind=NotApplicable):
        score_tokens(network, Scorer(network), example, targets, grid, half.expand(len(example), 1, -1))


class _Sampled(nn.Module):
    """The network on images with one more channel, whose first values say of each patch whether its token stays."""

    def __init__(self, network: nn.Module, grid: Layout) -> None:
        super().__init__()
        self.network, self.grid = network, grid

    def forward(self, pictures: Tensor) -> Any:
        images, flags = pictures[:, :-1], pictures[:, -1].flatten(1)[:, : self.grid.height * self.grid.width]
        places = flags.nonzero()[:, 1].view(len(images), -1) + self.grid.prefix
        index = F.pad(places, (self.grid.prefix, 0))
        index[:, : self.grid.prefix] = torch.arange(self.grid.prefix, device=index.device)

        def sample(_module: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
            if len(inputs) != 1 or any(value is not None for value in named.values()):
                raise NotApplicable("its blocks take more than their tokens, so that no token can be left out")
            tokens = inputs[0]
            return (tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1])),), named

        handle = _blocks(self.network)[0].register_forward_pre_hook(sample, with_kwargs=True)
        try:
            return self.network(images.contiguous())
        finally:
            handle.remove()


def _blocks(network: nn.Module) -> list[nn.Module]:
    for owner, name in ((getattr(network, "encoder", None), "layers"), (network, "blocks")):
        blocks = getattr(owner, name, None)
        if isinstance(blocks, (nn.Sequential, nn.ModuleList)) and len(blocks):
            return list(blocks)
    raise NotApplicable("only the blocks of torchvision's and timm's vision transformers are known")
