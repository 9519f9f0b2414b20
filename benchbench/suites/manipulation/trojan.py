"""``--suite trojan``: which methods find the trigger of a network with a planted trojan."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ...attribution.method_maps import method_maps
from ...engine.device import device_of
from ...engine.progress import Progress
from ...engine.setup import LoadedModel, load
from ...errors import BenchError, NotApplicable
from ...failure_policy import as_bench_error
from ...maps.normalise import saliency
from ...network.scorer import Scorer
from ...registry import suite
from ...results.record import Record
from ...results.suite_answer import SuiteAnswer
from ...seeds import sample_seeds
from ...study.spec import MethodChoice, StudySpec
from ..finite_maps import finite
from .counterfactuals import BATCH, Counterfactual, answers, counterfactuals, has_twins
from .masked_truth import heights, ignores_network, is_control, place_maps
from .trojan_answer import trojan_answer
from .trojan_place import Attack, TrojanPlace, TrojanShown

KEYS = {
    "models": ["zoo_trojaned"],
    "datasets": ["trojaned"],
    "layers": "last",
    "methods": [
        *("gradcam", "gradcam++", "layercam", "finercam", "scorecam", "ablationcam", "reciprocam", "eigencam"),
        *("fullgrad", "saliency", "inputxgradient", "integratedgradients", "smoothgrad", "guidedbackprop"),
        *("occlusion", "random", "center", "sobel", "mean-activation", "oracle"),
    ],
    "metrics": ["pxap@exact", "energy_pointing_game"],
    "target": "label",
    "samples": 66,
}
Multiple = Annotated[float, Field(gt=0, le=100)]


@suite("trojan", keys=KEYS, title="trojan triggers", paper="arXiv:2405.02344")
def find_trojan(
    study: StudySpec,
    folder: Path,
    progress: Progress,
    *,
    sizes: tuple[Multiple, ...] = (1.0, 2.0, 4.0),
    pictures: Annotated[int, Field(ge=0, le=12)] = 4,
) -> SuiteAnswer:
    """Which methods find the trigger of a network with a planted trojan.

    The label of an image with the trigger is the class that the trigger stands for; its mask is the trigger.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        sizes: how many pixels are restored, as multiples of the trigger's.
        pictures: rows of the sheet.

    Raises:
        BenchError: the target is not the label, the data have no masks, or the attack succeeds on fewer than two
            images.
    """
    if study.target != "label":
        message = f"the suite explains the class of the attack, and the study's target is {study.target!r}"
        raise BenchError(message, where="target", hint="Use target: label, with the attack's class as the label")
    record, device, places = Record.load(folder), device_of(study), []
    for choice in study.models:
        loaded = load(choice, study, device)
        for name in loaded.plan.datasets:
            attack = attack_of(loaded, name, device)
            for layer in loaded.plan.model.layers:
                progress.say(f"maps without the trigger: {choice.label} on {name} at {layer}")
                blind = blind_controls(study, loaded, attack.units[:1], layer)
                shown = {m.label: _shown(study, record, loaded, attack, name, layer, m, sizes) for m in study.methods}
                places.append(TrojanPlace(choice.label, name, layer, loaded.plan, attack, shown, blind))
        del loaded
        gc.collect()  # one network in memory at a time
    return trojan_answer(study, record, places, sizes, pictures)


def attack_of(loaded: LoadedModel, dataset: str, device: torch.device) -> Attack:
    """What the trigger does to the network's answers, and the images on which the truth is known.

    Raises:
        BenchError: the attack succeeds on fewer than two images.
    """
    pairs = [pair for pair in counterfactuals(loaded.plan, dataset) if pair.label is not None]
    triggered = answers(loaded.network, [pair.image for pair in pairs], device).argmax(1).tolist()
    clean = answers(loaded.network, [pair.without for pair in pairs], device).argmax(1).tolist()
    attack = Attack(tuple(pairs), tuple(triggered), tuple(clean), has_twins(loaded.plan.datasets[dataset]))
    if len(attack.units) < 2:
        message = (
            f"on {len(attack.units)} of {len(pairs)} images the trigger makes the network answer the label, and the "
            "network answers something else without it"
        )
        hint = "The label must be the class of the attack, the mask its trigger, and the network trojaned"
        raise BenchError(message, where=f"datasets: {dataset}", hint=hint)
    return attack


def blind_controls(
    study: StudySpec, loaded: LoadedModel, units: Sequence[Counterfactual], layer: str
) -> frozenset[str]:
    """Labels of the controls that ignore the network: their maps stay when all of its weights are drawn anew."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.seed)
        other = copy.deepcopy(loaded.network)
        for parameter in other.parameters():
            parameter.data.normal_()
    blind = set()
    for method in study.methods:
        if is_control(method) and "dataset" not in method.needs:
            with suppress(BenchError):  # a control that fails is no reference
                maps = dict(_clean_maps(study, loaded.network, units, layer, method))
                if ignores_network(maps, dict(_clean_maps(study, other, units, layer, method))):
                    blind.add(method.label)
    return frozenset(blind)


def _shown(
    study: StudySpec,
    record: Record,
    loaded: LoadedModel,
    attack: Attack,
    dataset: str,
    layer: str,
    method: MethodChoice,
    sizes: Sequence[float],
) -> TrojanShown:
    """One method's maps with and without the trigger, and whether what they show undoes the attack."""
    maps = place_maps(record, loaded.plan.model.name, dataset, layer, method)
    triggered = heights(maps, attack.units)
    units = [pair for pair in attack.units if pair.sample in triggered]
    if not units:
        return TrojanShown({}, {}, {}, "")
    undone: dict[str, list[float]] = {pair.sample: [] for pair in units}
    device = next(loaded.network.parameters()).device
    for size in sizes:
        pictures = [restored(pair, triggered[pair.sample], size) for pair in units]
        answered = answers(loaded.network, pictures, device).argmax(1).tolist()
        for pair, answer in zip(units, answered, strict=True):
            undone[pair.sample].append(float(answer != pair.label))
    try:
        clean = dict(_clean_maps(study, loaded.network, units, layer, method))
        why = ""
    except BenchError as error:
        clean, why = {}, str(error)
    return TrojanShown(triggered, clean, undone, why)


def restored(pair: Counterfactual, height: Tensor, size: float) -> Tensor:
    """The image with its highest pixels taken from the picture without the trigger; equal pixels in row-major order.

    Args:
        pair: the image with and without the trigger.
        height: the map (H, W).
        size: how many pixels, as a multiple of the trigger's; at most all.

    Returns:
        (channels, H, W).
    """
    count = min(height.numel(), max(1, round(size * int(pair.mask.sum()))))
    order = height.flatten().sort(descending=True, stable=True).indices[:count]
    chosen = torch.zeros(height.numel(), dtype=torch.bool).index_fill(0, order, True).view_as(height)
    return torch.where(chosen, pair.without, pair.image)


def _clean_maps(
    study: StudySpec, network: nn.Module, units: Sequence[Counterfactual], layer: str, method: MethodChoice
) -> Iterator[tuple[str, Tensor]]:
    """By sample, the map of the same class on the picture without the trigger; the mask there is empty.

    Raises:
        NotApplicable: the method is of a whole data set.
        BenchError: the method fails, or a map is not finite.
    """
    if "dataset" in method.needs:
        raise NotApplicable("it needs the maps of a whole data set, and has none of other pictures")
    device, scorer = next(network.parameters()).device, Scorer(network)
    for start in range(0, len(units), BATCH):
        part = units[start : start + BATCH]
        images = torch.stack([pair.without for pair in part]).to(device)
        targets = torch.tensor([pair.label for pair in part], device=device)
        seeds = sample_seeds(study.seed, f"{method.plugin.name}/{layer}/without", [pair.sample for pair in part])
        nothing = torch.zeros(len(part), *images.shape[2:], dtype=torch.bool, device=device)
        choose = partial(_fixed_targets, targets)
        with as_bench_error("the method fails on a picture without the trigger"):
            maps = method_maps(
                method.plugin, method.params, network, images, layer, choose, seeds, scorer=scorer, masks=nothing
            )
        large = saliency(finite(maps).cpu(), (images.shape[2], images.shape[3]))
        yield from zip([pair.sample for pair in part], large, strict=True)


def _fixed_targets(targets: Tensor, logits: Tensor) -> Tensor:
    return targets
