"""The linear layer behind global average pooling."""

from __future__ import annotations

from ..errors import NotApplicable
from ..types import Head
from .capture import Capture


def pooled_head(captured: Capture, layer: str) -> Head:
    """The linear layer, if the logits are exactly it on the layer's spatial mean.

    Raises:
        NotApplicable: they are not, with the reason.
    """
    linear, activation = captured.classifier, captured.activations[layer]
    needed = f"CAM needs global average pooling and one linear layer behind {layer!r}"
    if linear is None:
        raise NotApplicable(f"{needed}; the network does not end in a linear layer")
    if linear.in_features != activation.shape[1]:
        features, channels = linear.in_features, activation.shape[1]
        raise NotApplicable(
            f"{needed}; the last linear layer takes {features} features, the layer has {channels} channels"
        )
    head = Head(linear.weight.detach(), None if linear.bias is None else linear.bias.detach())
    expected = activation.mean((2, 3)) @ head.weight.T + (0 if head.bias is None else head.bias)
    terms = activation.abs().mean((2, 3)) @ head.weight.abs().T  # what rounding is a share of
    if ((expected - captured.logits).abs() > 1e-4 * terms.amax(1, keepdim=True)).any():
        raise NotApplicable(f"{needed}; the logits are not that of the layer's output")
    return head
