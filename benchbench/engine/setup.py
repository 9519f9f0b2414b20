"""A model with its datasets, made ready for a run: the network proven and asked, every cell named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from ..datasets.sources.class_match import on_outputs
from ..errors import BenchError
from ..failure_policy import as_bench_error
from ..network.assumptions import broken_promises
from ..network.custom_score import activation_of, is_scored, protect_inputs
from ..network.fast_copy import Prepared, prepare
from ..network.layers import finer_stages
from ..network.proven_layers import proven_layers
from ..network.starting_batch import BatchSize, choose_batch
from ..study.plan import CostCell, ReadyModel, Task, cost_cells, named_targets, shards, tasks
from ..study.spec import ModelChoice, StudySpec
from ..types import INPUT, Dataset, ModelSpec
from .network_subsets import ask_network, chosen_part
from .provenance import data_notes, describe_model, machine, warnings
from .ready_model import ready_model
from .sample_loader import load_sample
from .study_sources import (
    example_of,
    ready_dataset,
    ready_spec,
    returning_logits,
    suited,
    with_checked_names,
    with_target_score,
)

PROOF_IMAGES = 4


@dataclass(frozen=True, eq=False)
class ModelPlan:
    """One model's part of a study, without the network: what run.json says of it, its datasets, and every cell."""

    model: ReadyModel
    about: Mapping[str, Any]
    warnings: tuple[str, ...]
    datasets: Mapping[str, Dataset]
    tasks: tuple[Task, ...]
    costs: tuple[CostCell, ...]
    sizing: BatchSize


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network in memory, the copy of it that scores, and its plan."""

    network: nn.Module
    prepared: Prepared
    plan: ModelPlan


def load(choice: ModelChoice, study: StudySpec, device: torch.device) -> LoadedModel:
    """The network of a choice, ready to run.

    Raises:
        BenchError: the network does not load, fails on an image, or cannot do what the study asks of it.
    """
    spec = ready_spec(choice, device)
    hint = "Photographs are given as its Preprocess says, in RGB or with one mean in grey; tensors as they are"
    fails = "the network fails on an image of the first dataset"
    with as_bench_error(fails, where=f"models: {spec.name}", hint=hint):
        return _load(spec, study, device)


def _load(spec: ModelSpec, study: StudySpec, device: torch.device) -> LoadedModel:
    loaded = {choice.label: ready_dataset(choice, spec, study.probability) for choice in study.datasets}
    targets = {name: target for label in loaded for name, target in named_targets(label, study).items()}
    datasets = {name: dataset for label, dataset in loaded.items() for name in named_targets(label, study)}
    for name, dataset in datasets.items():
        _check_ids(name, dataset.ids)
    first = next(iter(datasets.values()))
    example = example_of(first, spec, device)
    spec = with_target_score(returning_logits(spec, example, study.probability), study)
    spec = suited(replace(spec, network=protect_inputs(spec.network, example)), example)
    sizing = _sizing(spec, study, example)
    proof = _proof(first, spec, example)
    prepared = prepare(
        spec.network,
        proof,
        precision=study.precision,
        compiled=study.compile,
        batch=sizing.batch,
    )
    activation = activation_of(spec.network, study.probability)
    settings = {
        "device": device.type,
        "prepared": prepared.used,
        "precision": prepared.precision,
        "compiled": prepared.compiled,
        "scored": is_scored(spec.network),
        **({"score": activation} if activation != "softmax" else {}),
    }
    spec = replace(
        spec, warning="; ".join(filter(None, [spec.warning, *broken_promises(spec.name, spec.network, proof)]))
    )
    model = ready_model(spec, study, example, settings)
    spec = with_checked_names(spec, model)
    model = _captured(model, spec.network, prepared, proof, study)
    if not is_scored(spec.network):  # a score has no classes
        loaded = {label: on_outputs(data, spec.classes, model.classes, spec.name) for label, data in loaded.items()}
    ask = partial(ask_network, spec, study, device, sizing.batch)
    chosen = {choice.label: chosen_part(choice, loaded[choice.label], spec, study, ask) for choice in study.datasets}
    datasets = {name: chosen[label] for label in loaded for name in named_targets(label, study)}
    pieces = [s for name, dataset in datasets.items() for s in shards(model, dataset, name, targets[name], study)]
    firsts = {shard.dataset_name: shard for shard in reversed(pieces)}
    here = machine(device)
    plan = ModelPlan(
        model,
        {**describe_model(model, spec, prepared), **({"data": notes} if (notes := data_notes(datasets)) else {})},
        warnings(spec, prepared),
        datasets,
        tuple(tasks(shard, study) for shard in pieces),
        tuple(cell for name in datasets for cell in cost_cells(firsts[name], study, sizing.batch, here)),
        sizing,
    )
    return LoadedModel(spec.network, prepared, plan)


def _proof(dataset: Dataset, spec: ModelSpec, example: torch.Tensor) -> torch.Tensor:
    """The first readable images of the example's shape, for the prepared network to prove itself on."""
    images = []
    for index in range(min(len(dataset.ids), PROOF_IMAGES)):
        try:
            image = load_sample(dataset, index, spec.preprocess)[1]
        except BenchError:
            continue
        if image.shape == example.shape[1:]:
            images.append(image)
    return torch.stack(images).to(example.device) if images else example


def _captured(
    model: ReadyModel, network: nn.Module, prepared: Prepared, proof: torch.Tensor, study: StudySpec
) -> ReadyModel:
    """With the layers at which maps may come from the copy that scores, decided on the same images every time.

    If the copy fails at one of the study's layers, every map comes from the network. A finer stage, which some methods
    ask for besides, is captured on the copy if it is proven itself.
    """
    if not prepared.used or prepared.precision != "float32" or prepared.compiled:
        return replace(model, settings={**model.settings, "captures": False})
    layers = [layer for layer in model.layers if not model.skips.get((layer, "any"))]
    layers += [INPUT] if any("input" in method.needs for method in study.methods) else []
    finer: list[str] = []
    if any("stages" in method.needs for method in study.methods):
        finer = [name for layer in layers if layer != INPUT for name in finer_stages(network, proof[:1], layer)]
    proven = proven_layers(network, prepared.network, proof, list(dict.fromkeys([*layers, *finer])))
    captures = proven.issuperset(layers)
    return replace(model, proven=proven if captures else None, settings={**model.settings, "captures": captures})


def _needs_gradient(study: StudySpec) -> bool:
    return any("gradient" in method.needs for method in study.methods)


def _sizing(spec: ModelSpec, study: StudySpec, example: torch.Tensor) -> BatchSize:
    if study.batch != "auto":
        return BatchSize(study.batch, False, None)
    return choose_batch(spec.network, example, gradient=_needs_gradient(study))


def _check_ids(name: str, ids: Sequence[str]) -> None:
    if not ids:
        raise BenchError("the dataset is empty", where=f"datasets: {name}")
    if len(set(ids)) != len(ids):
        raise BenchError("the dataset has two samples of the same id", where=f"datasets: {name}")
