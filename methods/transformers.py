"""Vision transformers: attention rollout, Chefer's relevance, LeGrad, AGCAM."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "attention-rollout",
    title="Attention rollout",
    needs=("input", "attention"),
    paper="arXiv:2005.00928",
    fails="It knows no class, and takes attention for contribution: values and later layers do not count.",
)
def attention_rollout(layer: Layer, *, heads: Literal["mean", "max"] = "mean") -> Tensor:
    """How much of each patch reaches the class token through all blocks: the product of (A + I), each row summing to 1.

    Abnar and Zuidema 2020, section 3. A is the mean (or the largest) of the heads. No class is asked. Where the logits
    are read off other tokens than the class token (the mean of the patches, say), the mean of their rows is taken.
    """
    blocks, grid = layer.attentions(gradient="none")
    mixed = _identity(blocks[0].weight)
    for block in blocks:
        weight = block.weight.mean(1) if heads == "mean" else block.weight.amax(1)
        weight = weight + _identity(weight)
        mixed = weight / weight.sum(-1, keepdim=True) @ mixed
    return grid.tokens(grid.readers(mixed))


@method(
    "chefer",
    title="Chefer et al.",
    needs=("input", "attention"),
    paper="arXiv:2103.15679",
    fails="Attention whose gradient is zero or negative does not count; the values that it mixes do not either.",
)
def chefer(layer: Layer) -> Tensor:
    """Relevance by the rules of Chefer, Gur and Wolf 2021 for self-attention, equations 5 and 6.

    R starts as the identity and takes up, block by block, the mean over heads of ReLU(gradient times attention) times
    R. The class token's row is the map; where the logits are read off other tokens, the mean of their rows.
    """
    blocks, grid = layer.attentions()
    relevance = _identity(blocks[0].weight)
    for block in blocks:
        assert block.gradient is not None
        relevance = relevance + relu(block.gradient * block.weight).mean(1) @ relevance
    return grid.tokens(grid.readers(relevance))


@method(
    "legrad",
    title="LeGrad",
    needs=("input", "attention", "block-logits"),
    paper="arXiv:2404.03214",
    fails="The head was trained on the last block's tokens, not on the mean tokens of earlier ones whose logits it "
    "is asked for.",
)
def legrad(layer: Layer) -> Tensor:
    """The positive gradient of each block's own logit in its attention, averaged over heads, queries and blocks.

    Bousselham et al. 2024, equations 5 to 8. A block's logit is the head's on the mean of all its tokens.
    """
    blocks, grid = layer.attentions(gradient="block")
    gradients = [relu(block.gradient).mean((1, 2)) for block in blocks if block.gradient is not None]
    return grid.tokens(torch.stack(gradients).mean(0))


@method(
    "agcam",
    title="AGCAM",
    needs=("input", "attention"),
    paper="arXiv:2402.04563",
    fails="A score's sigmoid changes little, so the map is nearly the gradient's; where the logits are read off the "
    "mean of the patches, the first blocks' rows are the patches' view and not the network's.",
)
def agcam(layer: Layer) -> Tensor:
    """The class token's attention scores through a sigmoid, times the positive gradient in its attention.

    Leem and Seo 2024, equations 2 and 7: summed over heads and blocks. The scores are those before the softmax. Where
    the logits are read off other tokens, the mean of their rows is taken.
    """
    blocks, grid = layer.attentions(scores=True)
    total = torch.zeros_like(blocks[0].weight[:, 0, 0])
    for block in blocks:
        assert block.gradient is not None
        assert block.score is not None
        total = total + grid.readers((relu(block.gradient) * torch.sigmoid(block.score)).sum(1))
    return grid.tokens(total)


def _identity(weight: Tensor) -> Tensor:
    """(B, tokens, tokens)."""
    return torch.eye(weight.shape[-1]).to(weight).expand(len(weight), -1, -1)
