"""What the metrics of a study ask for: probes, and views."""

from __future__ import annotations

from typing import get_args

from ..errors import BenchError
from ..types.probes import Probe
from ..types.views import View
from .plan import MetricCell
from .spec import MetricChoice


def views_of(metric: MetricChoice) -> list[View]:
    """The views that a metric asks for, in its order."""
    return list(metric.plugin.views(**metric.params)) if metric.plugin.views else []


def rivals_of(metric: MetricChoice) -> int:
    """How many classes beside the target a metric wants the probabilities of; 0 for none."""
    return int(metric.plugin.rivals(**metric.params)) if metric.plugin.rivals else 0


def unsuited(cell: MetricCell) -> str:
    """Why a metric does not apply to a method's maps, by their sign or the score that they explain; "" if it does."""
    needs, method = cell.metric.plugin.needs, cell.maps.method
    sign = method.unsigned if "signed-map" in needs else ""
    return sign or (method.other_score if "logit-map" in needs else "")


def probes_of(metric: MetricChoice) -> list[Probe]:
    """The probes that a metric asks for, in its order.

    Raises:
        BenchError: something that it asks for is no probe.
    """
    probes = list(metric.plugin.probes(**metric.params)) if metric.plugin.probes else []
    for probe in probes:
        if not isinstance(probe, get_args(Probe)):
            hint = "Return Remove, Keep, ... of benchbench.types.probes"
            raise BenchError(f"probes= returns {probe!r}", where=f"metric {metric.name}", hint=hint)
    return probes
