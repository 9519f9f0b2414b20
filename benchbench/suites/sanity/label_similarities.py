"""The label test of the suite ``sanity``: the same method on the network and on a network that learned random labels.

Adebayo et al. 2018, arXiv:1810.03292, call it the data randomisation test.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ...engine.progress import Progress, Silent
from ...engine.runner import run
from ...engine.sample_loader import load_sample
from ...engine.setup import load
from ...engine.study_sources import ready_spec
from ...maps.normalise import saliency
from ...maps.similarity import constant, spearman, ssim
from ...models.random_labels import NAME
from ...models.zoo import header
from ...results.record import Record
from ...study.plan import named_targets
from ...study.spec import DatasetChoice, ModelChoice, StudySpec, read_metric
from ..run_maps import run_maps

PLACE = ["dataset", "layer", "method"]
BUNDLED = f"zoo_{NAME}"
OTHER_TARGETS = "the two networks explain other classes: set target: label"
NO_MAP = "the method has no map on the network that learned random labels"
_GIVE = "Give a network that learned random labels: suite: {name: sanity, random_labels: ...}"


@dataclass(frozen=True, eq=False)
class LabelSimilarities:
    """What the label test measured.

    Attributes:
        rows: a row per model, dataset, layer, method, sample and similarity: ``y``, and ``x`` of 1.
        reasons: by model and dataset, why there are no rows; by model, dataset and method, why a method has none.
    """

    rows: pd.DataFrame
    reasons: Mapping[tuple[str, ...], str]

    def reason(self, model: str, dataset: str, method: str) -> str:
        """Why a method has no row."""
        return self.reasons.get((model, dataset, method)) or self.reasons.get((model, dataset)) or NO_MAP


@dataclass(frozen=True, eq=False)
class LabelTest:
    """The test of one run.

    Attributes:
        study: which has run.
        record: the run.
        random_labels: the network that learned random labels; empty for the bundled one.
        device: where networks run.
    """

    study: StudySpec
    record: Record
    random_labels: str | dict[str, Any]
    device: torch.device

    def run(self, progress: Progress) -> LabelSimilarities:
        """Explain the images with the other network too, and compare the maps."""
        other = network_named(self.random_labels or BUNDLED)
        rows: list[dict[str, Any]] = []
        reasons: dict[tuple[str, ...], str] = {}
        for model in self.study.models:
            fit, reason = self._datasets(model, other)
            for dataset in self.study.datasets:
                if dataset not in fit:
                    names = named_targets(dataset.label, self.study)
                    reasons |= {(model.label, name): reason or _strange(dataset) for name in names}
            if fit:
                progress.say(f"explaining {other.title}, which learned random labels")
                rows += self._compared(model, other, fit, reasons)
        columns = ["model", *PLACE, "sample", "test", "similarity", "x", "y", "constant"]
        return LabelSimilarities(pd.DataFrame(rows, columns=columns), reasons)

    def _datasets(self, model: ModelChoice, other: ModelChoice) -> tuple[tuple[DatasetChoice, ...], str]:
        """The data on which the two networks are compared, and why there are none."""
        if _shapes(model, self.device) != _shapes(other, self.device):
            return (), f"“{other.title}” has another architecture. {_GIVE}"
        if self.random_labels:
            return self.study.datasets, ""
        return tuple(data for data in self.study.datasets if not _strange(data)), ""

    def _compared(
        self,
        model: ModelChoice,
        other: ModelChoice,
        datasets: tuple[DatasetChoice, ...],
        reasons: dict[tuple[str, ...], str],
    ) -> Iterator[dict[str, Any]]:
        layers = self.study.layers_of(model.label)
        cheap = (read_metric("sparseness"),)  # a study needs a metric, and the maps are what is wanted
        change = {"models": (other,), "datasets": datasets, "layers": layers, "metrics": cheap, "suite": None}
        study = self.study.model_copy(update=change)
        with tempfile.TemporaryDirectory() as folder:
            run(study, Path(folder) / "labels", Silent())  # that this network is wrong is no news
            theirs = Record.load(Path(folder) / "labels")
            sizes = _sizes(study, self.device)
            yield from self._rows(model, theirs, sizes, reasons)

    def _rows(
        self,
        model: ModelChoice,
        theirs: Record,
        sizes: Mapping[str, tuple[int, int]],
        reasons: dict[tuple[str, ...], str],
    ) -> Iterator[dict[str, Any]]:
        ours = self.record.maps[self.record.maps["model"] == model.label]
        other = str(theirs.maps["model"].iloc[0]) if len(theirs.maps) else ""
        places = ours[ours["dataset"].isin(list(sizes))][PLACE].drop_duplicates()
        first, second = _targets(self.record, model.label), _targets(theirs, other)
        for names in places.itertuples(index=False, name=None):
            dataset, layer, method = map(str, names)
            maps = run_maps(self.record, model.label, dataset, layer, method)
            others = run_maps(theirs, other, dataset, layer, method)
            shared = [sample for sample in maps if sample in others]
            same = [sample for sample in shared if first[dataset, sample] == second[dataset, sample]]
            if shared and not same:
                reasons[model.label, dataset, method] = OTHER_TARGETS
            base = {"model": model.label, "dataset": dataset, "layer": layer, "method": method}
            for sample in same:
                here, there = (torch.from_numpy(each[sample])[None] for each in (maps, others))
                yield from ({**base, "sample": sample, **row} for row in _similar(here, there, sizes[dataset]))


def network_named(item: str | dict[str, Any]) -> ModelChoice:
    """The network that a study key ``models`` would name so.

    Raises:
        BenchError: there is none of that name.
    """
    return StudySpec(models=[item], datasets=["shapes"], methods=["random"], metrics=["sparseness"]).models[0]


def _strange(choice: DatasetChoice) -> str:
    """Why the bundled network did not learn these images, or ""."""
    count = int(header(NAME)["scenes"])
    plain = {"seed": 0, "size": 64, "split": "train", "distractors": 3, "occlusion": 0.3, "clutter": 1.0}
    shapes = choice.plugin is not None and choice.plugin.name == "shapes"
    if shapes and all(choice.params[key] == value for key, value in plain.items()) and choice.params["count"] <= count:
        return ""
    title = network_named(BUNDLED).title
    return f"“{title}” learned the first {count:,} scenes of shapes:split=train, and these images are others. {_GIVE}"


def _shapes(choice: ModelChoice, device: torch.device) -> dict[str, tuple[int, ...]]:
    """Of every tensor of a network: networks of one architecture have the same."""
    tensors = ready_spec(choice, device).network.state_dict()
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _sizes(study: StudySpec, device: torch.device) -> dict[str, tuple[int, int]]:
    """By dataset, as the tables call it, height and width of its first image as the network sees it."""
    sizes: dict[str, tuple[int, int]] = {}
    for task in load(study.models[0], study, device).plan.tasks:
        shard = task.shard
        if shard.dataset_name not in sizes:
            image = load_sample(shard.dataset, shard.indices[0], shard.model.preprocess)[1]
            sizes[shard.dataset_name] = (image.shape[1], image.shape[2])
    return sizes


def _targets(record: Record, model: str) -> dict[tuple[str, str], int | None]:
    """By dataset and sample, the class that a network's maps explain."""
    rows = record.photos[record.photos["model"] == model][["dataset", "sample", "target"]]
    return {
        (str(dataset), str(sample)): None if pd.isna(target) else int(target)
        for dataset, sample, target in rows.itertuples(index=False)
    }


def _similar(first: Tensor, second: Tensor, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """A row per measure, as the metric ``mprt`` compares two maps (1, h, w): 0 where the second has no ranks."""
    flat = bool(constant(first)[0])
    alike = {
        "spearman": spearman(first, second).nan_to_num(0),
        "ssim": ssim(saliency(first, size), saliency(second, size)),
    }
    for measure, y in alike.items():
        more = {"test": "labels", "similarity": measure, "x": 1.0, "constant": flat}
        yield {**more, "y": 1.0 if flat else float(y[0])}
