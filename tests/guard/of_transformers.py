"""Faults in methods for transformers, shown by their maps."""

from __future__ import annotations

from .fault import Fault


def _method(says: str, file: str, old: str, new: str, method: str) -> Fault:
    return Fault(says, f"methods/{file}.py", old, new, "small", (method,), ("average_drop",))


TRANSFORMERS = (
    _method(
        "AttnLRP: both factors of attention get the whole relevance", "attnlrp",
        "share = 0.5 if value.requires_grad", "share = 1.0 if value.requires_grad", "attnlrp",
    ),
    _method(
        "LibraGrad: a norm's deviation has its gradient", "_backward",
        "deviation = (value.detach().var(", "deviation = (value.var(", "libragrad",
    ),
    _method(
        "AGCAM: attention after its softmax in place of the score's sigmoid", "transformers",
        "torch.sigmoid(block.score)", "block.weight", "agcam",
    ),
    _method(
        "TIS: the mean over all masks, not over those that keep the patch", "tis",
        " / flags.sum(1).clamp_min(1)", " / flags.shape[1]", "tis",
    ),
    _method(
        "ViT-CX: what the noise alone does to the score is not taken off", "vitcx",
        "weights = masked - whole + layer.probability[:, None]", "weights = masked", "vitcx",
    ),
)  # fmt: skip
