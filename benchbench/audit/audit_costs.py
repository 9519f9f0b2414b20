"""Time, memory and passes of one call on one image: the library's, and ours."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from ..cost.ledger import Passes, count_forwards
from ..cost.measure import counted, peak_bytes, timed
from ..results.audit_rows import AuditCost
from ..types import PassCount

_CPU = torch.device("cpu")


def library_cost(
    explain: Callable[[nn.Module, Tensor, Tensor], object], network: nn.Module, image: Tensor, target: Tensor
) -> AuditCost:
    """Of a library's method. Passes are counted by a hook on the network; where none is seen they are unknown.

    Args:
        explain: called with the network, the image (1, C, H, W) and its class (1,).
        network: nobody else's: it gets a hook for the count.
    """
    passes = Passes()
    handle = count_forwards(network, passes)
    known = counted(lambda: explain(network, image.clone(), target), passes)
    handle.remove()
    return _measured(lambda: explain(network, image.clone(), target), known if known.forwards else None)


def our_cost(call: Callable[[], object], passes: Passes) -> AuditCost:
    """Of our method, alone on the image, with the capture that a study shares among methods.

    Args:
        passes: what the call counts in.
    """
    return _measured(call, counted(call, passes))


def _measured(call: Callable[[], object], passes: PassCount | None) -> AuditCost:
    peak = peak_bytes(call, _CPU)
    seconds = median(timed(call, _CPU))
    if passes is None:
        return AuditCost(seconds, peak)
    return AuditCost(seconds, peak, passes.forwards, passes.backwards, passes.rests)
