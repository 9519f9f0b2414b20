"""A method's cost as pytest-benchmark measures it, with what it does not measure as extra info."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from ..attribution.method_maps import method_maps
from ..cost.ledger import Passes
from ..cost.measure import measure, synchronise
from ..engine.device import found_device
from ..errors import BenchError
from ..network.layers import resolve
from ..network.scorer import Scorer
from ..registry import METHODS
from ..seeds import sample_seeds
from ..types import INPUT, Cost
from .method_contract import Case, example_images, example_references


@dataclass(frozen=True)
class MethodBenchmark:
    """The fixture ``benchbench_cost``.

    Attributes:
        benchmark: pytest-benchmark's fixture.
    """

    benchmark: Any

    def __call__(
        self,
        method: str,
        network: nn.Module | None = None,
        images: Tensor | None = None,
        *,
        layer: str = "last",
        device: str = "cpu",
        **params: Any,
    ) -> Cost:
        """Benchmark a registered method on its own: a pass of the network with all that the method asks for.

        pytest-benchmark's options and tables hold; a call is synchronised on CUDA. ``extra_info`` has
        ``peak_memory_bytes``, ``forwards``, ``backwards`` and ``rests`` per image, ``images``, ``device``,
        ``reference_seconds`` of a fixed piece of work beside it, and ``in_references``: the median time in its units,
        which can be compared between machines.

        Args:
            network: returns logits (B, C); None for a small one of ``benchbench.testing``.
            images: (B, 3, H, W); None for one small image.

        Returns:
            The method's cost as a run measures it, to assert on: see ``benchbench.types.Cost``.

        Raises:
            BenchError: no such method, parameter, layer or device.
        """
        where = found_device(device, "benchbench_cost", "Use device='cpu'")
        case = Case(method, METHODS[method].bind(params))
        net = (case.network() if network is None else network).to(where)
        batch = (example_images(1) if images is None else images).to(where)
        passes = Passes()
        call = _call(case, net, batch, layer, passes)
        cost = measure(call, passes, where, len(batch))
        reference = median(cost.reference_seconds)
        self.benchmark(_synchronised(call, where))
        self.benchmark.extra_info.update(
            {
                "method": METHODS[method].label(case.params),
                "images": len(batch),
                "device": torch.cuda.get_device_name(where) if where.type == "cuda" else where.type,
                "peak_memory_bytes": cost.peak_bytes,
                "forwards": cost.forwards,
                "backwards": cost.backwards,
                "rests": cost.rests,
                "reference_seconds": reference,
                "in_references": median(cost.seconds) / reference,
            }
        )
        return cost


def _call(case: Case, network: nn.Module, images: Tensor, layer: str, passes: Passes) -> Callable[[], Tensor]:
    plugin, params = METHODS[case.name], case.params
    if "dataset" in case.needs:
        raise BenchError(f"{case.name} is computed from stored maps; no network pass")
    place = INPUT if "input" in case.needs else resolve(network, images[:1], layer)[-1]
    scorer = Scorer(network, passes=passes)
    seeds = sample_seeds(0, f"{case.name}/{place}", [str(i) for i in range(len(images))])
    masks = torch.ones(len(images), *images.shape[2:], dtype=torch.bool, device=images.device)
    references = example_references(images)

    def call() -> Tensor:
        arguments = (plugin, params, network, images, place)
        return method_maps(*arguments, lambda z: z.argmax(1), seeds, scorer=scorer, masks=masks, references=references)

    return call


def _synchronised(call: Callable[[], Tensor], device: torch.device) -> Callable[[], Tensor]:
    def synchronised() -> Tensor:
        synchronise(device)
        maps = call()
        synchronise(device)
        return maps

    return synchronised
