"""``captum:infidelity`` and ``captum:sensitivity_max``: captum's own code, one image at a time, seeded by the image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from benchbench.errors import BenchError, nearest
from benchbench.plugin_guard import seeded
from benchbench.registry import METRICS, MetricPlugin
from benchbench.types import Explainer, Scored, Seen

from .quantus_adapter import version

Sigma = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10_000)]


def infidelity(seen: Seen, *, sigma: Sigma = 0.2, samples: Count = 10, normalize: bool = True) -> Scored:
    """captum's infidelity under normal noise in the network's normalised space, the map standing for all channels.

    ``normalize``: with the factor that suits the map best, as a CAM has no unit.
    """

    def score(explainer: Explainer, image: Tensor, saliency: Tensor) -> Tensor:
        from captum.metrics import infidelity as captum_infidelity

        def perturbed(inputs: Tensor) -> tuple[Tensor, Tensor]:
            noise = sigma * torch.randn_like(inputs)
            return noise, inputs - noise

        attributions = saliency[:, None].expand_as(image).contiguous()
        target = int(explainer.targets[0])
        with torch.no_grad():
            value: Tensor = captum_infidelity(
                explainer.network,
                perturbed,
                image,
                attributions,
                target=target,
                n_perturb_samples=samples,
                normalize=normalize,
            )
        return value

    return _each(seen, score)


def sensitivity_max(seen: Seen, *, radius: Sigma = 0.02, samples: Count = 10) -> Scored:
    """captum's max-sensitivity of the upsampled, min-max normalised map, under uniform noise in normalised space."""

    def score(explainer: Explainer, image: Tensor, saliency: Tensor) -> Tensor:
        from captum.metrics import sensitivity_max as captum_sensitivity

        def explained(inputs: Any) -> Tensor:
            shown = inputs[0] if isinstance(inputs, tuple) else inputs
            targets = explainer.targets.expand(len(shown))
            return explainer.explain(explainer.network, shown, targets, explainer.ids * len(shown))[:, None]

        value: Tensor = captum_sensitivity(explained, image, perturb_radius=radius, n_perturb_samples=samples)
        return value

    return _each(seen, score)


def _each(seen: Seen, score: Callable[[Explainer, Tensor, Tensor], Tensor]) -> Scored:
    assert seen.pixels is not None, "the engine gives it"
    assert seen.explainer is not None, "the engine gives it"
    values = []
    for i, seed in enumerate(seen.pixels.seeds):
        with seeded(seed):
            value = score(seen.explainer.row(i), seen.pixels.images[i : i + 1].clone(), seen.map[i : i + 1])
        values.append(float(value))
    return Scored(torch.tensor(values, dtype=torch.float64))


KNOWN: dict[str, tuple[Callable[..., Scored], str, str]] = {
    "infidelity": (infidelity, "faithfulness", "mean over noises I of (b sum I M - (z(x) - z(x - I)))^2"),
    "sensitivity_max": (sensitivity_max, "robustness", "max over noises of |M(x + e) - M(x)| / |M(x)|"),
}


def captum(name: str) -> MetricPlugin:
    """The metric ``captum:NAME``.

    Raises:
        BenchError: there is none of this name.
    """
    if name not in KNOWN:
        raise BenchError(f"unknown metric 'captum:{name}'", hint=nearest(name, KNOWN, prefix="captum:"))
    function, family, equation = KNOWN[name]
    return MetricPlugin(
        f"captum:{name}",
        function,
        paper="arXiv:1901.09392",
        needs=frozenset({"map", "network"}),
        higher_is_better=False,
        protocols={f"captum-{version('captum')}": {}},
        unit="as captum has it",
        title=f"{name.replace('_', ' ')} (captum)",
        family=family,
        range=(0, math.inf),
        equation=equation,
    )


METRICS.add_family("captum", captum)
