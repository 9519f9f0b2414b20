"""What is explained of the target: its logit, its probability, or how far it is above the other classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import BenchError, nearest
from ..types import Activation, Score
from ..vocabulary import LOGIT, SCORES


def explained_score(name: str, targets: Tensor, activation: Activation = "softmax") -> Score | None:
    """The score (B,) of logits (B, C) that a gradient is taken of; None for the target's logit itself.

    With y the target's logit, p its probability and z the other classes' logits:

    - ``probability`` p, ``log-probability`` log p, ``rest`` y + log p. Lerma and Lucas 2023, arXiv:2306.13197, compare
      logit, probability and its logarithm.
    - ``contrast`` y - max z; ``contrast-weighted`` y - sum w z, where w = softmax(z) counts as a constant, as in the
      weighted contrast of Wang and Wang 2022 (NeurIPS, "Why not other classes?"). Its gradient is that of
      y - logsumexp(z), the log-odds of a softmax. Piland et al. 2025 (DiffGradCAM), arXiv:2506.08514, take contrasts
      of logits as the target of Grad-CAM.

    All scores are computed in float64. With a softmax, log p is the log-sigmoid of the log-odds y - logsumexp(z), so
    that neither p nor its gradient is rounded away where p is close to 1. With a sigmoid, log p is the log-sigmoid of
    y: no other class counts in p, but contrasts are those of the logits all the same.

    Args:
        name: a word of ``benchbench.vocabulary.SCORES``.
        targets: (B,), the class explained for each image.
        activation: what makes probabilities of logits.

    Raises:
        BenchError: no score has the name.

    Example:
        >>> import torch
        >>> from benchbench.network.explained_score import explained_score
        >>> logits, targets = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([0])
        >>> {name: round(float(explained_score(name, targets)(logits)), 4) for name in ("probability", "contrast")}
        {'probability': 0.6652, 'contrast': 1.0}
    """
    if name not in SCORES:
        raise BenchError(f"unknown score {name!r}", where="score", hint=nearest(name, SCORES))
    if name == LOGIT:
        return None

    def score(logits: Tensor) -> Tensor:
        wide = logits.double()
        logit = wide.gather(1, targets[:, None])[:, 0]
        others = wide.scatter(1, targets[:, None], -torch.inf)
        if name == "contrast":
            return logit - wide.gather(1, others.argmax(1, keepdim=True))[:, 0]
        if name == "contrast-weighted":
            return logit - (others.detach().softmax(1) * wide).sum(1)
        log_probability = logsigmoid(logit if activation == "sigmoid" else logit - others.logsumexp(1))
        if name == "log-probability":
            return log_probability
        return logit + log_probability if name == "rest" else log_probability.exp()

    return score
