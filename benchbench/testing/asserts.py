"""Asserts about saliency methods and runs; ``benchbench.testing`` is where they are imported from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..api.run import Run
from ..errors import BenchError, NotApplicable
from ..paths import expanded
from ..registry import METHODS
from ..regression import Tolerances
from ..regression.map_parts import normalised
from ..reports.checks.gate import renderable
from ..reports.rendering import rendered
from ..suites.weaknesses import weakness
from .method_contract import Case, Small, example_images, seeded
from .snapshots import Array, Maps, Unlike, compare, write

MapsLike: TypeAlias = Tensor | Array  # (N, h, w) or (N, 1, H, W)
CLOSED_FORM = 1e-5
SNAPSHOT = 1e-3
MEANT = "If the change is intended, write the baseline again: pytest --benchbench-update."


@dataclass(frozen=True, eq=False)
class Facts:
    """What a closed form is made of: a network that ends in global average pooling and one linear layer.

    Computed by plain torch, apart from the engine.

    Attributes:
        network: the one of these facts; its layer is ``relu``, its head ``fc``.
        images: (B, 3, H, W).
        activation: (B, K, h, w), the last convolution's, behind its ReLU.
        gradient: (B, K, h, w), of each image's target logit by the activation.
        weight: (B, K), the row of the linear layer that belongs to each image's target.
        logits, targets: (B, C) and (B,), the largest logit's class.
    """

    network: Small
    images: Tensor
    activation: Tensor
    gradient: Tensor
    weight: Tensor
    logits: Tensor
    targets: Tensor


def pooled_facts() -> Facts:
    """Of the small network and the images that ``assert_matches_closed_form`` runs a method on."""
    network, images = _small(), example_images()
    activation = network.relu(network.conv(network.stage1(images))).detach().clone().requires_grad_()
    logits = network.fc(activation.mean((2, 3)))
    targets = logits.argmax(1)
    (gradient,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), activation)
    weight = network.fc.weight[targets]
    return Facts(
        network, images, activation.detach(), gradient, weight.detach(), logits.detach(), targets
    )  # fmt: skip


def example_maps(method: str, **params: Any) -> Tensor:
    """(5, h, w), not normalised: a registered method's maps on a small network and images that do not change."""
    case = Case(method, METHODS[method].bind(params))
    return case.maps(case.network(), example_images())


def assert_matches_closed_form(
    method: str, expected: Callable[[Facts], Tensor], *, tolerance: float = CLOSED_FORM, **params: Any
) -> None:
    """A method's maps are those of a formula, on a small network whose head is pooled, after min-max normalisation.

        assert_matches_closed_form("mine", lambda f: torch.einsum("bk,bkhw->bhw", f.weight.relu(), f.activation))

    Args:
        expected: from the facts to maps (B, h, w), at the method's own resolution.
        tolerance: by how much a cell may differ, in shares of the map's range.

    Raises:
        AssertionError: they differ; it says where. Also if the formula's maps are the same everywhere, as they would
            prove nothing.
        BenchError: no such method or parameter, or one that has no closed form on a convolutional network.
    """
    __tracebackhide__ = True
    plugin = METHODS[method]
    bound = plugin.bind(params)
    unsupported = plugin.needs_of(bound) & {"attention", "dataset", "detections"}
    if unsupported:
        raise BenchError(
            f"{method} needs {' and '.join(sorted(unsupported))}: it has no closed form on a pooled network"
        )
    facts = pooled_facts()
    formula = expected(facts).detach()
    if all(not normalised(values).any() for values in _stack(formula, "the closed form")):
        raise AssertionError(f"the closed form of {method} is constant, and proves nothing")
    maps = Case(method, bound).maps(_small(), facts.images)
    try:
        assert_equal_maps(maps, formula, tolerance=tolerance)
    except AssertionError as error:
        raise AssertionError(f"{plugin.label(bound)} does not match its closed form: {error}") from None


def assert_equal_maps(maps: MapsLike, expected: MapsLike, *, tolerance: float = CLOSED_FORM) -> None:
    """Two stacks of maps are equal after min-max normalisation of each map.

    Args:
        maps, expected: (N, h, w) or (N, 1, H, W), not normalised.
        tolerance: by how much a cell may differ, in shares of the map's range.

    Raises:
        AssertionError: they differ in shape or in a cell, or have values that are not finite.
    """
    __tracebackhide__ = True
    actual, wanted = _stack(maps, "the maps"), _stack(expected, "the expected maps")
    if actual.shape != wanted.shape:
        raise AssertionError(f"maps of shape {actual.shape}, where {wanted.shape} is expected")
    off = np.stack([np.abs(normalised(a) - normalised(b)) for a, b in zip(actual, wanted, strict=True)])
    wrong = off.max((1, 2)) > tolerance
    if wrong.any():
        i = int(off.max((1, 2)).argmax())
        row, column = (int(n) for n in np.unravel_index(int(off[i].argmax()), off[i].shape))
        values = [float(normalised(stack[i])[row, column]) for stack in (actual, wanted)]
        raise AssertionError(
            f"{int(wrong.sum())} of {len(off)} maps differ, map {i} most: by {off[i].max():.2g} at row {row}, column "
            f"{column} ({values[0]:.6g}, expected {values[1]:.6g})"
        )


def assert_same_maps(
    maps: Run | MapsLike, snapshot: str | Path, *, tolerance: float = SNAPSHOT, update: bool = False
) -> None:
    """Maps are those of a snapshot; the fixture ``benchbench_snapshot`` names the file after the test.

    Args:
        maps: (N, h, w) or (N, 1, H, W), or a run, all of whose maps are meant.
        snapshot: the file.
        tolerance: by how much a cell may differ, in shares of the map's range: more than rounding to four digits.
        update: write the snapshot where it is absent or differs, in place of failing.

    Raises:
        AssertionError: they differ, there is no snapshot, or no map to compare.
    """
    __tracebackhide__ = True
    by_name, path = _by_name(maps), expanded(snapshot)
    try:
        compare(by_name, path, tolerance)
    except (Unlike, BenchError) as error:
        if update:
            _write(by_name, path)
            return
        line = f"maps differ from {path}:\n{error}" if isinstance(error, Unlike) else str(error)
        raise AssertionError(line) from None


def assert_not_worse(
    run: Run, baseline: str | Path | Run, *, tolerances: Tolerances | None = None, update: bool = False
) -> None:
    """A run is not worse than a baseline; the fixture ``benchbench_gate`` names the file after the test.

    Args:
        baseline: a file that ``benchbench baseline`` or ``update`` wrote, or another run.
        tolerances: what counts as a change; see ``benchbench.regression.Tolerances``.
        update: write the baseline where it is absent or the run is worse, in place of failing.

    Raises:
        AssertionError: it is worse, or not comparable; the message is what ``benchbench check`` says.
        BenchError: the run has nothing to compare.
    """
    __tracebackhide__ = True
    try:
        checked = run.check(baseline, tolerances)
    except BenchError as error:
        message = str(error)
    else:
        if checked.ok:
            return
        message = rendered(renderable(checked, MEANT))
    if not update or isinstance(baseline, Run):
        raise AssertionError(message)
    run.baseline(baseline)


def assert_passes_weakness(method: str, case: str, **params: Any) -> None:
    """A method's score on a planted weakness is above its threshold: see ``benchbench.suites.weaknesses``.

        assert_passes_weakness("mine", "several instances")

    Raises:
        AssertionError: it is not, or the method does not apply there.
        BenchError: no such case, method or parameter.
    """
    __tracebackhide__ = True
    planted = weakness(case)
    label = METHODS[method].label(METHODS[method].bind(params))
    try:
        score = planted.score(method, **params)
    except NotApplicable as reason:
        raise AssertionError(f"{label} cannot be tried on {case!r}: {reason}") from None
    if not score > planted.threshold:
        raise AssertionError(
            f"{label} has {case!r}: its score is {score:.3f}, and must be above {planted.threshold:g}.\n"
            f"{planted.plants} ({planted.source})"
        )


def _write(maps: Maps, path: Path) -> None:
    __tracebackhide__ = True
    try:
        write(maps, path)
    except Unlike as error:
        raise AssertionError(f"a map cannot be stored: {error}") from None


def _by_name(source: Run | MapsLike) -> dict[str, Array]:
    if isinstance(source, Run):
        if source.failed:
            raise AssertionError(f"{source.failed} rows of the run failed: {source.first_failure}")
        keys = ("model", "dataset", "layer", "method", "sample")
        rows = source.record.maps.to_dict("records")
        named = {" / ".join(str(row[key]) for key in keys): row for row in rows}
        maps = {name: source.record.map(str(row["file"]), int(row["row"])) for name, row in named.items()}
    else:
        stack = source.detach().cpu().numpy() if isinstance(source, Tensor) else np.asarray(source)
        maps = {str(i): values for i, values in enumerate(_flat(stack, "the maps"))}
    if not maps:
        raise AssertionError("there is no map to compare")
    return maps


def _stack(maps: MapsLike, what: str) -> Array:
    stack = _flat(maps.detach().cpu().numpy() if isinstance(maps, Tensor) else np.asarray(maps), what)
    if not len(stack):
        raise AssertionError(f"{what} are none")
    if not np.isfinite(stack).all():
        raise AssertionError(f"{what} have values that are not finite")
    return stack


def _flat(maps: Array, what: str) -> Array:
    stack = maps[:, 0] if maps.ndim == 4 and maps.shape[1] == 1 else maps
    if stack.ndim != 3:
        raise AssertionError(f"{what} have shape {maps.shape}, where (N, h, w) or (N, 1, H, W) is expected")
    return stack


def _small() -> Small:
    network = seeded(Small)
    assert isinstance(network, Small)
    return network
