"""The Python faces: Study, Run and explain, with the same words as the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import study as _study
from .capture import quiet
from .disturbing import Disturbances, disturb
from .errors import BenchError, NotApplicable
from .finished import Run
from .given import check_images, check_maps, check_network, check_target, names_of
from .layers import resolve
from .perturb import saliency
from .plan import sample_seeds
from .progress import Progress
from .registry import METHODS
from .reliability import LEVELS, with_levels
from .reports import reliability
from .rounding import doubted, made_of_rounding
from .runner import run
from .scoring import Scorer
from .services import look, run_method
from .targets import chooser, is_scored, unharmed
from .types import INPUT


class Study(_study.Study):
    """What to compare; see the study file's keys. ``models`` and ``datasets`` may be mappings of names to objects.

    Example:
        >>> Study(models={"mine": network}, datasets={"val": (images, labels)}, layers=["layer4"],
        ...       methods=["gradcam", "scorecam"], metrics=["deletion", "insertion"]).run("runs/mine")  # doctest: +SKIP
    """

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)

    def run(self, out: str | Path = "runs/study", *, progress: Progress | None = None, report: bool = True) -> Run:
        """Compute whatever ``out`` does not hold yet, write its tables and its report, and read it back.

        Raises:
            BenchError: the request cannot be met.
        """
        run(self, Path(out), progress)
        done = Run.load(out)
        if report:
            done.report()
        return done

    def reliability(
        self,
        out: str | Path = "runs/reliability",
        *,
        disturbances: Disturbances | None = None,
        levels: Sequence[float] = LEVELS,
        progress: Progress | None = None,
    ) -> Run:
        """Study the study's metrics: whether each falls on maps that get worse, and what disturbances do to it.

        The study is run with each method's map blended with noise at every level, with controls and without metrics
        of cost; then all is scored again under disturbances. ``Run.reliability`` is the result; tables/reliability.csv
        and .md hold it. docs/reliability.md defines every number. What ``out`` holds already is not computed again.

        Raises:
            BenchError: the request cannot be met.
        """
        asked = with_levels(self, levels)
        run(asked, Path(out), progress)
        disturb(asked, Path(out), disturbances or Disturbances(), progress)
        done = Run.load(out)
        reliability.write_tables(done.reliability(), done.folder / "tables")
        return done


def explain(
    network: nn.Module,
    images: Tensor,
    *,
    method: str = "gradcam",
    layer: str = "last",
    target: int | Tensor | None = None,
    seed: int = 0,
    **params: Any,
) -> Tensor:
    """Saliency maps (B, 1, H, W) in [0, 1] for images (B, 3, H, W), by one method at one layer.

    Args:
        network: returns logits (B, C); it is left as it was found.
        target: the class to explain, for all images or (B,) one each; None for the most likely one, or for the score
            of a network that ``scored`` made. With (B, T), several classes of each image: the maps are (B, T, H, W),
            and masked forwards, as of Score-CAM, are shared.
        params: the method's own parameters.

    Raises:
        BenchError: an unknown method, parameter, layer or target.
        NotApplicable: the method has no meaning on this network; the message says why.
    """
    if not isinstance(method, str):
        raise BenchError(f"method is {method!r}", where="explain", hint="Give a name: benchbench list methods")
    if not isinstance(layer, str) or layer == "stages":
        raise BenchError(f"layer is {layer!r}", where="explain", hint="Give a module path, or last")
    with torch.inference_mode(False):  # autograd is needed
        return _explain(check_network(network, "explain"), check_images(images), method, layer, target, seed, params)


def _explain(
    network: nn.Module,
    images: Tensor,
    method: str,
    layer: str,
    target: int | Tensor | None,
    seed: int,
    params: dict[str, Any],
) -> Tensor:
    check_target(target, len(images), only=is_scored(network))
    network = unharmed(network, images[:1])
    several = target.shape[1] if isinstance(target, Tensor) and target.ndim == 2 else 1
    if isinstance(target, Tensor) and target.ndim == 2:
        images, target = images.repeat_interleave(several, 0), target.flatten()
    plugin = METHODS[method]
    bound = plugin.bind(params)
    needs = plugin.needs_of(bound)
    if "dataset" in needs:
        raise NotApplicable(f"{method} is made of a whole dataset's maps: run a Study")
    name = INPUT if "input" in needs else resolve(network, images[:1], layer)[-1]
    seeds = sample_seeds(seed, f"{plugin.name}/{name}", names_of(images))
    with quiet(network):
        choose = _chooser(target, len(images), only=is_scored(network))
        batch = look(network, Scorer(network), images, [name], choose, gradient="gradient" in needs)
        if batch.captured.logits.shape[1] < 2:
            hint = "Give two logits, [0, z]; or bb.scored(network, lambda z: z[:, 0])"
            raise BenchError("the network has one output, and its softmax is always 1", where="explain", hint=hint)
        if not torch.isfinite(batch.captured.logits).all():
            raise BenchError("the network's logits are not finite numbers", where="explain", hint="Look at its weights")
        place = batch.layer(name, seeds)
        maps = run_method(plugin, doubted(place), bound)
        rounding = made_of_rounding(plugin, place, bound, maps)
        if any(rounding):
            raise NotApplicable(next(filter(None, rounding)))
        check_maps(maps, batch.sound(name, gradient="gradient" in needs), method)
    height, width = images.shape[2:]
    return saliency(maps, (height, width)).view(-1, several, height, width)


def _chooser(target: int | Tensor | None, count: int, *, only: bool) -> Any:
    if target is None:
        return chooser("predicted", [], only=only)

    def choose(logits: Tensor) -> Tensor:
        wanted = torch.as_tensor(target, device=logits.device).long().expand(count)
        if int(wanted.min()) < 0 or int(wanted.max()) >= logits.shape[1]:
            raise BenchError(f"target {target} is not one of the network's {logits.shape[1]} classes", where="explain")
        return wanted

    return choose
