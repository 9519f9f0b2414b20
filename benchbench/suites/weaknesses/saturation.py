"""A trained network behind a head that saturates: Grad-CAM's weakness, with features that were learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...attribution.method_maps import method_maps
from ...errors import NotApplicable
from ...failure_policy import Failure, attempt
from ...maps.normalise import saliency
from ...network.capture import eval_frozen
from ...seeds import sample_seeds
from ...study.choices import MethodChoice
from ...types import INPUT
from ..finite_maps import finite
from ..verdict_rows import absent_row, mean_row
from .map_scores import localisation
from .questions import SATURATION
from .scenes import NO_MASKS, ShownScene
from .trained import SceneRun, values_of

NOT_RIGHT = "the network gives no image with a mask a probability of its label above one half"
OVER = 2.0  # the log-odds are this many times what saturates the head: half of them may go and y stays 1


class SaturatingHead(nn.Module):
    """[y, 0] with y = 1 - relu(1 - s z): z the log-odds of one class of the network, s such that s z is 2 in the image.

    The head of Sundararajan et al. 2017, arXiv:1703.01365, with the network as its input. The image's gradient is 0.
    Whatever takes more than half of the log-odds away makes y fall, in proportion. Below saturation, y is a growing
    function of the network's own softmax probability, so that a method that masks sees the network's own answer.

    Args:
        network: gives logits (B, classes).
        label: the class.
        odds: the class's log-odds of the image that is explained, above 0.
    """

    def __init__(self, network: nn.Module, label: int, odds: float) -> None:
        super().__init__()
        self.network, self.label, self.scale = network, label, OVER / odds

    def forward(self, images: Tensor) -> Tensor:
        y = 1 - torch.relu(1 - self.scale * log_odds(self.network(images), self.label))
        return torch.stack([y, torch.zeros_like(y)], 1)


def log_odds(logits: Tensor, label: int) -> Tensor:
    """(B,) of logits (B, classes): the label's logit less the log of the sum of the others' exponentials."""
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], 1)
    return logits[:, label] - torch.logsumexp(others, 1)


def saturation_rows(
    run: SceneRun, method: MethodChoice, heads: Sequence[tuple[ShownScene, nn.Module]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The verdict of a method behind the saturating head, and its row of the table: the score with and without it.

    Args:
        run: of the suite's study.
        method: of the study.
        heads: of ``saturating``.
    """
    layer = run.layers_of(method)[-1]
    where = {"model": run.model, "dataset": run.dataset, "layer": layer}
    if not heads:
        unmasked = all(scene.mask is None for scene in run.scenes.values())
        return absent_row(SATURATION, method.label, NO_MASKS if unmasked else NOT_RIGHT, **where), []
    maps = saturated_maps(heads, method, layer, run.seed)
    if isinstance(maps, Failure):
        return absent_row(SATURATION, method.label, maps.reason, status=maps.status, **where), []
    row = mean_row(SATURATION, method.label, values_of(maps, run.scenes, localisation), run.seed, **where)
    stored = {sample: known for sample, known in run.maps(layer, method.label).items() if sample in maps}
    before = values_of(stored, run.scenes, localisation)
    score = sum(before) / len(before) if before else float("nan")
    return row, [{"method": method.label, **where, "n": len(maps), "without": score, "saturated": row["score"]}]


def saturating(network: nn.Module, known: Sequence[ShownScene], most: int) -> Iterator[tuple[ShownScene, nn.Module]]:
    """The first scenes with a mask whose label the network gives a probability above one half, each with its head.

    Args:
        network: frozen, in eval mode.
        known: the scenes to choose from.
        most: how many at most.
    """
    count = 0
    for scene in known:
        if count == most:
            return
        if scene.mask is None or scene.label is None:
            continue
        with torch.no_grad():
            logits = network(_images(network, scene))
        odds = float(log_odds(logits, scene.label)) if scene.label < logits.shape[1] > 1 else 0.0
        if odds > 0:
            count += 1
            yield scene, SaturatingHead(network, scene.label, odds).eval()


def saturated_maps(
    heads: Sequence[tuple[ShownScene, nn.Module]], method: MethodChoice, layer: str, seed: int
) -> Mapping[str, Tensor] | Failure:
    """By sample, the map (H, W) of a method at a layer of the network behind each head; or why there is none.

    Args:
        heads: of ``saturating``.
        method: with its parameters.
        layer: a path of the network's modules.
        seed: the study's.
    """
    maps: dict[str, Tensor] = {}
    for scene, network in heads:
        drawn = attempt(partial(_map, network, scene, method, layer, seed), images=1, contain_memory=True)
        if isinstance(drawn, Failure):
            return drawn
        maps[scene.sample] = drawn
    return maps


def _map(network: nn.Module, scene: ShownScene, method: MethodChoice, layer: str, seed: int) -> Tensor:
    if "dataset" in method.needs:
        raise NotApplicable("defined on a whole dataset; not made again behind another head")
    images = _images(network, scene)
    mask = None if scene.mask is None else scene.mask[None].to(images.device)
    place = INPUT if layer == INPUT else f"network.{layer}"
    seeds = sample_seeds(seed, f"{method.plugin.name}/{layer}", [scene.sample])
    with eval_frozen(network):
        maps = method_maps(method.plugin, method.params, network, images, place, _first, seeds, masks=mask)
    return saliency(finite(maps), (images.shape[2], images.shape[3]))[0].cpu()


def _images(network: nn.Module, scene: ShownScene) -> Tensor:
    """(1, channels, H, W) where the network is."""
    place = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    return scene.image[None].to(place)


def _first(logits: Tensor) -> Tensor:
    return torch.zeros(len(logits), dtype=torch.long, device=logits.device)
