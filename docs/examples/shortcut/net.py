"""The network, as benchbench takes it: ``--models net.py:build:weights=before.pt``. Put your own here."""

from __future__ import annotations

from torch import nn

import benchbench as bb

CLASSES = ("disc", "square", "triangle")
PREPROCESS = bb.Preprocess(resize=None, crop=64, mean=(0.5,) * 3, std=(0.5,) * 3)


def network() -> nn.Sequential:
    """Four convolutions, a last map of 16 x 16, and one linear layer on its mean."""

    def block(before: int, after: int, stride: int = 1) -> nn.Sequential:
        convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())

    features = nn.Sequential(block(3, 16, 2), block(16, 32), block(32, 64, 2), block(64, 64))
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(CLASSES)))


def build() -> bb.ModelSpec:
    """The network without weights, its pre-processing and its classes; benchbench loads the weights."""
    return bb.ModelSpec("classifier", network(), PREPROCESS, classes=CLASSES)
