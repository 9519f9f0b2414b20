"""What a detector finds in an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Detections:
    """The n detections of one image.

    Attributes:
        boxes: (n, 4), x0, y0, x1, y1 in pixels of the image.
        labels: (n,), the class of each.
        scores: (n,), in 0 .. 1.
        explained: (n,) bool, true where the score is that of the detection's class: see ``detector``.

    Example:
        >>> boxes, labels = torch.tensor([[0.0, 0.0, 4.0, 4.0]]), torch.tensor([1])
        >>> detected = Detections(boxes, labels, torch.tensor([0.7]), torch.tensor([True]))
        >>> detected.probabilities(4)
        tensor([[0.1000, 0.7000, 0.1000, 0.1000]])
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    explained: Tensor

    def probabilities(self, classes: int) -> Tensor:
        """(n, classes): the score at the detection's class, and what is left of 1 spread evenly over the others.

        torchvision's detectors say the probability of one class only.
        """
        rest = (1 - self.scores) / (classes - 1)
        spread = rest[:, None].expand(-1, classes)
        return torch.scatter(spread, 1, self.labels[:, None], self.scores[:, None])

    def of(self, label: int) -> Detections:
        """The detection whose score is that of class ``label``, the first where there are several; or none."""
        rows = (self.explained & (self.labels == label)).nonzero()[:1, 0]
        return Detections(self.boxes[rows], self.labels[rows], self.scores[rows], self.explained[rows])
