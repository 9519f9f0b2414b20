"""``quantus:NAME``: Quantus's metrics, one image at a time, under guard.

One image at a time, so that nothing is normalised, averaged or cut off over a batch; their random states are seeded by
the image and put back. What is known to crash, to mix images or to mean something else on these maps is refused with
the reason, and not run: see docs/quantus.md.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from benchbench.errors import BenchError, NotApplicable, nearest
from benchbench.plugin_guard import seeded
from benchbench.registry import METRICS, MetricPlugin, Parameter
from benchbench.types import Explainer, Scored, Seen

from ._quantus_support import FAMILY, REFUSED, RUNS
from ._regions import WHOLE, absent

_OURS = {
    *("abs", "normalise", "normalise_func", "normalise_func_kwargs", "return_aggregate", "aggregate_func"),
    *("default_plot_func", "disable_warnings", "display_progressbar", "similarity_func", "perturb_func", "kwargs"),
    *("perturb_func_kwargs", "norm_numerator", "norm_denominator", "self", "num_classes"),
}


@dataclass(frozen=True)
class QuantusPlugin(MetricPlugin):
    """A metric of Quantus; its parameters are those of its class that are plain values."""

    @property
    def parameters(self) -> dict[str, Parameter]:
        return _parameters(_class(self.name.partition(":")[2]))

    @cached_property
    def source_digest(self) -> str:
        return f"{self.name} {version('quantus')} {super().source_digest}"


def quantus(name: str) -> QuantusPlugin:
    """The metric ``quantus:NAME``.

    Raises:
        BenchError: Quantus is not installed, has no such metric, or the metric is refused, with the reason.
    """
    if name in REFUSED:
        raise BenchError(f"quantus:{name} is refused: {REFUSED[name]}", hint="docs/quantus.md says which run, and why")
    if name not in RUNS:
        raise BenchError(f"unknown metric 'quantus:{name}'", hint=nearest(name, [*RUNS, *REFUSED], prefix="quantus:"))
    kind = _class(name)
    masked = FAMILY[name] == "localisation"
    return QuantusPlugin(
        f"quantus:{name}",
        lambda seen, **params: _run(name, seen, params),
        paper="arXiv:2202.06861",
        needs=frozenset({"map", "network"} | ({"mask"} if masked else set())),
        higher_is_better=kind.score_direction.value == "higher",
        protocols={f"quantus-{version('quantus')}": {}},
        unit="as Quantus has it",
        title=f"{kind.name} (Quantus)",
        family=FAMILY[name],
        equation=f"quantus.{name} on one image at a time, of the min-max normalised map",
    )


def _class(name: str) -> Any:
    try:
        return getattr(importlib.import_module("quantus"), name)
    except ImportError as error:
        raise BenchError(
            f"Quantus is not installed: {error}", hint="Install it: pip install 'benchbench-saliency[quantus]'"
        ) from None
    except AttributeError:
        raise BenchError(f"Quantus {version('quantus')} has no {name}", hint="pip install --upgrade quantus") from None


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise BenchError(f"{package} is not installed", hint=f"Install it: pip install {package}") from None


def _parameters(kind: Any) -> dict[str, Parameter]:
    parameters = {}
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name not in _OURS and isinstance(parameter.default, (bool, int, float, str)):
            parameters[name] = Parameter(name, type(parameter.default), parameter.default)
    return parameters


def _run(name: str, seen: Seen, params: Mapping[str, Any]) -> Scored:
    masks, reasons = torch.zeros_like(seen.map, dtype=torch.bool), ("",) * len(seen.map)
    if FAMILY[name] == "localisation":
        masks, reasons = masks if seen.mask is None else seen.mask, absent(seen)
        reasons = tuple(reason or (WHOLE if mask.all() else "") for reason, mask in zip(reasons, masks, strict=True))
    values = [0.0 if reasons[i] else _on_image(name, seen, i, masks[i], params) for i in range(len(seen.map))]
    return Scored(torch.tensor(values, dtype=torch.float64), inapplicable=reasons)


def _on_image(name: str, seen: Seen, i: int, mask: torch.Tensor, params: Mapping[str, Any]) -> float:
    assert seen.pixels is not None, "the engine gives it"
    assert seen.explainer is not None, "the engine gives it"
    kind, explainer, images = _class(name), seen.explainer.row(i), seen.pixels.images[i : i + 1]
    known = inspect.signature(kind.__init__).parameters
    fixed: dict[str, Any] = {"return_aggregate": False, "disable_warnings": True, "display_progressbar": False}
    if name == "RandomLogit":
        fixed["num_classes"] = _classes(explainer, images)
    arguments = {**{key: value for key, value in fixed.items() if key in known}, **params}
    with seeded(seen.pixels.seeds[i]):
        scores = kind(**arguments)(
            model=explainer.network,
            x_batch=images.cpu().numpy(),
            y_batch=explainer.targets.cpu().numpy(),
            a_batch=seen.map[i : i + 1, None].cpu().numpy(),
            s_batch=mask[None, None].cpu().numpy(),
            device=str(images.device),
            explain_func=_explainer(explainer, images),
            explain_func_kwargs={},
        )
    return _number(name, scores)


def _classes(explainer: Explainer, images: torch.Tensor) -> int:
    with torch.no_grad():
        return int(explainer.network(images).shape[1])


def _explainer(explainer: Explainer, images: torch.Tensor) -> Callable[..., Any]:
    """What Quantus calls to have other images, targets or networks explained."""

    def explain(model: Any, inputs: Any, targets: Any, **_: Any) -> Any:
        network = model.get_model() if hasattr(model, "get_model") else model
        shown = torch.as_tensor(np.asarray(inputs), dtype=images.dtype, device=images.device)
        wanted = torch.as_tensor(np.asarray(targets), device=images.device).long().reshape(-1)
        return explainer.explain(network, shown, wanted, explainer.ids * len(shown))[:, None].cpu().numpy()

    return explain


def _number(name: str, scores: Any) -> float:
    if not isinstance(scores, (list, np.ndarray)) or len(scores) != 1 or np.ndim(scores[0]) != 0:
        raise NotApplicable(f"quantus:{name} gives no single number for an image with these parameters")
    return float(scores[0])


METRICS.add_family("quantus", quantus)
