"""Twelve small networks that learnt the data set ``cued``, from unbiased to blind for the object, in the package.

Six correlations of class and cue in the training data, each with two seeds. The weights are safetensors in
``weights/``, which ``make bias`` trains and writes, with what they reach on unbiased scenes in the file's header.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torchvision.models.resnet import BasicBlock
from torchvision.ops import Conv2dNormActivation

from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .cue_classes import CUE_CLASSES
from .zoo import WEIGHTS, header_of
from .zoo_networks import MEAN, SIDE, STD

RHOS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # the probability that the cue agrees with the class
SEEDS = (0, 1)  # of the weights at the start and of the order of the scenes


def bias_name(rho: float, seed: int) -> str:
    """How studies call a network, such as ``bias_90_1``: the correlation in percent, and the seed."""
    return f"bias_{round(100 * rho)}_{seed}"


def bias_file(rho: float, seed: int) -> Path:
    """Where the weights of a network are."""
    return WEIGHTS / f"{bias_name(rho, seed)}.safetensors"


def bias_header(rho: float, seed: int) -> dict[str, str]:
    """What the weights' file says: rho, seed, scenes, epochs, and the accuracy and the reliance on unbiased scenes.

    Raises:
        BenchError: the file is not there, or is not safetensors.
    """
    return header_of(bias_file(rho, seed), bias_name(rho, seed), _AGAIN)


def rho_of(name: str) -> float | None:
    """The correlation in a network's training data, by the name that ``bias_name`` gives it; None of others."""
    return next((rho for rho in RHOS for seed in SEEDS if bias_name(rho, seed) == name), None)


def bias_architecture() -> nn.Module:
    """A stem and two basic blocks, global average pooling, one linear layer: the zoo's ResNet, made smaller."""
    return nn.Sequential(
        OrderedDict(
            stem=Conv2dNormActivation(3, 8, 3, stride=2),
            layer1=BasicBlock(8, 16, 2, Conv2dNormActivation(8, 16, 1, stride=2, activation_layer=None)),
            layer2=BasicBlock(16, 32, 1, Conv2dNormActivation(16, 32, 1, activation_layer=None)),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(1),
            fc=nn.Linear(32, len(CUE_CLASSES)),
        )
    )


def bias_network(rho: float, seed: int) -> ModelSpec:
    """A network of the suite ``bias`` in eval mode, with its weights.

    Args:
        rho: one of ``RHOS``.
        seed: one of ``SEEDS``.

    Raises:
        BenchError: the file of the weights is not there or is damaged.
    """
    with torch.random.fork_rng(devices=[]):
        network = bias_architecture().eval()
    facts = bias_header(rho, seed)
    network.load_state_dict(load_file(bias_file(rho, seed)))
    reached = f"{float(facts['accuracy']):.1%} of {facts['held_out']} scenes whose cue says nothing"
    return ModelSpec(
        bias_name(rho, seed),
        network,
        Preprocess(SIDE, SIDE, (MEAN,) * 3, (STD,) * 3),
        weights=f"cued at rho {rho:g}, split train, in the package; right on {reached}",
        classes=CUE_CLASSES,
    )


def register() -> None:
    """The twelve networks, and ``bias``, which stands for all of them."""
    pairs = [(rho, seed) for rho in RHOS for seed in SEEDS]
    for rho, seed in pairs:
        title = f"Cue ResNet {rho:g}, seed {seed}"
        MODELS.add(ModelPlugin(bias_name(rho, seed), _builder(rho, seed), "arXiv:1512.03385", title))
    summary = "twelve small networks in the package that learnt cued at six correlations of class and cue"
    MODELS.add_group("bias", [bias_name(rho, seed) for rho, seed in pairs], summary)


def _builder(rho: float, seed: int) -> Callable[[], ModelSpec]:
    def build() -> ModelSpec:
        return bias_network(rho, seed)

    build.__doc__ = f"A small ResNet, trained on cued where the cue agrees with the class in {rho:.0%}, seed {seed}"
    return build


_AGAIN = "Install benchbench again, or in a checkout: make bias"
