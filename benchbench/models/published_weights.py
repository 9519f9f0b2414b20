"""torchvision's published weights: which file holds them, and what torchvision changes in a network that has them.

A network with published weights answers as torchvision's own does, whether the file lies in torch's cache or is named
by its path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torchvision
from torch import nn

from ..digests import file_content
from ..paths import expanded

# Detectors trained with batch norms that add nothing to the variance: torchvision's overwrite_eps, pull request 2933
_WITHOUT_EPS = tuple(f"{kind}_resnet50_fpn" for kind in ("fasterrcnn", "maskrcnn", "keypointrcnn", "retinanet"))
# Ported from TensorFlow: they undo ImageNet's mean and standard deviation and take off others
_RESCALING = ("googlenet", "inception_v3")


def published_weights(name: str, weights: str) -> Any | None:
    """Which of torchvision's published weights of the network ``name`` a file holds; None where it holds others.

    torchvision's file names end in the first digits of the file's SHA-256. A file is torchvision's if it has such a
    name, or if it was renamed and its SHA-256 begins with these digits.

    Args:
        weights: auto, random, or a path.
    """
    path = expanded(weights)
    if weights in ("auto", "random") or not path.is_file():
        return None
    files = {Path(each.url).name: each for each in torchvision.models.get_model_weights(name)}
    if path.name in files:
        return files[path.name]
    try:
        digest = file_content(path)
    except OSError:  # whoever reads the weights says why
        return None
    digits = {match[1]: each for file, each in files.items() if (match := re.search(r"-([0-9a-f]{8,})\.\w+$", file))}
    return next((each for start, each in digits.items() if digest.startswith(start)), None)


def change_as_torchvision(name: str, network: nn.Module, weights: Any | None) -> str:
    """Change a network as torchvision does after it has loaded published weights.

    Args:
        name: torchvision's, of the network.
        weights: the published weights that the network has; None for a checkpoint of any other origin, for which the
            network stays as torchvision builds it without weights.

    Returns:
        What the report says of it; empty where torchvision changes nothing and the weights are not torchvision's.
    """
    notes = [] if weights is None else [f"The file is torchvision's {weights}"]
    if name in _WITHOUT_EPS and weights is None:
        notes.append(
            "The batch norms add 1e-5 to the variance. If the checkpoint was fine-tuned from torchvision's COCO_V1 "
            "weights, they added 0 in training (docs/dense.md)"
        )
    elif name in _WITHOUT_EPS and weights is not None and weights.name == "COCO_V1":
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
        notes.append("Its batch norms add 0 to the variance, as in torchvision")
    if name in _RESCALING and weights is None:
        notes.append(
            "transform_input is off. If the checkpoint was fine-tuned from torchvision's published weights, it was on "
            "in training (docs/networks.md)"
        )
    elif name in _RESCALING:
        network.transform_input = True  # type: ignore[assignment]
    return ". ".join(notes)
